"""Which values of a layer are null, and integers among nulls: what pyogrio's arrays of numbers don't tell."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dissmodel.io.layer import Layer

_EXACT_IN_FLOAT = 2**53


def exact_integers(
    layer: Layer,
    name: str,
    values: NDArray[np.float64],
    null: NDArray[np.bool_],
    fids: NDArray[np.int64] | None = None,
) -> NDArray[Any]:
    """Return integers that pyogrio returned as floats because some are null; nulls are 0.

    Where one is too large for a float, those that aren't null are read again. `fids` are the ids of the
    features, where these are not all features of the layer in its order.
    """
    filled = np.where(null, 0, values)
    if not (np.abs(filled) >= _EXACT_IN_FLOAT).any():
        return filled.astype(np.int64)
    found, numbers = _read(layer, name, f"{_quoted(layer, name)} IS NOT NULL")
    exact = np.zeros(len(values), dtype=np.int64)
    if fids is None:
        exact[~null] = numbers
    else:
        order = np.argsort(found)
        exact[~null] = numbers[order][np.searchsorted(found[order], fids[~null])]
    return exact


def nulls(layer: Layer, name: str, count: int) -> NDArray[np.bool_]:
    """Return which of `count` floats are null and no NaN, shape (count,)."""
    every, _ = _read(layer, name)
    null, _ = _read(layer, name, f"{_quoted(layer, name)} IS NULL")
    return np.isin(every, null) if len(every) == count else np.zeros(count, dtype=bool)


def _read(layer: Layer, name: str, where: str | None = None) -> tuple[NDArray[np.int64], NDArray[Any]]:
    import pyogrio  # noqa: PLC0415  (it loads pandas)

    _, fids, _, fields = pyogrio.raw.read(
        layer.source, columns=[name], read_geometry=False, where=where, return_fids=True, **layer.opening
    )
    return fids, fields[0]


def _quoted(layer: Layer, name: str) -> str:
    return '"' + name.replace('"', '""' if layer.driver == "GPKG" else '\\"') + '"'
