"""The values of a dataset's cells in the order in which they are visited."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dissmodel.cells.layout import Layout, Pixels, Polygons
from dissmodel.cells.reading import CellData
from dissmodel.models.lucc.space import Whole


class Visit:
    """Reads values of cells in visiting order, and writes them.

    Parameters
    ----------
    data : CellData
    order : str, optional
        The field whose numbers are the order; by default it is that of the kit.
    """

    def __init__(self, data: CellData, order: str | None) -> None:
        self.data = data
        self.size = data.layout.cells
        self._places = None if order is None else np.argsort(self._cells(order), kind="stable")

    def read(self, name: str) -> NDArray[Any]:
        """Return the values of a field, shape (cells,): a copy."""
        return self.ordered(self._cells(name))

    def ordered(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return values of the kit's order in visiting order: a copy."""
        return values.copy() if self._places is None else values[self._places]

    def write(self, name: str, values: NDArray[Any]) -> None:
        """Set the values of a field."""
        given = np.ascontiguousarray(values)
        if self._places is not None:
            given = np.empty_like(given)
            given[self._places] = values
        if isinstance(self.data.layout, Pixels):
            given = self.data.layout.picture(given, self.data.fields[name].outside)
        self.data.values[name] = given

    def grid(self) -> tuple[Whole, Whole]:
        """Return the row and the column of each cell; raise `InvalidInput` where they are on no grid."""
        rows, cols = places_of(self.data.layout)
        return self.ordered(rows), self.ordered(cols)

    def named(self, cell: int) -> str:
        """Return where a cell is, for people."""
        return self.data.layout.place(cell if self._places is None else int(self._places[cell]))

    def _cells(self, name: str) -> NDArray[Any]:
        return self.data.layout.on_cells(self.data.values[name])


def places_of(layout: Layout) -> tuple[Whole, Whole]:
    """Return the row and the column of each cell; raise `InvalidInput` where they are on no grid."""
    if isinstance(layout, Polygons) and layout.pixels is not None:
        rows, cols = (layout.frame[layout.found[name]].to_numpy(np.int64) for name in ("row", "col"))
        return rows, cols
    rows, cols = layout.as_pixels.at
    return rows.astype(np.int64, copy=False), cols.astype(np.int64, copy=False)
