"""Patches and edges of a map of classes, as pylandstats measures them (extra ``landscape``)."""

from __future__ import annotations

import importlib.util
import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

MOST_CELLS = 2**26
"""Of a map that is held in memory."""
# Those that need no distances between patches, which take hours on a map of many patches.
_OF_BOTH = (
    "total_area",
    "number_of_patches",
    "patch_density",
    "largest_patch_index",
    "total_edge",
    "edge_density",
    "landscape_shape_index",
    "effective_mesh_size",
    "area_mn",
)
_OF_CLASSES = ("proportion_of_landscape",)
_OF_ALL = ("shannon_diversity_index",)


@dataclass(frozen=True)
class Landscape:
    """Metrics of a map, by the names and in the units of pylandstats: ha, m, m per ha, patches per 100 ha, %.

    `whole` is name → value, `classes` class → name → value; None where a metric is not defined.
    """

    whole: Mapping[str, float | None]
    classes: Mapping[str, Mapping[str, float | None]]


def is_installed() -> bool:
    """Return whether pylandstats is there."""
    return importlib.util.find_spec("pylandstats") is not None


def landscape_of(picture: NDArray[np.uint16], pixel: tuple[float, float], names: Sequence[str]) -> Landscape:
    """Measure a map, shape (rows, columns), of classes from 1, 0 outside; a pixel is in metres, x and y.

    `names` are those of the classes 1, 2 …; a class that the map lacks has no metrics.
    """
    import pylandstats  # noqa: PLC0415  (an extra, and slow to load)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of metrics that are not defined, and they are None
        found = pylandstats.Landscape(picture, res=pixel, nodata=0)
        whole = found.compute_landscape_metrics_df(metrics=[*_OF_BOTH, *_OF_ALL]).iloc[0].to_dict()
        classes = found.compute_class_metrics_df(metrics=[*_OF_BOTH, *_OF_CLASSES]).to_dict("index")
    return Landscape(_finite(whole), {names[int(code) - 1]: _finite(row) for code, row in classes.items()})


def _finite(row: Mapping[Any, Any]) -> dict[str, float | None]:
    return {str(name): float(value) if math.isfinite(value) else None for name, value in row.items()}
