import tracemalloc

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.enums import ColorInterp
from rasterio.env import get_gdal_config

from dissmodel.errors import InvalidInput
from dissmodel.geo import RasterBackend
from dissmodel.io import load_dataset, open_dataset, save_dataset
from dissmodel.io.bands import ArrayBands
from dissmodel.io.raster import load_geotiff, open_geotiff, write_geotiff
from dissmodel.progress import Silent, reporting
from support.rasters import write_tiff

MEGABYTE = 2**20
LAYOUTS = {
    "tiles": {"tiled": True, "blockxsize": 512, "blockysize": 512},
    "small tiles": {"tiled": True, "blockxsize": 256, "blockysize": 112},
    "strips of a row": {"blockysize": 1},
    "one strip": {"blockysize": 1500},
    "pixel": {"interleave": "pixel"},
}


class Transfers(Silent):
    def __init__(self):
        self.heard = []

    def transferred(self, done, total):
        self.heard.append((done, total))


@pytest.fixture
def transfers():
    with reporting(Transfers()) as reporter:
        yield reporter.heard


def written(path, bands, names=("uso", "alt"), **options):
    return write_tiff(path, bands, names=names, **{"interleave": "band", **options})


def numbers(rows=1500, cols=1100, count=2):
    return np.arange(count * rows * cols, dtype=np.float64).reshape(count, rows, cols)


