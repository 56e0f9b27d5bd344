"""Content digests, which tell whether two files say the same thing.

``docs/content-digest.md`` defines them byte for byte; what is written there is version 1, for ever. Another
definition is another version.
"""

from __future__ import annotations

import importlib
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dissmodel.errors import InvalidInput
from dissmodel.io.archive import KINDS
from dissmodel.io.locate import Located, locate
from dissmodel.record.digest import new
from dissmodel.record.schema import ContentDigest, Grid

if TYPE_CHECKING:
    from dissmodel.io.vector import Layer

VERSION = 1
BLOCK = 512
"""Rows and columns of the blocks that a band is hashed in, a part of the definition."""

_MAGIC = b"dissmodel content 1\n"
# What is in memory at a time, all bands of a window together; no part of the definition.
_WINDOW_BYTES = 32 * 2**20
_NO_DATASET = frozenset({"no_dataset", "layer_needed", "no_geometry", "format_unknown"})
# A report may be JSON too; GeoJSON shows early what it is.
_GEOJSON = re.compile(rb'"(Feature|FeatureCollection|features|coordinates)"')
_HEAD_BYTES = 2**16
_INTEGER_EXACT_IN_FLOAT = 2**53


class Column(NamedTuple):
    """A column of a vector dataset; the values of nulls mean nothing."""

    name: str
    kind: str
    null: NDArray[np.bool_]
    values: Any


def content_digest(path: Path) -> ContentDigest | None:
    """Digest what a dataset says: its grid, and each band or column.

    It doesn't see how the file is written (compression, tiles, interleave, byte order, BigTIFF, container,
    page layout, the layer's name) nor tags. Rasters are read window by window, with bounded memory.

    Parameters
    ----------
    path : pathlib.Path
        A local raster or vector file, or a zip of one.

    Returns
    -------
    ContentDigest or None
        None where the file is no dataset with one raster or one layer: a report, a picture, a folder.

    Raises
    ------
    InvalidInput
        If it is a dataset and damaged.
    """
    if not _may_be_dataset(path):
        return None
    try:
        with locate(path) as found:
            return _of_raster(found) if found.kind == "raster" else _of_vector(found)
    except InvalidInput as error:
        if error.code in _NO_DATASET:
            return None
        raise


def grid_of(path: Path) -> Grid | None:
    """Return the grid of a raster: shape, transform (a, b, c, d, e, f) and CRS as WKT; None for other files.

    Raises
    ------
    InvalidInput
        If it is a dataset and damaged.
    """
    if not _may_be_dataset(path):
        return None
    try:
        with locate(path) as found:
            if found.kind != "raster":
                return None
            from dissmodel.io.geotiff import reading  # noqa: PLC0415  (it loads GDAL)

            with reading(found.path, found.shown) as dataset:
                crs = dataset.crs.to_wkt() if dataset.crs else None
                bare = crs is None and dataset.transform.is_identity
                a, b, c, d, e, f = map(float, dataset.transform[:6])
                return Grid(shape=dataset.shape, transform=None if bare else (a, b, c, d, e, f), crs=crs)
    except InvalidInput as error:
        if error.code in _NO_DATASET:
            return None
        raise


def canonical_crs(wkt: str | None) -> str:
    """Return one text for one CRS, as far as its name allows.

    The authority's code where the definition itself gives one, else PROJ's string with its parts sorted, else
    WKT 2:2019; empty without a CRS.

    >>> canonical_crs(None), canonical_crs("EPSG:31984")
    ('', 'EPSG:31984')
    """
    if not wkt:
        return ""
    import pyproj  # noqa: PLC0415  (most callers have no use for it)

    crs = pyproj.CRS.from_user_input(wkt)
    identity = crs.to_json_dict().get("id")
    if identity:
        return f"{identity['authority']}:{identity['code']}"
    with warnings.catch_warnings():
        # PROJ's string leaves names out, which is what it is taken for.
        warnings.simplefilter("ignore", UserWarning)
        parts = crs.to_proj4().split()
    return " ".join(sorted(parts)) or crs.to_wkt("WKT2_2019")


def _may_be_dataset(path: Path) -> bool:
    suffix = path.suffix.lower()
    if suffix not in {*KINDS, ".zip"} or path.is_dir():
        return False
    if suffix != ".json":
        return True
    with path.open("rb") as stream:
        return _GEOJSON.search(stream.read(_HEAD_BYTES)) is not None


def _u64(number: int) -> bytes:
    return number.to_bytes(8, "little")


def _text(text: str) -> bytes:
    data = text.encode("utf-8", "surrogateescape")
    return _u64(len(data)) + data


def _hash(*pieces: bytes | memoryview) -> bytes:
    digest = new()
    for piece in pieces:
        digest.update(piece)
    return digest.digest()


def _assembled(kind: Any, grid: bytes, parts: Mapping[str, bytes]) -> ContentDigest:
    pieces = [_text(name) + part for name, part in parts.items()]
    return ContentDigest(
        version=VERSION,
        kind=kind,
        digest=_hash(_MAGIC, _text(kind), grid, _u64(len(parts)), *pieces).hex(),
        grid=grid.hex(),
        parts={name: part.hex() for name, part in parts.items()},
    )


