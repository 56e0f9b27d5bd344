"""A damaged file ends in one error, and nothing else is said."""

import shutil
import subprocess
import sys
import warnings

import numpy as np
import pytest
import rasterio
from affine import Affine

from dissmodel.errors import InvalidInput
from dissmodel.io.raster import load_geotiff


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Return a GeoTIFF whose names, nodata and CRS lie behind its cells, as most programs write it."""
    path = tmp_path_factory.mktemp("whole") / "a.tif"
    profile = {"driver": "GTiff", "count": 3, "height": 40, "width": 40, "dtype": "float64", "nodata": -9999}
    with rasterio.open(path, "w", **profile, crs="EPSG:31983", transform=Affine(30, 0, 5, 0, -30, 5)) as out:
        out.write(np.ones((3, 40, 40)))
        for number, name in enumerate(("uso", "alt", "solo"), start=1):
            out.set_band_description(number, name)
    return path


@pytest.mark.parametrize("cut", [1, 2, 9, 40, 200, 600, 1200])
def test_a_file_without_its_end_is_refused(tmp_path, whole, cut):
    path = tmp_path / "a.tif"
    path.write_bytes(whole.read_bytes()[:-cut])

    with pytest.raises(InvalidInput) as caught:
        load_geotiff(path)

    assert "raster_damaged" == caught.value.code


def test_a_tag_that_nobody_knows_is_no_damage(tmp_path, whole):
    path = shutil.copy(whole, tmp_path / "a.tif")
    with rasterio.open(path, "r+") as out:
        out.update_tags(ns="SOMEBODY", key="value")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (backend, _), _ = load_geotiff(path)

    assert ["uso", "alt", "solo"] == list(backend.arrays)


@pytest.mark.fast_cases("600")
@pytest.mark.parametrize("cut", [1, 600, 20_000])
def test_the_command_line_says_one_thing(tmp_path, whole, cut):
    path = tmp_path / "a.tif"
    path.write_bytes(whole.read_bytes()[:-cut])

    said = subprocess.run(
        [sys.executable, "-m", "dissmodel", "run", "coastal_raster", "-i", path, "-o", tmp_path / "r.tif"],
        capture_output=True,
        text=True,
        check=False,
    )

    error, hint, record = said.stderr.splitlines()
    assert (3, "") == (said.returncode, said.stdout)
    assert error.startswith(f"error: {path} can't be read as a GeoTIFF: ")
    assert hint.startswith(
        "  It was changed less than a minute ago: if a program still writes or downloads it, "
    )
    assert record.startswith("  record: ")
