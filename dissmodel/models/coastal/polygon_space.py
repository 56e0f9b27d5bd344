"""From the polygons of a vector dataset to a cell space on a grid of pixels."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from dissmodel.errors import DissmodelWarning, InvalidInput
from dissmodel.executor.findings import RAISED, Problems
from dissmodel.io import convert
from dissmodel.models.coastal import checks
from dissmodel.models.coastal.classes import NO_SOIL, NO_USE
from dissmodel.models.coastal.parameters import SeaParameters
from dissmodel.models.coastal.polygon_fields import read_fields
from dissmodel.models.coastal.state import CoastalState

if TYPE_CHECKING:
    from geopandas import GeoDataFrame


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
        crs = checks.settled_crs(cells.crs, parameters.crs)
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
