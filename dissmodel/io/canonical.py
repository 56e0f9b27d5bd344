"""The form that values take in a content digest: one for each number, text and CRS."""

from __future__ import annotations

import contextlib
import re
import warnings
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dissmodel.record.digest import new
from dissmodel.record.schema import ContentDigest

VERSION = 1
SCALED_VERSION = 2
"""The version for rasters in which a band has a scale or an offset."""

MAGIC = b"dissmodel content 1\n"
"""What every digest begins with."""

# WKT 2 ends with the identifier of the whole, if it has one; where it has two, neither counts. PROJ finds it
# too, but takes long to load.
_IDENTIFIED = re.compile(r'(?<!\d\]),\s*ID\["(\w+)",(\d+)\]\]\s*$')


def canonical_values(values: NDArray[Any], masked: NDArray[np.bool_] | None = None) -> NDArray[Any]:
    """Return a little-endian copy with zeros where masked, one quiet NaN and no negative zero."""
    copy = np.array(values, dtype=values.dtype.newbyteorder("<"), order="C")
    if masked is not None:
        copy[masked] = 0
    numbers = copy.view(f"<f{copy.itemsize // 2}") if copy.dtype.kind == "c" else copy
    if numbers.dtype.kind == "f":
        with np.errstate(invalid="ignore"):  # a NaN that signals is one more NaN
            numbers += 0.0
        numbers[np.isnan(numbers)] = np.nan
    return copy


def canonical_crs(wkt: str | None) -> str:
    """Return one text for one CRS, as far as its name allows.

    The authority's code where the definition itself gives one, else PROJ's string with its parts sorted, else
    WKT 2:2019; empty without a CRS.

    >>> canonical_crs(None), canonical_crs("EPSG:31984")
    ('', 'EPSG:31984')
    """
    if not wkt:
        return ""
    named = _IDENTIFIED.search(wkt)
    if named:
        return f"{named[1]}:{named[2]}"
    import pyproj  # noqa: PLC0415  (most callers have no use for it)

    crs = pyproj.CRS.from_user_input(wkt)
    identity = crs.to_json_dict().get("id")
    if identity:
        return f"{identity['authority']}:{identity['code']}"
    parts: list[str] = []
    # A local or engineering CRS has no such string.
    with warnings.catch_warnings(), contextlib.suppress(pyproj.exceptions.CRSError):
        # PROJ's string leaves names out, which is what it is taken for.
        warnings.simplefilter("ignore", UserWarning)
        parts = crs.to_proj4().split()
    return " ".join(sorted(parts)) or crs.to_wkt("WKT2_2019")


def u64(number: int) -> bytes:
    """Return an unsigned integer as 8 bytes, little-endian."""
    return number.to_bytes(8, "little")


def text(string: str) -> bytes:
    """Return the length of a text in UTF-8 and the text."""
    data = string.encode("utf-8", "surrogateescape")
    return u64(len(data)) + data


def hashed(*pieces: bytes | memoryview) -> bytes:
    """Return the sha256 of pieces that follow each other, 32 bytes."""
    digest = new()
    for piece in pieces:
        digest.update(piece)
    return digest.digest()


def assembled(kind: Any, grid: bytes, parts: Mapping[str, bytes], *, version: int = VERSION) -> ContentDigest:
    """Return the digest of a dataset of the kind "raster" or "vector" from those of its grid and parts."""
    pieces = [text(name) + part for name, part in parts.items()]
    return ContentDigest(
        version=version,
        kind=kind,
        digest=hashed(MAGIC, text(kind), grid, u64(len(parts)), *pieces).hex(),
        grid=grid.hex(),
        parts={name: part.hex() for name, part in parts.items()},
    )


def distinct(names: Iterable[str]) -> list[str]:
    """Give a name that was there before a number: ``a``, ``a (2)``.

    >>> distinct(["a", "b", "a"])
    ['a', 'b', 'a (2)']
    """
    taken: dict[str, None] = {}
    for name in names:
        candidate, number = name, 1
        while candidate in taken:
            number += 1
            candidate = f"{name} ({number})"
        taken[candidate] = None
    return list(taken)
