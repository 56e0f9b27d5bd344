"""Whether a vector file that was written holds what it should."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dissmodel.errors import DissmodelWarning, InvalidInput
from dissmodel.io.layer import Layer, open_layer
from dissmodel.io.vector_read import has_pyarrow
from dissmodel.io.vector_write import FORMATS

if TYPE_CHECKING:
    import geopandas as gpd

# Formats that store numbers as text, which GDAL shortens.
_NUMBERS_AS_TEXT = {"ESRI Shapefile", "GeoJSON"}


def check_written(frame: gpd.GeoDataFrame, path: Path, driver: str, *, indexed: bool) -> None:
    """Read the file back: where the disk is full at the very end, GDAL says nothing; warn of rounded numbers.

    Parameters
    ----------
    frame : geopandas.GeoDataFrame
        What was written.
    path : pathlib.Path
        The file.
    driver : str
        GDAL's.
    indexed : bool
        Whether it has a spatial index.

    Raises
    ------
    OSError
        If not all of it is there.
    """
    import pyogrio  # noqa: PLC0415  (it loads pandas)

    if len(frame) == 0 or driver == "Parquet":
        return
    numbers: list[NDArray[Any]] = []
    try:
        chosen = open_layer(path)
        info = pyogrio.read_info(chosen.source)
        names = [str(name) for name in frame.columns if name != frame.geometry.name]
        # A shapefile's names are cut, but it keeps their order.
        fields = info["fields"].tolist()
        compared = [
            (name, field)
            for name, field in zip(names, fields, strict=len(names) == len(fields))
            if driver in _NUMBERS_AS_TEXT and frame[name].dtype.kind in "iuf"
        ]
        count, numbers = _read(chosen, [field for _, field in compared])
    except (InvalidInput, pyogrio.errors.DataLayerError) as error:
        raise OSError(None, f"it is incomplete ({error})") from error
    if count != len(frame):
        raise OSError(None, f"only {count} of {len(frame)} features arrived")
    if indexed and not info["capabilities"]["fast_spatial_filter"]:
        raise OSError(None, "its spatial index, which is written last, is missing")
    rounded = [
        name for (name, _), found in zip(compared, numbers, strict=True) if not _equal(frame[name], found)
    ]
    if rounded:
        warnings.warn(
            f"{FORMATS[driver]} stores numbers as text: some in {', '.join(rounded)} are rounded.",
            DissmodelWarning,
            stacklevel=2,
        )


def _read(chosen: Layer, names: Sequence[str]) -> tuple[int, list[NDArray[Any]]]:
    """Return how many features there are, and the values of some fields."""
    import pyogrio  # noqa: PLC0415  (it loads pandas)

    if not names and has_pyarrow():
        return pyogrio.raw.read_arrow(chosen.source, columns=[])[1].num_rows, []
    meta, _, geometry, values = pyogrio.raw.read(chosen.source, columns=names)
    read = dict(zip(meta["fields"], values, strict=True))
    return len(geometry), [read[name] for name in names]


def _equal(given: Any, found: NDArray[Any]) -> bool:
    if found.dtype.kind not in "biuf":
        return bool(given.isna().all())
    null = given.isna().to_numpy(dtype=bool)
    if found.dtype.kind == "f" and not np.array_equal(np.isnan(found), null):
        return False
    dtype = getattr(given.dtype, "numpy_dtype", given.dtype)
    expected = (
        given.to_numpy(dtype=object)[~null].astype(dtype) if null.any() else given.to_numpy(dtype=dtype)
    )
    kept = found[~null]
    # As what they were: floats round large integers alike, and have more digits than short floats.
    with np.errstate(invalid="ignore", over="ignore"):
        return np.array_equal(expected, kept.astype(dtype) if kept.dtype.kind == "f" else kept)
