"""Where on the Earth a result is, and which bands its files have."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dissmodel.errors import InvalidInput
from dissmodel.io.layer import open_layer, reading
from dissmodel.record import Grid
from dissmodel.record.export.stac import Footprint

_WGS84 = "OGC:CRS84"
_WORLD = 360.0
# Points on each edge of a footprint: an edge that is straight in one CRS is curved in another.
_POINTS = 9


def footprint(main: Path, grid: Grid | None, rasters: Mapping[str, Path]) -> Footprint:
    """Return where a result is: its grid, or the extent of its features.

    `main` is the result, `rasters` are its files by the names that they have in the item. Without a CRS, or
    in one that can't be put on the Earth, a result has no footprint.

    Raises
    ------
    InvalidInput
        If a file can't be read.
    """
    bands = {name: found for name, path in rasters.items() if (found := _bands(path))}
    if grid is not None and grid.transform is not None:
        wkt, ring = grid.crs, _ring(grid.shape, grid.transform)
    else:
        wkt, ring = _extent(main)
    if wkt is None:
        return Footprint(bands=bands)
    from pyproj import CRS, Transformer  # noqa: PLC0415  (an export of other kinds needs none of it)
    from pyproj.exceptions import ProjError  # noqa: PLC0415  (as above)

    try:
        crs = CRS.from_wkt(wkt)
        move = Transformer.from_crs(crs, _WGS84, always_xy=True)
        xs, ys = zip(*ring, strict=True)
        box = move.transform_bounds(min(xs), min(ys), max(xs), max(ys), densify_pts=_POINTS)
        longitudes, latitudes = move.transform(xs, ys)
    except ProjError:
        return Footprint(bands=bands)
    if not all(map(math.isfinite, (*box, *longitudes, *latitudes))):
        return Footprint(bands=bands)
    authority = crs.to_authority(min_confidence=70)
    code = ":".join(authority) if authority is not None else None
    wkt2 = str(crs.to_wkt("WKT2_2019"))
    west, south, east, north = (round(float(one), 7) for one in box)
    moved = [[round(float(x), 7), round(float(y), 7)] for x, y in zip(longitudes, latitudes, strict=True)]
    lengths = (abs(a[0] - b[0]) for a, b in itertools.pairwise(moved))
    if west > east or max(lengths) > _WORLD / 2:  # over the antimeridian, or around a pole
        parts = [(west, 180.0), (-180.0, east)] if west > east else [(west, east)]
        polygons = [[_rectangle(w, south, e, north)] for w, e in parts]
        geometry: dict[str, Any] = {"type": "MultiPolygon", "coordinates": polygons}
    else:
        geometry = {"type": "Polygon", "coordinates": [moved]}
    return Footprint(geometry, (west, south, east, north), code, wkt2, bands)


def _ring(shape: Sequence[int], transform: Sequence[float]) -> list[tuple[float, float]]:
    """Return the outline of a grid, counter-clockwise where rows go down, its edges in short pieces."""
    rows, cols = shape
    a, b, c, d, e, f = transform
    corners = [(0, 0), (0, rows), (cols, rows), (cols, 0), (0, 0)]
    steps = [one / (_POINTS - 1) for one in range(_POINTS)]
    outline = [
        (x0 + (x1 - x0) * step, y0 + (y1 - y0) * step)
        for (x0, y0), (x1, y1) in itertools.pairwise(corners)
        for step in steps[:-1]
    ]
    return [(a * x + b * y + c, d * x + e * y + f) for x, y in [*outline, outline[0]]]


def _rectangle(west: float, south: float, east: float, north: float) -> list[list[float]]:
    return [[west, south], [east, south], [east, north], [west, north], [west, south]]


def _extent(path: Path) -> tuple[str | None, list[tuple[float, float]]]:
    """Return the CRS and the outline of a vector file's features; None for what is no vector file."""
    try:
        layer = open_layer(path)
    except InvalidInput:  # a report, a table
        return None, []
    if layer.driver == "Parquet":  # GDAL as wheels have it can't read it
        import geopandas  # noqa: PLC0415  (as above)

        frame = geopandas.read_parquet(path)
        crs, bounds = frame.crs, frame.total_bounds
    else:
        import pyogrio  # noqa: PLC0415  (it loads pandas)

        with reading(str(path)):
            info = pyogrio.read_info(layer.source, layer=layer.name, force_total_bounds=True)
        crs, bounds = info["crs"], info["total_bounds"]
    if crs is None or bounds is None:
        return None, []
    from pyproj import CRS  # noqa: PLC0415  (as above)

    west, south, east, north = map(float, bounds)
    ring = _ring((1, 1), (east - west, 0.0, west, 0.0, south - north, north))
    return str(CRS.from_user_input(crs).to_wkt()), ring


def _bands(path: Path) -> list[dict[str, Any]]:
    if path.suffix.lower() not in {".tif", ".tiff"}:
        return []
    import rasterio  # noqa: PLC0415  (as above)
    from rasterio.errors import RasterioError  # noqa: PLC0415  (as above)

    try:
        with rasterio.open(path, driver="GTiff") as dataset:
            size, is_square = abs(dataset.res[0]), math.isclose(*map(abs, dataset.res))
            told = zip(dataset.descriptions, dataset.dtypes, dataset.nodatavals, strict=True)
            return [
                {
                    "name": name or f"band {number}",
                    "data_type": dtype,
                    **({"nodata": _number(nodata)} if nodata is not None else {}),
                    "raster:sampling": "area",
                    **({"raster:spatial_resolution": size} if is_square else {}),
                }
                for number, (name, dtype, nodata) in enumerate(told, start=1)
            ]
    except RasterioError as error:
        raise InvalidInput(f"{path}: can't be read: {error}.", "Check the file.") from error


def _number(value: float) -> float | str:
    if math.isfinite(value):
        return value
    return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"
