"""What leaves pixels outside: masks beside and inside of a file, alpha, nodata of each band, NaN."""

from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.enums import ColorInterp

from dissmodel.cells import CellModel, Classes, Numbers
from dissmodel.registry.classes import ExecutorRegistry

SHAPE = 5, 7
INSIDE = np.arange(35).reshape(SHAPE) % 4 != 1
BUILT = (np.arange(35).reshape(SHAPE) % 3 == 0).astype(float)
SLOPE = np.arange(35.0).reshape(SHAPE)


@pytest.fixture
def counting():
    class Counting(CellModel):
        """Each cell gains the number of its built neighbours."""

        name = "counting"
        built = Classes({0: "open", 1: "built"}, changes=False)
        slope = Numbers()

        def step(self, cells, now):
            self.next.slope += cells.neighbors(self.built == 1).count()

    yield Counting
    ExecutorRegistry._executors.pop("counting")


def write(path, bands, *, nodata=None, tags=(), alpha=False, mask=False):
    profile = {"driver": "GTiff", "count": len(bands), "height": 5, "width": 7, "dtype": "float64"}
    transform = rasterio.Affine(30, 0, 600_000, 0, -30, 9_700_000)
    with rasterio.open(path, "w", **profile, crs="EPSG:31984", transform=transform, nodata=nodata) as out:
        if alpha:
            undefined = [ColorInterp.undefined] * (len(bands) - 2)
            out.colorinterp = [ColorInterp.gray, *undefined, ColorInterp.alpha]
        for number, (name, band) in enumerate(bands.items(), start=1):
            out.write(band, number)
            out.set_band_description(number, name)
        for number, value in enumerate(tags, start=1):
            out.update_tags(number, nodata=str(value))
        if alpha:
            out.colorinterp = [
                ColorInterp.gray,
                *[ColorInterp.undefined] * (len(bands) - 2),
                ColorInterp.alpha,
            ]
        if mask:
            out.write_mask(INSIDE)


def beside(path):
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=False):
        write(path, {"built": BUILT, "slope": SLOPE, "extra": SLOPE}, mask=True)
    assert Path(f"{path}.msk").is_file()


def internal(path):
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True):
        write(path, {"built": BUILT, "slope": SLOPE, "extra": SLOPE}, mask=True)
    assert [path.name] == [one.name for one in path.parent.iterdir()]


def alpha(path):
    opaque = np.where(INSIDE, 255.0, 0.0)
    write(path, {"built": BUILT, "slope": SLOPE, "extra": SLOPE, "": opaque}, alpha=True)


def nodata(path):
    bands = {"built": BUILT, "slope": SLOPE, "extra": SLOPE}
    write(path, {name: np.where(INSIDE, band, -9999.0) for name, band in bands.items()}, nodata=-9999.0)


def nan(path):
    bands = {"built": BUILT, "slope": SLOPE, "extra": SLOPE}
    write(path, {name: np.where(INSIDE, band, np.nan) for name, band in bands.items()})


def nodata_of_each_band(path):
    holes = {"built": -1, "slope": -2, "extra": -3}
    bands = {"built": BUILT, "slope": SLOPE, "extra": SLOPE}
    write(
        path,
        {name: np.where(INSIDE, band, holes[name]) for name, band in bands.items()},
        tags=holes.values(),
    )


@pytest.mark.parametrize("make", [beside, internal, alpha, nodata, nan, nodata_of_each_band])
def test_only_the_pixels_with_values_are_cells(counting, tmp_path, run, make):
    make(tmp_path / "in.tif")

    once = run(counting, tmp_path / "in.tif", "once.tif", end_time=1)
    twice = run(counting, once.path, "twice.tif", end_time=2)

    built = np.pad(np.where(INSIDE, BUILT, 0), 1)
    near = sum(
        built[1 + down : 6 + down, 1 + right : 8 + right] for down in (-1, 0, 1) for right in (-1, 0, 1)
    ) - np.where(INSIDE, BUILT, 0)
    assert INSIDE.sum() == once.record.grid.cells == twice.record.grid.cells
    for steps, one in enumerate((once, twice), start=1):
        with rasterio.open(one.path) as result:
            bands = dict(zip(result.descriptions, result.read(masked=True), strict=True))
        assert ["built", "slope", "extra"] == list(bands)
        for name, expected in {"built": BUILT, "slope": SLOPE + steps * near, "extra": SLOPE}.items():
            np.testing.assert_array_equal(INSIDE, ~np.ma.getmaskarray(bands[name]), name)
            np.testing.assert_array_equal(expected[INSIDE], bands[name].data[INSIDE], name)
