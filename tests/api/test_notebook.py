"""What a notebook shows of the values that the functions return, and the result as xarray has it."""

import base64
import io
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import rasterio
import xarray as xr
from affine import Affine
from PIL import Image

import dissmodel

VOID = {"img", "br"}
MODEL = """
from dissmodel.cells import CellModel, Classes, Numbers
class Town(CellModel):
    name = "town<b>"
    use = Classes({1: ("wet land", "#0000ff"), 2: ("town & port", "#ff0000"), 200: ("far", "#00ff00")})
    height = Numbers(unit="m")
    def step(self, cells): pass
"""


@pytest.fixture
def made(tmp_path, monkeypatch, make_coast):
    monkeypatch.chdir(tmp_path)
    make_coast.main(["--rows", "12", "--cols", "18", "--output", "grid.zip"])
    return dissmodel.run("coastal_raster", input="grid.zip", output="r.tif", parameters={"end_time": 3})


class Tags(HTMLParser):
    """The tags of HTML, and whether each was closed."""

    def __init__(self, text):
        super().__init__()
        self.open, self.all, self.text = [], [], ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.all.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def shown(value):
    tags = Tags(value._repr_html_())
    assert [] == tags.open
    assert not {"script", "link", "iframe"} & {name for name, _ in tags.all}
    return tags


def test_a_run_shows_its_maps_files_parameters_and_how_to_repeat_it(made):
    before = sorted(Path().iterdir())

    tags = shown(made)

    pictures = [one["src"] for name, one in tags.all if name == "img"]
    sizes = [Image.open(io.BytesIO(base64.b64decode(one.partition(",")[2]))).size for one in pictures]
    assert [(18, 12)] * 3 == sizes
    assert all(one["alt"].startswith("uso ") for name, one in tags.all if name == "img")
    for text in ("coastal_raster", "r.tif", "end_time", "mangrove", "dissmodel reproduce ", "r.record.json"):
        assert text in tags.text
    assert before == sorted(Path().iterdir())
    again = shown(dissmodel.open_record("r.record.json")).text
    assert tags.text.partition("Metrics")[0] == again.partition("Metrics")[0]
    assert f"Run(coastal_raster completed: {made.record_path})" == repr(made)


def test_what_can_not_be_drawn_says_why(made):
    Path("grid.zip").unlink()
    assert "The state before can't be drawn" in shown(made).text
    Path("r.tif").write_bytes(b"edited")
    assert "No map: " in shown(made).text
    Path("r.record.json").unlink()
    tags = shown(made)
    assert "No map: " in tags.text
    assert "end_time" in tags.text


def test_an_error_of_the_files_is_no_error_of_the_notebook(made, monkeypatch):
    monkeypatch.setattr(dissmodel.api.Experiment, "files", property(lambda _: 1 / 0))

    assert "can't be shown: ZeroDivisionError" in shown(dissmodel.open_record("r.record.json")).text


def test_all_that_a_function_returns_is_shown(made):
    dissmodel.run("coastal_raster", input="grid.zip", output="b.tif", parameters={"end_time": 4})

    assert "coastal_raster" in shown(dissmodel.show()).text
    assert "sea_level_rise_rate" in shown(dissmodel.show("coastal_raster")).text
    assert "Nothing differs" in shown(dissmodel.verify(made.record_path)).text
    assert "identical-file" in shown(dissmodel.compare("r.tif", "r.tif")).text
    assert "end_time" in shown(dissmodel.diff("r.record.json", "b.record.json")).text
    assert "the same run" in shown(dissmodel.diff("r.record.json", "r.record.json")).text.lower()
    assert "identical-file" in shown(dissmodel.reproduce(made.record_path, check=True)).text
    assert "b.tif" in shown(dissmodel.records()).text


def test_a_raster_is_a_dataset_with_its_classes_and_its_grid(made):
    data = made.open()

    with rasterio.open("r.tif") as file:
        bands = dict(zip(file.descriptions, file.read(), strict=True))
        grid, nodata = file.transform, file.nodata
        crs = file.crs
    assert isinstance(data, xr.Dataset)
    assert bands.keys() == set(data.data_vars)
    for name, band in bands.items():
        assert np.array_equal(band, data[name].values)
        assert nodata == data[name].attrs["_FillValue"]
        assert band.dtype == data[name].dtype == data[name].attrs["_FillValue"].dtype
    assert np.allclose(grid.c + grid.a * (np.arange(18) + 0.5), data.x)
    assert np.allclose(grid.f + grid.e * (np.arange(12) + 0.5), data.y)
    assert crs == rasterio.CRS.from_wkt(data.spatial_ref.attrs["crs_wkt"])
    assert "spatial_ref" == data.uso.attrs["grid_mapping"]
    words = data.uso.attrs["flag_meanings"].split(" ")
    assert [*range(1, 11)] == data.uso.attrs["flag_values"].tolist()
    assert (10, "mangrove", "flooded_vegetation") == (len(words), words[0], words[-1])
    assert "flag_values" not in data.alt.attrs


def test_a_dataset_is_read_again_from_netcdf_with_nothing_lost(made):
    data = made.open()
    data.to_netcdf("r.nc")

    with xr.open_dataset("r.nc", decode_coords="all") as again:
        assert data.uso.attrs["flag_meanings"] == again.uso.attrs["flag_meanings"]
        known = data.uso.values != data.uso.attrs["_FillValue"]
        assert np.array_equal(known, again.uso.notnull().values)
        assert np.array_equal(data.uso.values[known], again.uso.values[known])


def test_without_xarray_the_arrays_are_still_there(made, monkeypatch):
    monkeypatch.setitem(sys.modules, "xarray", None)

    with pytest.raises(dissmodel.DissmodelError, match="xarray") as error:
        made.open()

    assert "pip install" in error.value.hint
    assert "arrays=True" in error.value.hint
    backend, about = made.open(arrays=True)
    assert {"uso", "alt", "solo"} == set(backend.arrays)
    assert "transform" in about


def test_names_of_classes_are_words_and_codes_fit_their_dtype(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("town.py").write_text(MODEL.replace("town<b>", "town_of_tests"))
    with rasterio.open(
        "in.tif", "w", driver="GTiff", width=4, height=3, count=2, dtype="float32",
        transform=Affine(1, 0, 0, 0, -1, 3), crs="EPSG:31983",
    ) as file:  # fmt: skip
        file.write(np.ones((2, 3, 4), "float32"))
        file.descriptions = ("use", "height")
    data = dissmodel.run("town.py", input="in.tif", output="r.tif", parameters={"end_time": 1}).open()

    assert "wet_land town_port far" == data.use.attrs["flag_meanings"]
    assert [1, 2, 200] == data.use.attrs["flag_values"].tolist()
    assert data.use.dtype == data.use.attrs["flag_values"].dtype