@pytest.mark.fast_cases("small tiles", "one strip")
@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_blocks_are_the_whole_raster_cut_as_the_file_is(tmp_path, layout):
    bands = numbers()
    path = written(tmp_path / "a.tif", bands, **layout)
    with rasterio.open(path) as dataset:
        height = dataset.block_shapes[0][0]

    with open_geotiff(path) as (opened, checksum):
        blocks = list(opened.blocks(["alt", "uso"]))

    assert load_geotiff(path)[1] == checksum
    assert [0, *(block.rows.stop for block in blocks[:-1])] == [block.rows.start for block in blocks]
    assert 1500 == blocks[-1].rows.stop
    assert all(block.rows.start % height == 0 for block in blocks)
    assert all(len(block.values["uso"]) <= max(height, MEGABYTE // 1100) for block in blocks)
    for name, band in zip(("uso", "alt"), bands, strict=True):
        assert np.array_equal(band, np.vstack([block.values[name] for block in blocks]))
    assert {None} == {block.valid for block in blocks}


def test_a_band_alone_is_read_alone(tmp_path):
    path = written(tmp_path / "a.tif", numbers(), interleave="pixel")

    with open_geotiff(path) as (opened, _):
        (block, *_) = opened.blocks(["alt"])

    assert ["alt"] == list(block.values)
    assert 1500 * 1100 == block.values["alt"][0, 0]
    assert {"uso": np.float64, "alt": np.float64} == dict(opened.dtypes)
    assert (1500, 1100) == opened.shape


def test_masks_and_alpha_bands_come_with_the_blocks(tmp_path):
    mask = np.arange(1500 * 1100).reshape(1500, 1100) % 7 > 0
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True):
        path = written(tmp_path / "a.tif", numbers())
        with rasterio.open(path, "r+") as out:
            out.write_mask(mask)
    bands = numbers(count=3).astype(np.uint8)
    bands[2] = np.where(mask, 255, 0)
    colours = (ColorInterp.gray, ColorInterp.undefined, ColorInterp.alpha)
    other = written(tmp_path / "b.tif", bands, colours=colours, interleave="pixel")

    for name in (path, other):
        with open_geotiff(name) as (opened, _):
            blocks = list(opened.blocks(["uso"]))
        assert ["uso", "alt"] == list(opened.dtypes)
        assert np.array_equal(mask, np.vstack([block.valid for block in blocks]))
        assert np.array_equal(mask, load_geotiff(name)[0][1]["mask"])


def test_what_is_in_memory_reads_like_a_file(tmp_path):
    path = written(tmp_path / "a.tif", numbers(), tiled=True, blockxsize=256, blockysize=256)
    backend, meta = load_geotiff(path)[0]
    mask = np.arange(1500)[:, np.newaxis] > np.zeros(1100)
    held = ArrayBands(backend, {**meta, "mask": mask})

    blocks = list(held.blocks(["alt"]))

    with open_geotiff(path) as (opened, _):
        assert (opened.shape, opened.dtypes) == (held.shape, held.dtypes)
        assert opened.meta == {key: value for key, value in meta.items() if key != "mask"}
    assert 1 < len(blocks)
    assert np.array_equal(numbers()[1], np.vstack([block.values["alt"] for block in blocks]))
    assert np.array_equal(mask, np.vstack([block.valid for block in blocks]))


@pytest.mark.slow
def test_only_a_block_is_in_memory(tmp_path):
    bands = numbers(4096, 1024)
    path = written(tmp_path / "a.tif", bands, compress="zstd", **LAYOUTS["tiles"])
    of_a_block = 2 * 8 * MEGABYTE

    tracemalloc.start()
    try:
        with open_geotiff(path) as (opened, _):
            for _block in opened.blocks(["uso", "alt"]):
                pass
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert of_a_block < peak < 2.2 * of_a_block < bands.nbytes


def test_gdal_keeps_few_blocks_whatever_it_would_like(tmp_path, monkeypatch):
    monkeypatch.setenv("GDAL_CACHEMAX", "8192")
    seen = []
    path = tmp_path / "a.tif"

    def rows_of(rows):
        seen.append(get_gdal_config("GDAL_CACHEMAX"))
        return np.zeros((rows.stop - rows.start, 5))

    with rasterio.Env(GDAL_CACHEMAX=2**33):
        write_geotiff(path, {"a": rows_of}, shape=(5, 5), dtype="float64", transform=Affine.scale(2))
        with open_geotiff(path) as (opened, _):
            seen += [get_gdal_config("GDAL_CACHEMAX") for _ in opened.blocks(["a"])]

    assert 2 == len(seen)
    assert max(seen) <= 16 * MEGABYTE


def test_other_data_is_opened_as_it_is_loaded(tmp_path, make_cells):
    save_dataset(make_cells(), tmp_path / "a.gpkg")

    with open_dataset(tmp_path / "a.gpkg") as (opened, checksum):
        pass

    loaded, expected = load_dataset(tmp_path / "a.gpkg")
    assert expected == checksum
    assert loaded.equals(opened)


@pytest.fixture
def make_cells():
    def make():
        import geopandas as gpd
        import shapely

        return gpd.GeoDataFrame({"uso": [1, 2]}, geometry=shapely.box([0, 1], 0, [1, 2], 1), crs=31983)

    return make


def test_damage_is_named_where_it_shows_and_other_errors_pass(tmp_path):
    path = written(tmp_path / "a.tif", numbers(), compress="deflate", **LAYOUTS["tiles"])
    with rasterio.open(path) as dataset:
        at = int(dataset.get_tag_item("BLOCK_OFFSET_0_1", "TIFF", bidx=1))
    with path.open("r+b") as stream:
        stream.seek(at)
        stream.write(bytes(1000))

    with open_dataset(path) as (opened, _):
        blocks = opened.blocks(["uso"])
        with pytest.raises(InvalidInput, match=r"a\.tif can't be read") as caught:
            list(blocks)
    assert "raster_damaged" == caught.value.code

    with pytest.raises(ValueError, match=r"^mine$"), open_geotiff(path):
        raise ValueError("mine")


@pytest.mark.fast_cases("small tiles")
@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_reading_tells_how_far_it_is(tmp_path, transfers, layout):
    path = written(tmp_path / "a.tif", numbers(), **layout)

    load_geotiff(path)

    total = 2 * 1500 * 1100 * 8
    assert {total} == {of for _, of in transfers}
    assert sorted({done for done, _ in transfers}) == [done for done, _ in transfers]
    assert total == transfers[-1][0]
    assert (1 if layout == LAYOUTS["one strip"] else 2) <= len(transfers) <= 6


def test_writing_tells_how_far_it_is(tmp_path, transfers):
    backend = RasterBackend((1500, 600), transform=Affine.scale(2))
    backend.set("a", np.zeros((1500, 600), np.int16))
    backend.set("b", np.zeros((1500, 600), np.float32))

    save_dataset(backend, tmp_path / "a.tif")

    total = 2 * 1500 * 600 * 4
    rows = [512, 1024, 1500]
    done = [part for before, to in zip([0, *rows], rows, strict=False) for part in (before + to, 2 * to)]
    assert [(part * 600 * 4, total) for part in done] == transfers


def test_polygons_are_reported_when_they_have_come(tmp_path, transfers, make_cells):
    path = tmp_path / "a.gpkg"
    save_dataset(make_cells(), path)
    load_dataset(path)

    size = path.stat().st_size
    assert [(size, size), (0, size), (size, size)] == transfers