def _distinct(names: Iterable[str]) -> list[str]:
    """Give a name that was there before a number: ``a``, ``a (2)``.

    >>> _distinct(["a", "b", "a"])
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


def canonical_values(values: NDArray[Any], masked: NDArray[np.bool_] | None = None) -> NDArray[Any]:
    """Return a little-endian copy with zeros where masked, one quiet NaN and no negative zero."""
    copy = np.array(values, dtype=values.dtype.newbyteorder("<"), order="C")
    if masked is not None:
        copy[masked] = 0
    numbers = copy.view(f"<f{copy.itemsize // 2}") if copy.dtype.kind == "c" else copy
    if numbers.dtype.kind == "f":
        numbers += 0.0
        numbers[np.isnan(numbers)] = np.nan
    return copy


# — rasters —


def _of_raster(found: Located) -> ContentDigest:
    from dissmodel.io.geotiff import reading  # noqa: PLC0415  (it loads GDAL)

    with reading(found.path, found.shown) as dataset:
        rows, cols = dataset.shape
        transform = np.asarray(dataset.transform[:6], dtype="<f8") + 0.0
        crs = canonical_crs(dataset.crs.to_wkt(version="WKT2_2019") if dataset.crs else None)
        head = _MAGIC + _text("raster grid") + _u64(rows) + _u64(cols)
        grid = _hash(head, transform.tobytes(), _text(crs))
        together = dataset.interleaving is not None and dataset.interleaving.value.lower() == "pixel"
        numbers = list(dataset.indexes)
        # Pixel by pixel, each band would unpack all of them again.
        groups = [numbers] if together else [[number] for number in numbers]
        parts = [part for group in groups for part in _bands(dataset, group)]
        names = _distinct(
            dataset.descriptions[number - 1] or dataset.tags(number).get("band_name") or f"band_{number}"
            for number in numbers
        )
        return _assembled("raster", grid, dict(zip(names, parts, strict=True)))


def _bands(dataset: Any, numbers: list[int]) -> list[bytes]:
    """Digest bands that are read together."""
    rows, cols = dataset.shape
    parts = [new() for _ in numbers]
    for part, number in zip(parts, numbers, strict=True):
        part.update(_MAGIC + _text("band") + _text(dataset.dtypes[number - 1]) + _u64(rows) + _u64(cols))
    for top in range(0, rows, BLOCK):
        height = min(BLOCK, rows - top)
        # Blocks are many and small, so a block row of any width takes little while it is incomplete.
        blocks = [[(new(), new()) for _ in range(0, cols, BLOCK)] for _ in numbers]
        for window in _windows(dataset, len(numbers), top, height):
            values = dataset.read(numbers, window=window)
            for band, number in enumerate(numbers):
                masked = _masked(dataset, number, window, values[band])
                _feed(blocks[band], window.col_off, canonical_values(values[band], masked), masked)
        for part, row in zip(parts, blocks, strict=True):
            for cells, mask in row:
                part.update(cells.digest() + mask.digest())
    return [part.digest() for part in parts]


def _windows(dataset: Any, bands: int, top: int, height: int) -> Iterator[Any]:
    """Cut a block row as the file is cut: by columns where it has tiles, else by rows."""
    from rasterio.windows import Window  # noqa: PLC0415  (it loads GDAL)

    cols = dataset.width
    cells = max(1, _WINDOW_BYTES // (bands * np.dtype(dataset.dtypes[0]).itemsize))
    if dataset.block_shapes[0][1] < cols:
        width = max(BLOCK, cells // height // BLOCK * BLOCK)
        for left in range(0, cols, width):
            yield Window(left, top, min(width, cols - left), height)
    else:
        step = max(1, cells // cols)
        for first in range(top, top + height, step):
            yield Window(0, first, cols, min(step, top + height - first))


def _masked(dataset: Any, number: int, window: Any, values: NDArray[Any]) -> NDArray[np.bool_]:
    """Return which cells have no data, by the mask of the file or exactly by the band's nodata value."""
    flags = {flag.name for flag in dataset.mask_flag_enums[number - 1]}
    if "all_valid" in flags:
        return np.zeros(values.shape, dtype=bool)
    if "nodata" not in flags:
        absent: NDArray[np.bool_] = dataset.read_masks(number, window=window) == 0
        return absent
    # Not GDAL's own mask, which counts neighbouring floats as nodata too.
    nodata = dataset.nodatavals[number - 1]
    if np.isnan(nodata):
        nan: NDArray[np.bool_] = np.isnan(values)
        return nan
    if values.dtype.kind in "iu":
        limits = np.iinfo(values.dtype)
        if not (float(nodata).is_integer() and limits.min <= nodata <= limits.max):
            return np.zeros(values.shape, dtype=bool)
    equal: NDArray[np.bool_] = values == values.dtype.type(nodata)
    return equal


