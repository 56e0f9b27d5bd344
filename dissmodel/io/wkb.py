"""Geometries as WKB in one form."""

from __future__ import annotations

import re

import numpy as np

from dissmodel.io.canonical import canonical_values

# Where no eight bytes of a geometry can be a NaN or a negative zero, its coordinates are canonical.
_SUSPECT = re.compile(rb"\x00{7}\x80|[\xf0-\xff][\x7f\xff]")
_OLD_Z = 0x80000000
_Z = 1000
_DIMENSIONS = {0: 2, 1: 3, 2: 3, 3: 4}
_POINT, _LINE, _POLYGONS = 1, 2, (3, 17)


def canonical_wkb(wkb: bytes) -> bytes:
    """Return ISO WKB with one quiet NaN and no negative zero in its coordinates.

    Parameters
    ----------
    wkb : bytes
        Little-endian WKB as GDAL writes it: ISO, or with the old flag for Z; no curves.

    Examples
    --------
    >>> canonical_wkb(bytes.fromhex("0101000000" "0000000000000080" "000000000000f03f")).hex()
    '01010000000000000000000000000000000000f03f'
    """
    if not wkb[4] and _SUSPECT.search(wkb) is None:
        return wkb
    copy = bytearray(wkb)
    _tidy(copy, 0)
    return bytes(copy)


def _tidy(wkb: bytearray, at: int) -> int:
    """Make the geometry that begins at `at` canonical in place and return where it ends."""
    code = _number(wkb, at + 1)
    if code & _OLD_Z:
        code = (code ^ _OLD_Z) + _Z
        wkb[at + 1 : at + 5] = code.to_bytes(4, "little")
    dimensions, shape = _DIMENSIONS[code // _Z], code % _Z
    at += 5
    if shape == _POINT:
        return _tidy_numbers(wkb, at, dimensions)
    count = _number(wkb, at)
    at += 4
    if shape == _LINE:
        return _tidy_numbers(wkb, at, count * dimensions)
    for _ in range(count):
        at = (
            _tidy_numbers(wkb, at + 4, _number(wkb, at) * dimensions)
            if shape in _POLYGONS
            else _tidy(wkb, at)
        )
    return at


def _number(wkb: bytearray, at: int) -> int:
    return int.from_bytes(wkb[at : at + 4], "little")


def _tidy_numbers(wkb: bytearray, at: int, count: int) -> int:
    end = at + 8 * count
    wkb[at:end] = canonical_values(np.frombuffer(bytes(wkb[at:end]), dtype="<f8")).tobytes()
    return end
