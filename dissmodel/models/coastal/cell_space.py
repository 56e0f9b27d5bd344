"""From the polygons of a vector dataset to a cell space of the polygons themselves, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dissmodel.errors import InvalidInput
from dissmodel.executor.findings import RAISED, Problems
from dissmodel.geo.vector.neighborhood import Neighborhood, grid, neighborhood_of
from dissmodel.models.coastal import checks
from dissmodel.models.coastal.parameters import SeaParameters
from dissmodel.models.coastal.polygon_fields import read_fields
from dissmodel.models.coastal.state import CellState

if TYPE_CHECKING:
    from geopandas import GeoDataFrame, GeoSeries

OFF_GRID = frozenset({"cells_lost", "cells_off_grid", "bad_row_col"})
"""Codes of the errors of polygons that are not the cells of a grid."""


@dataclass(slots=True)
class Cells:
    """Polygons and the cell space that they are."""

    frame: GeoDataFrame  # with all fields, as they were read
    state: CellState  # in feature order
    found: Mapping[str, str]  # canonical name → name of the field


def read_cells(
    frame: Any,
    parameters: SeaParameters,
    column_map: Mapping[str, Any],
    problems: Problems = RAISED,
) -> Cells | None:
    """Return the cell space of polygons: one cell per feature, visited in the order of the features.

    Fields `row` and `col` decide the neighbours where both are there; else the geometry does. None if
    problems are collected and there are any.
    """
    if not hasattr(frame, "geometry"):
        problems.tell(
            InvalidInput(
                "The input is a raster, and this model works on polygons.",
                "Give a dataset of polygons, or take a model whose name ends in _raster.",
                code="no_polygons",
            )
        )
        return None
    values = read_fields(frame, parameters, column_map, problems)
    if values is None:
        return None
    with problems.at():
        _refuse_near_passo(frame, values.found)
    neighborhood = None
    with problems.at():
        neighborhood = _neighborhood(frame, values.found)
    with problems.at():
        checks.settled_crs(frame.crs, parameters.crs)
    if problems.failed or neighborhood is None:
        return None
    if frame.crs is None and parameters.crs is not None:
        frame = frame.set_crs(parameters.crs)
    state = CellState(values.uso, values.solo, values.alt, neighborhood, values.step)
    return Cells(frame, state, values.found)


def _refuse_near_passo(frame: GeoDataFrame, found: Mapping[str, str]) -> None:
    """Refuse a field that `passo` can't stand beside where only capitals differ, as in a GeoPackage."""
    near = [str(name) for name in frame.columns if str(name).casefold() == "passo"]
    if near and "passo" not in found:
        raise InvalidInput(
            f"The column {near[0]!r} and passo, which the result needs, would have one name.",
            f"If it holds the step of the features: --column-map passo={near[0]}; else rename it.",
            code="ambiguous_column",
        )


def _neighborhood(frame: GeoDataFrame, found: Mapping[str, str]) -> Neighborhood:
    if not {"row", "col"} <= found.keys():
        return neighborhood_of(frame)
    # Only numbers that have to fit the geometry need what makes pixels of it.
    from dissmodel.io.convert import cells_to_grid  # noqa: PLC0415  (as above)

    try:
        places = cells_to_grid(frame, row=found["row"], col=found["col"])
    except InvalidInput as error:
        if error.code not in OFF_GRID:
            raise
        raise InvalidInput(
            error.message,
            f"Fix {found['row']!r} and {found['col']!r}, or rename them: without them the geometry "
            "decides which cells are neighbours.",
            code=error.code,
        ) from error
    return grid(places.rows, places.cols)


def with_state(cells: Cells) -> GeoDataFrame:
    """Return the features with the fields that a run changes; all else is as it was.

    A field keeps its type where that holds every value exactly, else it becomes float64; ``passo`` is added
    where it isn't there.
    """
    state, found = cells.state, cells.found
    new: dict[str, NDArray[Any]] = {
        found["uso"]: state.uso.astype(np.int64),
        found["alt"]: state.alt,
        found["solo"]: state.solo.astype(np.int64),
        found.get("passo", "passo"): np.full(state.cells, state.step, dtype=np.int64),
    }
    frame = cells.frame
    return frame.assign(**{name: _typed(values, frame.get(name)) for name, values in new.items()})


def _typed(values: NDArray[Any], before: GeoSeries | None) -> Any:
    """Return `values` in the type that they had before, if it holds them."""
    if before is None:
        return values
    with np.errstate(invalid="ignore", over="ignore"):
        kept = values.astype(getattr(before.dtype, "numpy_dtype", before.dtype))
    return kept if np.array_equal(kept, values) else values.astype(np.float64)