def _feed(blocks: list[tuple[Any, Any]], left: int, values: NDArray[Any], masked: NDArray[np.bool_]) -> None:
    for start in range(0, values.shape[1], BLOCK):
        cells, mask = blocks[(left + start) // BLOCK]
        cells.update(np.ascontiguousarray(values[:, start : start + BLOCK]))
        mask.update(np.packbits(masked[:, start : start + BLOCK], axis=1))


# — vectors —


def _of_vector(found: Located) -> ContentDigest:
    from dissmodel.io.vector import open_layer, reading  # noqa: PLC0415  (it loads pandas)

    layer = open_layer(found.path, found.layer, found.shown)
    with reading(found.shown):
        crs, columns = _parquet_columns(found) if layer.driver == "Parquet" else _columns(layer)
        parts = {
            name: _column(c) for name, c in zip(_distinct(c.name for c in columns), columns, strict=True)
        }
    count = _u64(len(columns[-1].null))
    grid = _hash(_MAGIC, _text("vector grid"), count, _text(canonical_crs(crs)))
    return _assembled("vector", grid, parts)


def _column(column: Column) -> bytes:
    head = _MAGIC + _text("column") + _text(column.kind) + _u64(len(column.null))
    pieces: list[bytes] = [head, np.packbits(column.null).tobytes()]
    fixed = {"boolean": "<u1", "integer": "<i8", "real": "<f8"}.get(column.kind)
    if fixed is not None:
        values = np.where(column.null, 0, column.values).astype(fixed)
        return _hash(*pieces, canonical_values(values).tobytes())
    encode = canonical_wkb if column.kind == "geometry" else _encoded
    for value, null in zip(column.values, column.null.tolist(), strict=True):
        data = b"" if null else encode(value)
        pieces += (_u64(len(data)), data)
    return _hash(b"".join(pieces))


def _encoded(value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    return str(value.tolist() if isinstance(value, np.ndarray) else value).encode("utf-8", "surrogateescape")


def _columns(layer: Layer) -> tuple[str | None, list[Column]]:
    """Read the columns, the geometry last; integers keep every bit and nulls are no NaN."""
    import pyogrio  # noqa: PLC0415  (it loads pandas)

    meta, _, geometry, fields = pyogrio.raw.read(layer.source, layer=layer.name, datetime_as_string=True)
    columns = []
    for name, dtype, values in zip(meta["fields"], meta["dtypes"], fields, strict=True):
        kind = _kind(str(dtype))
        if values.dtype.kind == "O":
            null = np.array([value is None for value in values], dtype=bool)
        elif values.dtype.kind != "f":
            null = np.zeros(len(values), dtype=bool)
        else:
            null = np.isnan(values)
            if kind == "real" and layer.driver != "GPKG" and null.any():
                null = _nulls(layer, name, len(values))
            elif kind == "integer" and null.any():
                values = _exact(layer, name, values, null)  # noqa: PLW2901  (the better reading of the same)
        columns.append(Column(name, kind, null, values))
    null = np.array([value is None for value in geometry], dtype=bool)
    return meta["crs"], [*columns, Column("geometry", "geometry", null, geometry)]


def _kind(dtype: str) -> str:
    for start, kind in (("bool", "boolean"), ("int", "integer"), ("float", "real"), ("datetime", "time")):
        if dtype.startswith(start):
            return kind
    return "text" if dtype == "object" else dtype


def _quoted(layer: Layer, name: str) -> str:
    return '"' + name.replace('"', '""' if layer.driver == "GPKG" else '\\"') + '"'


def _nulls(layer: Layer, name: str, count: int) -> NDArray[np.bool_]:
    """Ask GDAL which values are null, for pyogrio returns a null float as NaN."""
    import pyogrio  # noqa: PLC0415  (it loads pandas)

    shared = {"layer": layer.name, "columns": [name], "read_geometry": False, "return_fids": True}
    every = pyogrio.raw.read(layer.source, **shared)[1]
    null = pyogrio.raw.read(layer.source, where=f"{_quoted(layer, name)} IS NULL", **shared)[1]
    return np.isin(every, null) if len(every) == count else np.zeros(count, dtype=bool)


def _exact(layer: Layer, name: str, values: NDArray[Any], null: NDArray[np.bool_]) -> NDArray[Any]:
    """Read integers among nulls again, for pyogrio returns them as floats."""
    import pyogrio  # noqa: PLC0415  (it loads pandas)

    if not (np.abs(values[~null]) >= _INTEGER_EXACT_IN_FLOAT).any():
        return values
    where = f"{_quoted(layer, name)} IS NOT NULL"
    wanted = {"layer": layer.name, "columns": [name], "read_geometry": False, "where": where}
    exact = np.zeros(len(values), dtype=np.int64)
    exact[~null] = pyogrio.raw.read(layer.source, **wanted)[3][0]
    return exact


def _parquet_columns(found: Located) -> tuple[str | None, list[Column]]:
    import geopandas as gpd  # noqa: PLC0415  (it loads pandas)

    from dissmodel.io.vector import require_pyarrow  # noqa: PLC0415  (it loads pandas)

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
    return gdf.crs.to_wkt() if gdf.crs else None, [*columns, Column("geometry", "geometry", null, wkb)]


# — WKB —

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
