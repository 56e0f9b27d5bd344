"""Rasters and tables are read piece by piece; tracemalloc sees what NumPy takes."""

import tracemalloc

import geopandas
import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine

from dissmodel.comparison import compare
from dissmodel.comparison.raster import write_difference
from dissmodel.errors import InvalidInput
from dissmodel.io import content_raster, content_vector, geotiff
from dissmodel.io.cog import make_cog
from dissmodel.io.content import content_digest
from dissmodel.preview import sampling
from dissmodel.preview.canvas import common_canvas
from dissmodel.preview.sampling import gather, open_map
from dissmodel.sweeping.maps import MappedRun, map_runs
from support.rasters import write_tiff

TILES = {"tiled": True, "blockxsize": 256, "blockysize": 256, "compress": "lzw"}
STRIPS = {"blockysize": 1, "compress": "lzw"}
NORTH_UP = Affine(30, 0, 0, 0, -30, 0)


def sparse(path, value, rows=6000, cols=500, **options):
    """Write a raster of zeros with one other row, a row block at a time."""
    profile = {"driver": "GTiff", "count": 1, "dtype": "float32", "height": rows, "width": cols}
    with rasterio.open(path, "w", **profile, transform=NORTH_UP, crs="EPSG:31983", **options) as out:
        block = np.zeros((1, 256, cols), "float32")
        for top in range(0, rows, 256):
            block[:, 0] = value
            some = block[:, : rows - top]
            out.write(some, window=((top, top + some.shape[1]), (0, cols)))
    return path


def previewed(path, other):
    with open_map(path) as after, open_map(other) as before:
        canvas = common_canvas([after, before], lambda _aspect: (50, 50))
        gather(canvas, (after, "band_1"), (before, "band_1"))


def summed_up(path, other):
    map_runs([MappedRun("a", path), MappedRun("b", other)], path.parent, {}, quantiles=False)


WORK = {
    "digest": lambda path, _: content_digest(path),
    "compare": compare,
    "difference": lambda path, other: write_difference(path, other, path.with_name("difference.tif")),
    "preview": previewed,
}


@pytest.mark.parametrize("what", WORK)
def test_a_raster_twice_as_large_takes_no_more_memory(tmp_path, monkeypatch, what):
    monkeypatch.setattr(content_raster, "_WINDOW_BYTES", 2**20)
    monkeypatch.setattr(sampling, "_AT_ONCE", 2**14)
    peaks = []
    for rows in (64, 1024, 2048):  # the first one loads and caches what all need
        path = sparse(tmp_path / "a.tif", 1, rows=rows, **TILES)
        other = sparse(tmp_path / "b.tif", 2, rows=rows, **STRIPS)
        tracemalloc.start()
        try:
            WORK[what](path, other)
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()

    assert peaks[2] < peaks[1] + 2**19  # the second half has 2 MB


@pytest.mark.parametrize("work", [*WORK.values(), summed_up, lambda path, _: make_cog(path, {})])
@pytest.mark.parametrize("options", [TILES, {**TILES, "interleave": "pixel", "count": 2}])
def test_blocks_too_large_to_be_unpacked_are_named(tmp_path, monkeypatch, work, options):
    monkeypatch.setattr(geotiff, "LARGEST_BLOCK", 256 * 256 * 4 * options.get("count", 1) - 1)
    bands = np.zeros((options.get("count", 1), 300, 300), "float32")
    layout = {name: one for name, one in options.items() if name != "count"}
    path, other = (
        write_tiff(tmp_path / name, bands + at, **layout) for at, name in enumerate(("a.tif", "b.tif"))
    )

    with pytest.raises(InvalidInput, match=r"a\.tif is stored in blocks of 256 by 256 cells") as caught:
        work(path, other)

    assert "raster_blocks" == caught.value.code
    assert "gdal_translate -co TILED=YES" in caught.value.hint
    monkeypatch.setattr(geotiff, "LARGEST_BLOCK", geotiff.LARGEST_BLOCK + 1)
    content_digest(path)


def test_one_strip_is_unpacked_row_by_row(tmp_path, monkeypatch):
    monkeypatch.setattr(geotiff, "LARGEST_BLOCK", 2**20)
    path = sparse(tmp_path / "a.tif", 1, cols=500, blockysize=6000, compress="packbits")
    plain = sparse(tmp_path / "b.tif", 1, cols=500, **TILES)

    assert content_digest(plain) == content_digest(path)


def test_of_many_bands_some_are_read_together(tmp_path, monkeypatch):
    bands = np.random.default_rng(1).random((20, 30, 40))
    path = write_tiff(tmp_path / "a.tif", bands, interleave="pixel")
    whole, together = content_digest(path), []
    read = content_raster.read_bands
    monkeypatch.setattr(content_raster, "_WINDOW_BYTES", 6 * 8 * 512**2)

    def counted(dataset, stored, window):
        together.append(len(stored))
        return read(dataset, stored, window)

    monkeypatch.setattr(content_raster, "read_bands", counted)

    assert whole == content_digest(path)
    assert [6, 6, 6, 2] == together


def test_strips_are_compared_row_by_row_whichever_file_has_them(tmp_path, monkeypatch):
    monkeypatch.setattr(content_raster, "_WINDOW_BYTES", 2**18)
    tiles, strips = (
        sparse(tmp_path / "a.tif", 1, rows=600, **TILES),
        sparse(tmp_path / "b.tif", 2, rows=600, **STRIPS),
    )
    read, windows = content_raster.read_bands, set()

    def noted(dataset, stored, window):
        windows.add(window.width)
        return read(dataset, stored, window)

    monkeypatch.setattr("dissmodel.comparison.raster.read_bands", noted)

    for pair in ((tiles, strips), (strips, tiles)):
        assert "different" == compare(*pair).verdict
    assert {500} == windows


@pytest.fixture
def squares():
    corner = np.arange(1000.0)
    shapes = shapely.box(corner, 0, corner + 1, 1)
    shapes[7] = None
    texts = [None if number % 3 == 0 else f"text {number}" for number in range(1000)]
    columns = {"n": np.arange(1000) % 5, "x": np.where(corner % 2, corner, np.nan), "t": texts}
    return geopandas.GeoDataFrame(columns, geometry=shapes, crs="EPSG:31983")


@pytest.mark.parametrize("encoding", ["WKB", "geoarrow"])
def test_geoparquet_is_digested_by_pieces_of_row_groups(tmp_path, monkeypatch, squares, encoding):
    path, other = tmp_path / "a.parquet", tmp_path / "b.parquet"
    squares.to_parquet(other)
    whole = content_digest(other)
    squares.to_parquet(path, row_group_size=90, geometry_encoding=encoding)
    sizes, of_rows = [], geopandas.read_parquet
    monkeypatch.setattr(content_vector, "_AT_ONCE", 40)

    def read(source, **options):
        frame = of_rows(source, **options)
        sizes.append(len(frame))
        return frame

    monkeypatch.setattr(geopandas, "read_parquet", read)
    pieces = content_vector.ParquetColumn.pieces

    def noted(column):
        for piece in pieces(column):
            sizes.append(len(piece.null))
            yield piece

    monkeypatch.setattr(content_vector.ParquetColumn, "pieces", noted)

    assert whole == content_digest(path)
    assert 0 < max(sizes) <= 40
    assert "identical-content" == compare(path, other).verdict
