"""A TIFF that ends too early is found whatever it lost; a whole one is never taken for such."""

import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
import rasterio
import rasterio.shutil
from affine import Affine

from dissmodel.errors import InvalidInput
from dissmodel.io.raster import load_geotiff
from dissmodel.io.tiff_layout import ends_early

FORMS = {
    "classic": {},
    "big": {"BIGTIFF": "YES"},
    "big-endian": {"ENDIANNESS": "BIG"},
    "big, big-endian": {"BIGTIFF": "YES", "ENDIANNESS": "BIG"},
    "tiled": {"tiled": True, "blockxsize": 16, "blockysize": 16, "compress": "deflate"},
    "sparse": {"SPARSE_OK": True},
}


@pytest.fixture
def make(tmp_path):
    """Write a GeoTIFF with names, CRS and a mask in it; return the path."""

    def write(**form):
        path = tmp_path / "a.tif"
        profile = {"driver": "GTiff", "count": 2, "height": 20, "width": 30, "dtype": "float32"}
        grid = {"crs": "EPSG:31983", "transform": Affine(30, 0, 5, 0, -30, 5)}
        with (
            rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True),
            rasterio.open(path, "w", **profile, **grid, **form) as out,
        ):
            out.write(np.arange(1200, dtype=np.float32).reshape(2, 20, 30))
            out.set_band_description(1, "elevation")
            out.set_band_description(2, "soil")
            out.write_mask(np.tri(20, 30, dtype=bool))
        return path

    return write


@pytest.mark.fast_cases("classic", "tiled")
@pytest.mark.parametrize("form", FORMS)
def test_without_its_end_it_is_refused_wherever_it_is_cut(make, form):
    path = make(**FORMS[form])
    whole = path.read_bytes()
    (backend, meta), _ = load_geotiff(path)
    assert not ends_early(path)
    assert np.array_equal(np.tri(20, 30, dtype=bool), meta["mask"])

    codes = set()
    for kept in range(8, len(whole), 7):
        path.write_bytes(whole[:kept])
        try:
            (cut, said), _ = load_geotiff(path)
        except InvalidInput as error:
            codes.add(error.code)
            continue
        assert list(backend.arrays) == list(cut.arrays)
        assert np.array_equal(meta["mask"], said["mask"])
    assert {"raster_damaged"} == codes


def test_a_mask_beside_it_that_lost_its_end(make, tmp_path):
    path = make()
    mask = tmp_path / "a.tif.msk"
    mask.write_bytes(path.read_bytes()[:-60])

    with pytest.raises(InvalidInput, match=r"a\.tif\.msk can't be read as a GeoTIFF: its end is missing"):
        load_geotiff(path)


def test_files_of_other_writers_are_whole(make, tmp_path):
    cog = tmp_path / "cog.tif"
    rasterio.shutil.copy(make(), cog, driver="COG")
    with rasterio.open(make(), "r+") as grown:
        grown.build_overviews([2, 4])
        grown.update_tags(key="value" * 100)

    assert [False, False] == [ends_early(path) for path in (cog, tmp_path / "a.tif")]


def test_the_shared_raster_is_whole(tmp_path, shared):
    with zipfile.ZipFile(shared("synthetic_grid_60x60_tiff.zip")) as archive:
        path = Path(archive.extract("synthetic_grid_60x60_tiff.tif", tmp_path))

    assert not ends_early(path)


@pytest.mark.parametrize(
    ("content", "early"),
    [
        (struct.pack("<4sIHI", b"II*\0", 8, 0, 8), False),  # a directory that leads to itself
        (struct.pack("<4sI", b"II*\0", 8), True),
        (struct.pack(">4sIHI", b"MM\0*", 8, 0, 14), True),
        (struct.pack("<4sHHQ", b"II+\0", 8, 0, 2**64 - 1), True),
        (struct.pack("<4sHHQ", b"II+\0", 8, 0, 2**62), True),
        (struct.pack("<4sHHQQ", b"II+\0", 8, 0, 16, 2**63), False),  # more tags than are looked at
    ],
)
def test_hostile_directories(tmp_path, content, early):
    path = tmp_path / "a.tif"
    path.write_bytes(content)

    assert early == ends_early(path)
