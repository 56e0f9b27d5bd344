"""From the polygons of a vector dataset to a cell space on a grid of pixels."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from dissmodel.errors import DissmodelWarning, InvalidInput
from dissmodel.executor.findings import RAISED, Problems
from dissmodel.io import convert
from dissmodel.models.coastal import checks, names
from dissmodel.models.coastal.classes import NO_SOIL, NO_USE
from dissmodel.models.coastal.parameters import CoastalParameters
from dissmodel.models.coastal.state import CoastalState

if TYPE_CHECKING:
    from geopandas import GeoDataFrame


def read_polygons(
    cells: GeoDataFrame,
    parameters: CoastalParameters,
    column_map: Mapping[str, Any],
    problems: Problems = RAISED,
) -> CoastalState | None:
    """Return the cell space of polygons: one pixel per cell, visited in the order of the features.

    Parameters
    ----------
    cells : geopandas.GeoDataFrame
        One feature per cell.
    parameters : CoastalParameters
        ``crs`` and ``resolution`` are used, a resolution other than the cells' own resamples them;
        ``end_time`` is checked.
    column_map : Mapping of str to str
        Canonical name → name in the file.
    problems : Problems
        What becomes of a problem; where they are collected and there are any, the result is None.

    Raises
    ------
    InvalidInput, UsageError
        If a column is missing or holds illegal values, the cells make no grid, or the run would end before
        the first step.
    """
    if cells.empty:
        problems.tell(
            InvalidInput("No cell is in the space: the dataset has no features.", code="empty_space")
        )
        return None
    present = [str(column) for column in cells.columns if column != cells.geometry.name]
    found = names.find("column", column_map, present, problems)
    numbers = {}
    for name in (*names.FIELDS, "passo"):
        if name in found:
            with problems.at():
                numbers[name] = _numbers(cells, found[name])
    read: dict[str, Callable[[NDArray[np.float64]], Any]] = {
        "uso": lambda codes: checks.whole(checks.LandUse(codes.shape), codes),
        "solo": lambda codes: checks.whole(checks.Soil(codes.shape), codes),
        "alt": lambda heights: checks.whole(checks.Elevation(heights.shape), heights),
        "passo": lambda steps: checks.last_step(steps, f"The column {found['passo']!r}"),
    }
    values: dict[str, Any] = {"passo": 0}
    for name, checked in read.items():
        if name in numbers:
            with problems.at():
                values[name] = checked(numbers[name])
    with problems.at():
        index, transform = _pixels(cells, found, parameters.resolution)
    with problems.at():
        crs = checks.settled_crs(cells.crs, parameters.crs)
    with problems.at():
        checks.check_end(parameters.end_time, values["passo"])
    if problems.failed:
        return None
    inside = index >= 0
    return CoastalState(
        uso=np.where(inside, values["uso"][index], np.uint8(NO_USE)),
        solo=np.where(inside, values["solo"][index], np.uint8(NO_SOIL)),
        alt=np.where(inside, values["alt"][index], np.nan),
        step=values["passo"],
        order=_feature_order(index, inside),
        transform=transform,
        crs=crs,
    )


def _numbers(cells: GeoDataFrame, column: str) -> NDArray[np.float64]:
    """Return a column as float64, NaN where it is null."""
    values = cells[column]
    if values.dtype.kind not in "iuf":
        raise InvalidInput(
            f"The column {column!r} holds {values.dtype} values (or nothing), not numbers.",
            "Mend the file, or name another column with --column-map",
        )
    return np.asarray(values.to_numpy(dtype=np.float64, na_value=np.nan))


def _pixels(
    cells: GeoDataFrame, found: Mapping[str, str], resolution: float | None
) -> tuple[NDArray[np.int64], Affine]:
    """Return the feature of each pixel, -1 outside the space, and the transform."""
    try:
        grid = convert.cells_to_grid(cells, row=found.get("row", "row"), col=found.get("col", "col"))
    except InvalidInput:
        if resolution is None:
            raise
        return _resampled(cells, resolution)
    sides = (grid.transform.a, -grid.transform.e)
    if resolution is not None and not all(math.isclose(s, resolution, rel_tol=1e-6) for s in sides):
        return _resampled(cells, resolution)
    index = np.full(grid.shape, -1, dtype=np.int64)
    index[grid.rows, grid.cols] = np.arange(len(cells))
    return index, grid.transform


def _resampled(cells: GeoDataFrame, resolution: float) -> tuple[NDArray[np.int64], Affine]:
    index, transform = convert.resample_cells(cells, resolution)
    present = np.unique(index[index >= 0]).size
    if not present:
        raise InvalidInput(
            f"No cell is in the space: none covers the centre of a pixel of {resolution:g} m.",
            "Give a smaller resolution.",
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
