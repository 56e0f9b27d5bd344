"""Content digests of vector data."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from operator import methodcaller
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dissmodel.io.canonical import (
    MAGIC,
    assembled,
    canonical_crs,
    canonical_values,
    distinct,
    hashed,
    text,
    u64,
)
from dissmodel.io.layer import Layer, check_count, open_layer, reading, require_pyarrow
from dissmodel.io.locate import Located
from dissmodel.io.vector_read import exact_integers, known_crs, nulls
from dissmodel.record.digest import new
from dissmodel.record.schema import ContentDigest

_UTF8 = methodcaller("encode", "utf-8", "surrogateescape")
# Values that are encoded together; no part of the definition.
_AT_ONCE = 2**15
_OLD_Z = 0x80000000
_Z = 1000
_DIMENSIONS = {0: 2, 1: 3, 2: 3, 3: 4}
_POINT, _LINE, _POLYGON, _MULTI_POLYGON = 1, 2, 3, 6
_POLYGONS = (_POLYGON, 17)


class Column(NamedTuple):
    """A column of a vector dataset; the values of nulls mean nothing."""

    name: str
    kind: str
    null: NDArray[np.bool_]
    values: Any


def digest_vector(found: Located) -> ContentDigest:
    """Digest a layer; raises as `columns_of`."""
    crs, columns = columns_of(found)
    parts = {name: _column(column) for name, column in columns.items()}
    count = u64(len(next(iter(columns.values())).null))
    return assembled("vector", hashed(MAGIC, text("vector grid"), count, text(crs)), parts)


def columns_of(found: Located) -> tuple[str, dict[str, Column]]:
    """Return the canonical CRS of a layer, and each column under its distinct name, the geometry last.

    Raises as `open_layer` and `reading`.
    """
    layer = open_layer(found.path, found.layer, found.shown)
    with reading(found.shown):
        crs, columns = _parquet_columns(found) if layer.driver == "Parquet" else _columns(layer)
        check_count(layer, len(columns[-1].null), found.shown)
    # An attribute may be called geometry, too; the order tells them apart.
    return canonical_crs(crs), dict(zip(distinct(column.name for column in columns), columns, strict=True))


def _column(column: Column) -> bytes:
    head = (
        MAGIC
        + text("column")
        + text(column.kind)
        + u64(len(column.null))
        + np.packbits(column.null).tobytes()
    )
    fixed = {"boolean": "<u1", "integer": "<i8", "real": "<f8"}.get(column.kind)
    if fixed is not None:
        numbers = np.where(column.null, 0, column.values).astype(fixed)
        return hashed(head, canonical_values(numbers).tobytes())
    digest = new()
    digest.update(head)
    for start in range(0, len(column.null), _AT_ONCE):
        digest.update(_with_lengths(encoded(column, slice(start, start + _AT_ONCE))))
    return digest.digest()


def encoded(column: Column, some: slice = slice(None)) -> list[bytes]:
    """Return the canonical bytes of values that are not numbers, none where they are null."""
    values, null = column.values[some], column.null[some]
    if column.kind == "geometry":
        return canonical_wkbs(np.where(null, b"", values).tolist())
    if column.kind in {"text", "time"}:
        return list(map(_UTF8, np.where(null, "", values).tolist()))
    # Binary values and lists, which few layers have.
    return [b"" if none else _encoded(value) for value, none in zip(values, null.tolist(), strict=True)]


def _with_lengths(values: list[bytes]) -> bytes:
    """Return each value behind its length."""
    lengths = np.fromiter(map(len, values), dtype="<u8", count=len(values))
    start = np.cumsum(lengths + 8) - (lengths + 8)
    of_length = (start[:, None] + np.arange(8, dtype=np.uint64)).ravel()
    whole = np.empty(int(lengths.sum()) + 8 * len(values), dtype=np.uint8)
    rest = np.ones(len(whole), dtype=bool)
    rest[of_length] = False
    whole[of_length] = lengths.view(np.uint8)
    whole[rest] = np.frombuffer(b"".join(values), dtype=np.uint8)
    return whole.tobytes()


def _encoded(value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    plain = value.tolist() if isinstance(value, np.ndarray) else value
    return str(plain).encode("utf-8", "surrogateescape")


def _columns(layer: Layer) -> tuple[str | None, list[Column]]:
    """Read the columns, the geometry last; integers keep every bit and nulls are not NaN."""
    import pandas as pd  # noqa: PLC0415  (slow to load)
    import pyogrio  # noqa: PLC0415  (it loads pandas)

    # Without Arrow, so that a digest can't depend on whether pyarrow is installed.
    meta, _, geometry, fields = pyogrio.raw.read(layer.source, datetime_as_string=True, **layer.opening)
    columns = []
    for name, dtype, values in zip(meta["fields"], meta["dtypes"], fields, strict=True):
        kind = _kind(str(dtype))
        null = np.asarray(pd.isna(values), dtype=bool)
        if values.dtype.kind == "f" and null.any():
            if kind in {"integer", "boolean"}:
                values = exact_integers(layer, name, values, null)  # noqa: PLW2901  (the better reading of the same)
            elif layer.driver != "GPKG":
                null = nulls(layer, name, len(values))
        columns.append(Column(name, kind, null, values))
    null = np.asarray(pd.isna(geometry), dtype=bool)
    return known_crs(meta["crs"]), [*columns, Column("geometry", "geometry", null, geometry)]


def _kind(dtype: str) -> str:
    for start, kind in (("bool", "boolean"), ("int", "integer"), ("float", "real"), ("datetime", "time")):
        if dtype.startswith(start):
            return kind
    return "text" if dtype == "object" else dtype


def _parquet_columns(found: Located) -> tuple[str | None, list[Column]]:
    """Return the CRS and the columns of a GeoParquet file, the geometry among them."""
    import geopandas as gpd  # noqa: PLC0415  (it loads pandas)

    require_pyarrow(found.shown)
    parquet: Any = importlib.import_module("pyarrow.parquet")
    gdf = gpd.read_parquet(found.path)
    table = parquet.read_table(found.path)
    columns = []
    for name in table.column_names:
        if name == gdf.geometry.name:
            continue
        column = table[name]
        kind = _kind({"double": "float", "halffloat": "float"}.get(str(column.type), str(column.type)))
        kind = "text" if kind in {"string", "large_string"} else kind
        null = np.asarray(column.is_null().to_numpy(), dtype=bool)
        if kind in {"boolean", "integer", "real"}:
            values = column.fill_null(False if kind == "boolean" else 0).to_numpy()
        else:
            values = np.array(column.to_pylist(), dtype=object)
        columns.append(Column(name, kind, null, values))
    wkb = gdf.geometry.to_wkb(flavor="iso").to_numpy()
    null = np.asarray(gdf.geometry.isna())
    return known_crs(gdf.crs.to_wkt() if gdf.crs else None), [
        *columns,
        Column("geometry", "geometry", null, wkb),
    ]


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
