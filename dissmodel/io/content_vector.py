"""Content digests of vector data."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from operator import methodcaller
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

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

    def pieces(self) -> Iterator[Column]:
        """Yield the column, piece by piece."""
        for start in range(0, len(self.null), _AT_ONCE):
            some = slice(start, start + _AT_ONCE)
            yield self._replace(null=self.null[some], values=self.values[some])


@dataclass(frozen=True)
class ParquetColumn:
    """A column of a GeoParquet file, of which a piece at a time is read; see `Column`.

    `null` and `values` are read when they are asked for, and kept.
    """

    path: Path
    name: str
    kind: str

    @cached_property
    def null(self) -> NDArray[np.bool_]:
        """Which values are null."""
        return np.concatenate([np.zeros(0, bool), *(_null(one.column(0)) for one in self._batches())])

    @cached_property
    def values(self) -> NDArray[Any]:
        """All values."""
        return np.concatenate([one.values for one in self.pieces()] or [np.zeros(0, object)])

    def pieces(self) -> Iterator[Column]:
        """Yield the column, piece by piece."""
        for batch in self._batches():
            values = _wkb(batch) if self.kind == "geometry" else _values(batch.column(0), self.kind)
            yield Column(self.name, self.kind, _null(batch.column(0)), values)

    def _batches(self) -> Iterator[Any]:
        parquet: Any = importlib.import_module("pyarrow.parquet")
        with parquet.ParquetFile(self.path) as file:
            yield from file.iter_batches(_AT_ONCE, columns=[self.name])


AnyColumn: TypeAlias = Column | ParquetColumn


def digest_vector(found: Located) -> ContentDigest:
    """Digest a layer; raises as `columns_of`."""
    crs, columns = columns_of(found)
    parts = {name: _column(column) for name, column in columns.items()}
    count = u64(len(next(iter(columns.values())).null))
    return assembled("vector", hashed(MAGIC, text("vector grid"), count, text(crs)), parts)


def columns_of(found: Located) -> tuple[str, dict[str, AnyColumn]]:
    """Return the canonical CRS of a layer, and each column under its distinct name, the geometry last.

    Those of a GeoParquet file are read when they are used. Raises as `open_layer` and `reading`.
    """
    layer = open_layer(found.path, found.layer, found.shown)
    with reading(found.shown):
        if layer.driver == "Parquet":
            crs, columns = _parquet_columns(found)
        else:
            crs, columns = _columns(layer)
            check_count(layer, len(columns[-1].null), found.shown)
    # An attribute may be called geometry, too; the order tells them apart.
    return canonical_crs(crs), dict(zip(distinct(column.name for column in columns), columns, strict=True))


def _column(column: AnyColumn) -> bytes:
    digest = new()
    digest.update(MAGIC + text("column") + text(column.kind) + u64(len(column.null)))
    digest.update(np.packbits(column.null).tobytes())
    fixed = {"boolean": "<u1", "integer": "<i8", "real": "<f8"}.get(column.kind)
    for piece in column.pieces():
        if fixed is None:
            digest.update(_with_lengths(encoded(piece)))
        else:
            numbers = np.where(piece.null, 0, piece.values).astype(fixed)
            digest.update(canonical_values(numbers).tobytes())
    return digest.digest()


def encoded(column: AnyColumn) -> list[bytes]:
    """Return the canonical bytes of values that are not numbers, none where they are null."""
    values, null = column.values, column.null
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


def _columns(layer: Layer) -> tuple[str | None, list[AnyColumn]]:
    """Read the columns, the geometry last; integers keep every bit and nulls are not NaN."""
    import pandas as pd  # noqa: PLC0415  (slow to load)
    import pyogrio  # noqa: PLC0415  (it loads pandas)

    # Without Arrow, so that a digest can't depend on whether pyarrow is installed.
    meta, _, geometry, fields = pyogrio.raw.read(layer.source, datetime_as_string=True, **layer.opening)
    columns: list[AnyColumn] = []
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


def _parquet_columns(found: Located) -> tuple[str | None, list[AnyColumn]]:
    """Return the CRS and the columns of a GeoParquet file, the geometry among them; no values are read."""
    import geopandas as gpd  # noqa: PLC0415  (it loads pandas)

    require_pyarrow(found.shown)
    parquet: Any = importlib.import_module("pyarrow.parquet")
    schema = parquet.read_schema(found.path)
    # What geopandas makes of the schema, such as a CRS that is left out, is the same without rows.
    empty = BytesIO()
    parquet.write_table(schema.empty_table(), empty)
    gdf = gpd.read_parquet(empty)
    columns: list[AnyColumn] = []
    for field in schema:
        if field.name == gdf.geometry.name:
            continue
        kind = _kind({"double": "float", "halffloat": "float"}.get(str(field.type), str(field.type)))
        kind = "text" if kind in {"string", "large_string"} else kind
        columns.append(ParquetColumn(found.path, field.name, kind))
    shapes = ParquetColumn(found.path, gdf.geometry.name, "geometry")
    return known_crs(gdf.crs.to_wkt() if gdf.crs else None), [*columns, shapes]


def _null(column: Any) -> NDArray[np.bool_]:
    """Return which values of an Arrow array are null."""
    return np.asarray(column.is_null().to_numpy(zero_copy_only=False), dtype=bool)


def _wkb(batch: Any) -> NDArray[np.object_]:
    """Return the geometries of an Arrow table with no other column, as ISO WKB."""
    import geopandas as gpd  # noqa: PLC0415  (it loads pandas)
    import shapely  # noqa: PLC0415  (as above)

    if "binary" in str(batch.column(0).type):
        shapes = shapely.from_wkb(batch.column(0).to_numpy(zero_copy_only=False))
    else:  # coordinates in columns, which geopandas reads from a file only
        parquet, arrow = (importlib.import_module(name) for name in ("pyarrow.parquet", "pyarrow"))
        piece = BytesIO()
        parquet.write_table(arrow.Table.from_batches([batch]), piece)
        shapes = gpd.read_parquet(piece).geometry.array
    return np.asarray(shapely.to_wkb(shapes, flavor="iso"), dtype=object)


def _values(column: Any, kind: str) -> NDArray[Any]:
    """Return the values of an Arrow array."""
    if kind in {"boolean", "integer", "real"}:
        filled = column.fill_null(False if kind == "boolean" else 0)
        return np.asarray(filled.to_numpy(zero_copy_only=False))
    values = np.empty(len(column), dtype=object)
    values[:] = column.to_pylist()
    return values


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
