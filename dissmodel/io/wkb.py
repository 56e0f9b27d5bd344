"""Geometries as WKB in one form."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dissmodel.io.canonical import canonical_values

_OLD_Z = 0x80000000
_Z = 1000
_DIMENSIONS = {0: 2, 1: 3, 2: 3, 3: 4}
_POINT, _LINE, _POLYGON, _MULTI_POLYGON = 1, 2, 3, 6
_POLYGONS = (_POLYGON, 17)


def canonical_wkbs(geometries: Sequence[bytes]) -> list[bytes]:
    """Return ISO WKB with one quiet NaN and no negative zero in the coordinates.

    Parameters
    ----------
    geometries : sequence of bytes
        Little-endian WKB as GDAL writes it: ISO, or with the old flag for Z; no curves. Empty stays empty.

    Examples
    --------
    >>> [one.hex() for one in canonical_wkbs([bytes.fromhex("01010000000000000000000080000000000000f03f")])]
    ['01010000000000000000000000000000000000f03f']
    """
    canonical = list(geometries)
    for number in _suspects(geometries):
        copy = bytearray(geometries[number])
        _tidy(copy, 0)
        canonical[number] = bytes(copy)
    return canonical


def _suspects(geometries: Sequence[bytes]) -> set[int]:
    """Return which geometries have the old flag, or bytes that could be a NaN or a negative zero."""
    joined = np.frombuffer(b"".join(geometries), dtype=np.uint8)
    low, high = joined[:-1], joined[1:]
    nans = np.flatnonzero(((high & 0x7F) == 0x7F) & (low >= 0xF0))  # noqa: PLR2004  (an exponent of ones)
    zeros = np.flatnonzero((high == 0x80) & (low == 0))  # noqa: PLR2004  (the sign)
    for back in range(1, 7):
        zeros = zeros[joined[zeros - back] == 0]
    lengths = np.fromiter(map(len, geometries), dtype=np.int64, count=len(geometries))
    ends = np.cumsum(lengths)
    there = np.flatnonzero(lengths)
    old = there[joined[(ends - lengths)[there] + 4] != 0]
    last = np.concatenate([nans, zeros]) + 1
    special = np.searchsorted(ends, last, side="right")
    special = special[_may_end_a_number(joined, (ends - lengths)[special], last)]
    return {*old.tolist(), *special.tolist()}


def _may_end_a_number(
    joined: NDArray[np.uint8], starts: NDArray[np.int64], last: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Return which bytes can be the last of a coordinate, in geometries that begin at `starts`.

    What comes before the coordinates has 5, 9 or 4 bytes a time, so modulo 4 it is known where a simple
    geometry, or the only one of several, has them.
    """
    shape = (joined[starts + 1] + 256 * joined[starts + 2].astype(np.int64)) % _Z
    is_only = (joined[starts + 5] == 1) & ~joined[starts[:, None] + [6, 7, 8]].any(axis=1)
    found: NDArray[np.bool_] = np.select(
        [shape <= _POLYGON, (shape <= _MULTI_POLYGON) & is_only],
        [(last - starts) % 4 == 0, (last - starts) % 4 == 1],
        default=True,
    )
    return found


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
