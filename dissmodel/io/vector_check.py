"""Whether a vector file that was written holds what it should."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dissmodel.errors import DissmodelWarning, InvalidInput
from dissmodel.io.fields import Field
from dissmodel.io.layer import open_layer
from dissmodel.io.vector_limits import FORMATS

# Formats that store numbers as text, which GDAL shortens.
_NUMBERS_AS_TEXT = {"ESRI Shapefile", "GeoJSON"}


def check_written(path: Path, driver: str, count: int, fields: Sequence[Field], *, indexed: bool) -> None:
    """Read the file back: GDAL does not report a disk that is full at the very end. Warn of rounded numbers.

    `indexed` says whether it has a spatial index. Raises OSError if not all of it is there.
    """
    import pyogrio  # noqa: PLC0415  (it loads pandas)

    if not count:
        return
    try:
        chosen = open_layer(path)
        info = pyogrio.read_info(chosen.source)
        # Names may be cut, but the order stays.
        numbers = [
            (field, name)
            for field, name in zip(fields, info["fields"].tolist(), strict=len(fields) == len(info["fields"]))
            if driver in _NUMBERS_AS_TEXT and field.kind in {"integer", "real"}
        ]
        columns = [name for _, name in numbers]
        meta, _, geometry, values = pyogrio.raw.read(chosen.source, columns=columns)
    except (InvalidInput, pyogrio.errors.DataLayerError) as error:
        raise OSError(None, f"it is incomplete ({error})") from error
    if len(geometry) != count:
        raise OSError(None, f"only {len(geometry)} of {count} features arrived")
    if indexed and not info["capabilities"]["fast_spatial_filter"]:
        raise OSError(None, "its spatial index, which is written last, is missing")
    read = dict(zip(meta["fields"], values, strict=True))
    rounded = [field.name for field, name in numbers if not _equal(field, read[name])]
    if rounded:
        warnings.warn(
            f"{FORMATS[driver]} stores numbers as text: some in {', '.join(rounded)} are rounded.",
            DissmodelWarning,
            stacklevel=2,
        )


def _equal(field: Field, found: NDArray[Any]) -> bool:
    given, kept = field.values[~field.null], found[~field.null]
    if kept.dtype.kind not in "biuf":
        return not len(given)
    # As what they were: floats round large integers alike, and have more digits than short floats.
    with np.errstate(invalid="ignore", over="ignore"):
        return np.array_equal(given, kept.astype(given.dtype) if kept.dtype.kind == "f" else kept)
