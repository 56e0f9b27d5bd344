"""The polygons of a vector dataset as a cell space: of the polygons themselves, or on a grid of pixels."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from dissmodel.cells import file_values
from dissmodel.errors import DissmodelWarning, InvalidInput
from dissmodel.executor.findings import RAISED, Problems
from dissmodel.geo.vector.neighborhood import Neighborhood, grid, neighborhood_of
from dissmodel.models.coastal import checks, names
from dissmodel.models.coastal.classes import NO_SOIL, NO_USE
from dissmodel.models.coastal.parameters import SeaParameters
from dissmodel.models.coastal.state import CellState, CoastalState

if TYPE_CHECKING:
    from geopandas import GeoDataFrame, GeoSeries


@dataclass(frozen=True, slots=True)
class Fields:
    """What the features hold, in their order: arrays of shape (n,), elevations in metres."""

    uso: NDArray[np.uint8]
    solo: NDArray[np.uint8]
    alt: NDArray[np.float64]
    step: int  # that the features belong to, 0 without a field passo
    found: Mapping[str, str]  # canonical name → name in the file


def read_fields(
    cells: GeoDataFrame,
    parameters: SeaParameters,
    column_map: Mapping[str, Any],
    problems: Problems = RAISED,
) -> Fields | None:
    """Return the fields of polygons; None if there are no features.

    Where problems are collected, a field that has one is all zeros.
    """
    if cells.empty:
        problems.tell(
            InvalidInput("No cell is in the space: the dataset has no features.", code="empty_space")
        )
        return None
    present = [str(column) for column in cells.columns if column != cells.geometry.name]
    found = names.find("column", column_map, present, problems)
    read: dict[str, Callable[[NDArray[np.float64]], Any]] = {
        "uso": partial(checks.whole, "uso"),
        "solo": partial(checks.whole, "solo"),
        "alt": partial(checks.whole, "alt"),
        "passo": lambda steps: file_values.one_counter(steps, f"The column {found['passo']!r}"),
    }
    nothing = np.zeros(len(cells), np.uint8)
    values: dict[str, Any] = {"uso": nothing, "solo": nothing, "alt": np.zeros(len(cells)), "passo": 0}
    for name, checked in read.items():
        if name in found:
            with problems.at():
                values[name] = checked(file_values.numbers(cells, found[name]))
    with problems.at():
        parameters.check_steps(values["passo"])
    return Fields(values["uso"], values["solo"], values["alt"], values["passo"], found)


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
        if "passo" not in values.found:
            file_values.refuse_near("passo", map(str, frame.columns))
    neighborhood = None
    with problems.at():
        neighborhood = _neighborhood(frame, values.found)
    with problems.at():
        file_values.settled_crs(frame.crs, parameters.crs)
    if problems.failed or neighborhood is None:
        return None
    if frame.crs is None and parameters.crs is not None:
        frame = frame.set_crs(parameters.crs)
    state = CellState(values.uso, values.solo, values.alt, neighborhood, values.step)
    return Cells(frame, state, values.found)


def _neighborhood(frame: GeoDataFrame, found: Mapping[str, str]) -> Neighborhood:
    if not {"row", "col"} <= found.keys():
        return neighborhood_of(frame)
    # Only numbers that have to fit the geometry need what makes pixels of it.
    from dissmodel.io.convert import cells_to_grid  # noqa: PLC0415  (it loads GDAL)

    with file_values.by_row_and_col(found):
        places = cells_to_grid(frame, row=found["row"], col=found["col"])
    return grid(places.rows, places.cols)


def with_state(cells: Cells) -> GeoDataFrame:
    """Return the features with the fields of the state; all other columns are unchanged.

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


def read_polygons(
    cells: GeoDataFrame,
    parameters: SeaParameters,
    column_map: Mapping[str, Any],
    problems: Problems = RAISED,
) -> CoastalState | None:
    """Return the cell space of polygons: one pixel per cell, visited in the order of the features.

    A resolution other than the cells' own resamples them. None if problems are collected and there are any.
    """
    values = read_fields(cells, parameters, column_map, problems)
    if values is None:
        return None
    with problems.at():
        index, transform = _pixels(cells, values.found, parameters.resolution)
    with problems.at():
        crs = file_values.settled_crs(cells.crs, parameters.crs)
    if problems.failed:
        return None
    inside = index >= 0
    return CoastalState(
        uso=np.where(inside, values.uso[index], np.uint8(NO_USE)),
        solo=np.where(inside, values.solo[index], np.uint8(NO_SOIL)),
        alt=np.where(inside, values.alt[index], np.nan),
        step=values.step,
        order=_feature_order(index, inside),
        # A corner of -0.0 is one of 0.0 once it was written and read.
        transform=Affine(*(part + 0.0 for part in transform[:6])),
        crs=crs,
    )


def _pixels(
    cells: GeoDataFrame, found: Mapping[str, str], resolution: float | None
) -> tuple[NDArray[np.int64], Affine]:
    """Return the feature of each pixel, -1 outside the space, and the transform."""
    from dissmodel.io.convert import cells_to_grid, resample_cells  # noqa: PLC0415  (it loads GDAL)

    try:
        grid = cells_to_grid(cells, row=found.get("row", "row"), col=found.get("col", "col"))
    except InvalidInput:
        if resolution is None:
            raise
    else:
        sides = (grid.transform.a, -grid.transform.e)
        if resolution is None or all(math.isclose(side, resolution, rel_tol=1e-6) for side in sides):
            index = np.full(grid.shape, -1, dtype=np.int64)
            index[grid.rows, grid.cols] = np.arange(len(cells))
            return index, grid.transform
    index, transform = resample_cells(cells, resolution)
    present = np.unique(index[index >= 0]).size
    if not present:
        raise InvalidInput(
            f"No cell is in the space: none covers the centre of a pixel of {resolution:g} m.",
            "Give a smaller one: --param resolution=…",
            code="empty_space",
        )
    if present < len(cells):
        warnings.warn(
            f"At a resolution of {resolution:g}, {len(cells) - present} of {len(cells)} cells have no pixel.",
            DissmodelWarning,
            stacklevel=2,
        )
    return index, transform


def _feature_order(
    index: NDArray[np.int64], inside: NDArray[np.bool_]
) -> NDArray[np.signedinteger[Any]] | None:
    """Return the features' order; pixels of one feature follow each other row by row."""
    features = index[inside]
    if np.all(features[1:] >= features[:-1]):
        return None
    return checks.ranked(np.argsort(features, kind="stable"), inside)
