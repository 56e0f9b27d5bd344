"""The cell space in memory, on a grid of pixels or as a list of cells with neighbours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dissmodel.models.coastal.classes import NO_USE

if TYPE_CHECKING:
    from dissmodel.geo.vector.sparse import Neighborhood


@dataclass(slots=True)
class CoastalState:
    """A coastal cell space at one moment; a kernel advances it in place.

    Attributes
    ----------
    uso : ndarray of uint8, shape (rows, cols)
        Land use, `classes.NO_USE` outside the space.
    solo : ndarray of uint8, shape (rows, cols)
        Soil, `classes.NO_SOIL` outside the space.
    alt : ndarray of float64, shape (rows, cols)
        Elevation in metres, NaN outside the space.
    step : int
        The step that this state belongs to (``passo``); the next one is ``step + 1``.
    order : ndarray of int32 or int64, shape (rows, cols), or None
        The place of each cell in the visiting order, 0 to cells - 1, -1 outside; None for row-major.
    transform : affine.Affine or None
        From (col, row) of the file to the coordinates of `crs`; None if the input has none.
    crs : rasterio.crs.CRS or None
        The coordinate reference system; None if the input has none.
    flipped : tuple of (bool, bool)
        Whether the file stores its rows from south to north, and its columns from east to west.

    Notes
    -----
    All arrays are C-contiguous. Their rows run from north to south and their columns from west to east, so
    that row-major is the visiting order of a map however its file stores it; `as_stored` turns them back. The
    arrays of a rotated grid, or of one without a transform, are as the file stores them.
    """

    uso: NDArray[np.uint8]
    solo: NDArray[np.uint8]
    alt: NDArray[np.float64]
    step: int = 0
    order: NDArray[np.signedinteger[Any]] | None = None
    transform: Any = None
    crs: Any = None
    flipped: tuple[bool, bool] = (False, False)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        rows, cols = self.uso.shape
        return rows, cols

    @property
    def inside(self) -> NDArray[np.bool_]:
        """Where the space is: bool, shape (rows, cols)."""
        return np.not_equal(self.uso, NO_USE)

    @property
    def cells(self) -> int:
        """The number of cells in the space."""
        return int(np.count_nonzero(self.uso))

    @property
    def geographic(self) -> bool:
        """Whether rows run from north to south and columns from west to east."""
        return self.transform is not None and not is_rotated(self.transform)

    def as_stored(self, band: NDArray[Any], rows: slice) -> NDArray[Any]:
        """Return the rows `rows` of the file, of one of the arrays: a view."""
        upside_down, mirrored = self.flipped
        if upside_down:
            band = band[::-1]
        return band[rows, :: -1 if mirrored else 1]


def is_rotated(transform: Any) -> bool:
    """Return whether rows and columns of a grid don't run along the axes of its coordinates."""
    return bool(transform.b or transform.d)


@dataclass(slots=True)
class CellState:
    """A coastal cell space of any cells at one moment, all in the space; a kernel advances it in place.

    Attributes
    ----------
    uso : ndarray of uint8, shape (n,)
        Land use, in visiting order as all arrays.
    solo : ndarray of uint8, shape (n,)
        Soil.
    alt : ndarray of float64, shape (n,)
        Elevation in metres.
    neighborhood : Neighborhood
        Who is whose neighbour, both ways.
    step : int
        The step that this state belongs to (``passo``); the next one is ``step + 1``.
    """

    uso: NDArray[np.uint8]
    solo: NDArray[np.uint8]
    alt: NDArray[np.float64]
    neighborhood: Neighborhood
    step: int = 0

    @property
    def cells(self) -> int:
        """The number of cells."""
        return len(self.uso)
