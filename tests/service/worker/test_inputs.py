"""A job with several inputs is the run that a command line has, and can be run again."""

import importlib
from pathlib import Path

import numpy as np
import pytest

from dissmodel.io import load_dataset
from dissmodel.io.raster import write_geotiff
from dissmodel.service.inputs import admit
from support.rasters import write_tiff


@pytest.fixture
def coast(house):
    """Put a coast into the place of inputs, its heights in a file of their own."""
    importlib.import_module("make_coast").main(
        ["--output", str(house.folder / "whole.tif"), "--rows", "12", "--cols", "12"]
    )
    (data, meta), _ = load_dataset(house.folder / "whole.tif")
    for name, bands in {"rest.tif": ("uso", "solo"), "alt.tif": ("alt",)}.items():
        write_geotiff(
            Path(house.settings.inputs) / name,
            {band: data.get(band).__getitem__ for band in bands},
            shape=data.shape,
            dtype=data.get(bands[0]).dtype,
            transform=meta["transform"],
            crs=meta["crs"],
        )


@pytest.mark.slow
@pytest.mark.usefixtures("coast")
def test_a_job_with_two_inputs_and_its_reproduction(house):
    shared = {"model_name": "coastal_raster", "timeout_s": 100}
    other = f"{admit('alt.tif', house.settings)}:alt"
    job = house.submit(input="rest.tif", inputs={"alt": other}, parameters={"end_time": 2}, **shared)
    assert 0 == house.drain(), house.shown()

    record = house.record(job)
    (source,) = record["sources"]
    assert ("alt", {"alt": {"name": "alt", "how": "exact"}}) == (source["name"], source["fields"])
    assert record["source"]["uri"].endswith("/rest.tif")
    assert source["uri"].endswith("/alt.tif")

    again = house.submit(kind="reproduce", reproduces=job, **shared)
    assert 0 == house.drain(), house.shown()
    assert "identical-file" == house.record(again)["reproduction"]["verdict"]


@pytest.mark.slow
def test_a_job_whose_map_has_codes_of_its_own(house):
    codes, alt = np.array([[3, 5, 15], [33, 0, 24]]), np.linspace(-1, 3, 6).reshape(2, 3)
    own = np.array([[2, 1, 4], [3, 0, 4]])
    for name, uso in {"own.tif": own, "other.tif": codes}.items():
        bands = np.array([uso, alt, np.ones(alt.shape)])
        write_tiff(Path(house.settings.inputs) / name, bands, names=("uso", "alt", "solo"))
    shared = {"model_name": "coastal_raster", "timeout_s": 100, "parameters": {"end_time": 2}}
    jobs = [
        house.submit(input="own.tif", **shared),
        house.submit(input="other.tif", class_map={"uso": "mapbiomas"}, **shared),
    ]
    assert 0 == house.drain(), house.shown()

    records = [house.record(job) for job in jobs]
    assert records[0]["files"]["output"]["sha256"] == records[1]["files"]["output"]["sha256"]
    assert {"uso": "mapbiomas"} == records[1]["class_map"]

    again = house.submit(kind="reproduce", reproduces=jobs[1], model_name="coastal_raster", timeout_s=100)
    assert 0 == house.drain(), house.shown()
    assert "identical-file" == house.record(again)["reproduction"]["verdict"]
