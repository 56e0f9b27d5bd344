"""One record of each built-in model, in each format and with each option, comes again byte for byte."""

import itertools
import zipfile
from pathlib import Path

import numpy as np
import pyogrio
import pytest
import rasterio

from dissmodel.models.coastal import raster, validation, vector
from dissmodel.record import store
from dissmodel.registry.classes import ExecutorRegistry
from support.cases import mostly_slow

MODELS = {
    model.name: model
    for model in (
        raster.CoastalRaster,
        raster.FloodRaster,
        raster.MangroveRaster,
        vector.CoastalVector,
        vector.FloodVector,
        vector.MangroveVector,
        validation.CoastalValidation,
    )
}
RASTERS = [name for name in MODELS if name.endswith("_raster")]
VECTORS = [name for name in MODELS if name.endswith("_vector")]
STEPS = ("-p", "end_time=4", "-p", "sea_level_rise_rate=0.3")
OPTIONS = {
    "one thread": ("--threads", "1"),
    "two threads": ("--threads", "2"),
    "a seed": ("--seed", "7"),
    "snapshots": ("-p", "snapshots=[1,3]"),
    "every": ("-p", "every=2"),
    "accretion": ("-p", "accretion_enabled=true"),
}


@pytest.fixture(autouse=True)
def registered(dissmodel):
    """Other tests may have registered models of their own under the same names."""
    for model in MODELS.values():
        ExecutorRegistry.register(model)


@pytest.fixture
def coast(dissmodel, make_coast):
    """Write a coast; return the file's name."""

    def write(name):
        make_coast.main(["--rows", "14", "--cols", "18", "--seed", "4", "--output", name])
        return name

    return write


@pytest.fixture
def comes_again(dissmodel):
    """Run a model, and reproduce it from nothing but its record; return the two records."""

    def check(model, source, *words, output="r.tif"):
        ran = dissmodel("run", model, "-i", source, "-o", output, *STEPS, *words, "-q")
        assert 0 == ran.code, ran.err
        path = Path(output.rstrip("/")).with_suffix(".record.json")
        before = store.read_document(path)
        said = dissmodel("reproduce", path, "--json")
        assert 0 == said.code, said.err
        after = said.json["record"]

        assert {"identical-file"} == {one["verdict"] for one in said.json["artifacts"].values()}
        assert before["files"].keys() == said.json["artifacts"].keys()
        assert sorted(before["artifacts"].values()) == sorted(after["artifacts"].values())
        assert [] == said.json["other_code"]
        for name in (
            "parameters",
            "parameter_origin",
            "resolved_spec",
            "band_map",
            "column_map",
            "input_format",
            "seed",
            "thread_limit",
        ):
            assert before[name] == after[name], name
        assert before["source"]["layer"] == after["source"]["layer"]
        assert 0 == dissmodel("record", "verify", said.json["record_path"]).code
        return before

    return check


def steps_of(record):
    return sorted(name for name in record["files"] if name.startswith("step_"))


@pytest.mark.fast_cases("coastal_vector-two threads", "flood_raster-snapshots")
@pytest.mark.parametrize(
    ("model", "option"),
    mostly_slow(
        [  # a flood alone has no accretion
            (model, option)
            for model in (*RASTERS, *VECTORS)
            for option in OPTIONS
            if option != "accretion" or not model.startswith("flood")
        ],
        ("coastal_raster", "one thread"),
        ("flood_raster", "snapshots"),
        ("mangrove_raster", "every"),
        ("coastal_vector", "two threads"),
        ("flood_vector", "a seed"),
        ("mangrove_vector", "accretion"),
    ),
)
def test_every_option(coast, comes_again, model, option):
    source, output = ("grid.zip", "r.tif") if model in RASTERS else ("grid.gpkg", "r.gpkg")
    record = comes_again(model, coast(source), *OPTIONS[option], output=output)

    kept = {"snapshots": ["step_1", "step_3"], "every": ["step_2"]}
    assert kept.get(option, []) == steps_of(record)


@pytest.mark.parametrize(
    ("model", "source"),
    mostly_slow(
        [("coastal_raster", "grid.zip"), ("flood_vector", "grid.gpkg")], ("coastal_raster", "grid.zip")
    ),
)
def test_a_run_with_a_preview(coast, comes_again, model, source):
    comes_again(model, coast(source), "--preview", output=f"r{'.tif' if model in RASTERS else '.gpkg'}")


@pytest.mark.fast_cases("coastal_vector-.gpkg", "mangrove_vector-.parquet")
@pytest.mark.parametrize(
    ("model", "suffix"),
    mostly_slow(
        [*itertools.product(VECTORS, [".gpkg", ".parquet", ".fgb", ".geojson", ".shp"])],
        ("coastal_vector", ".gpkg"),
        ("coastal_vector", ".fgb"),
        ("flood_vector", ".geojson"),
        ("mangrove_vector", ".parquet"),
        ("mangrove_vector", ".shp"),
    ),
)
def test_every_format_of_polygons_with_snapshots(coast, comes_again, model, suffix):
    comes_again(model, coast("grid.gpkg"), *OPTIONS["snapshots"], output=f"r{suffix}")


@pytest.mark.fast_cases("coastal_raster")
@pytest.mark.parametrize("model", RASTERS)
def test_every_format_of_pixels(coast, comes_again, model):
    comes_again(model, coast("grid.tif"), output="r.tiff")


@pytest.mark.fast_cases("grid.shp", "grid.zip")
@pytest.mark.parametrize("source", ["grid.tif", "grid.zip", "grid.gpkg", "grid.shp", "grid.geojson"])
def test_every_format_of_the_input(coast, comes_again, source):
    comes_again("coastal_raster", coast(source))


@pytest.mark.slow
@pytest.mark.parametrize("words", [(), ("-p", "tolerance=0.5"), OPTIONS["accretion"], OPTIONS["two threads"]])
def test_a_validation_with_its_report_and_its_picture(coast, comes_again, words):
    record = comes_again("coastal_validation", coast("grid.gpkg"), *words, output="val/")

    assert {"output", "scatter"} == record["files"].keys()


def test_polygons_in_coarser_pixels(coast, comes_again):
    record = comes_again("coastal_raster", coast("grid.gpkg"), "-p", "resolution=60")

    assert [7, 9] == record["grid"]["shape"]


def test_a_crs_that_the_input_lacks(coast, comes_again):
    with rasterio.open(coast("grid.tif")) as dataset:
        profile, bands, names = dataset.profile, dataset.read(), dataset.descriptions
    with rasterio.open("bare.tif", "w", **{**profile, "crs": None}) as dataset:
        dataset.write(bands)
        dataset.descriptions = names
    record = comes_again("coastal_raster", "bare.tif", "-p", "crs=EPSG:31983")

    assert "EPSG:31983" == record["parameters"]["crs"]


def test_other_names_of_bands(coast, comes_again):
    with rasterio.open(coast("grid.tif")) as dataset:
        profile, bands = dataset.profile, dataset.read()
        names = [{"uso": "land use", "alt": "height"}.get(name, name) for name in dataset.descriptions]
    with rasterio.open("other.tif", "w", **profile) as dataset:
        dataset.write(bands)
        dataset.descriptions = names
    words = ("--band-map", "uso=land use", "--band-map", "alt=height")
    record = comes_again("coastal_raster", "other.tif", *words)

    assert {"uso": "land use", "alt": "height"} == record["band_map"]


def test_other_names_of_columns_and_one_of_several_layers(coast, comes_again):
    cells = pyogrio.read_dataframe(coast("grid.gpkg")).rename(columns={"alt": "Alt2"})
    pyogrio.write_dataframe(cells.iloc[:5], "two.gpkg", layer="few")
    pyogrio.write_dataframe(cells, "two.gpkg", layer="all", append=True)
    words = ("--layer", "all", "--column-map", "alt=Alt2", "--format", "vector")
    record = comes_again("coastal_vector", "two.gpkg", *words, output="r.gpkg")

    assert ({"alt": "Alt2"}, "all") == (record["column_map"], record["source"]["layer"])
    assert 14 * 18 > pyogrio.read_info("r.gpkg")["features"] > 5


def test_one_of_several_rasters_of_a_zip(coast, comes_again):
    with rasterio.open(coast("grid.tif")) as dataset:
        profile, bands, names = dataset.profile, dataset.read(), dataset.descriptions
    with rasterio.open("flat.tif", "w", **profile) as dataset:
        dataset.write(np.where(bands == profile["nodata"], bands, 1))
        dataset.descriptions = names
    with zipfile.ZipFile("two.zip", "w") as archive:
        archive.write("grid.tif", "a.tif")
        archive.write("flat.tif", "b.tif")
    record = comes_again("coastal_raster", "two.zip", "--layer", "a.tif")

    assert "a.tif" == record["source"]["layer"]


def test_the_parameters_and_names_of_a_toml_that_is_gone(coast, dissmodel):
    Path("m.toml").write_text(
        '[model]\nclass = "coastal_raster"\n[model.parameters]\nend_time = 3\ntide_height = 2.5\n',
        encoding="utf-8",
    )
    ran = dissmodel("run", "-t", "m.toml", "-i", coast("grid.zip"), "-o", "r.tif", "-q")
    Path("m.toml").unlink()
    said = dissmodel("reproduce", "r.record.json", "--json")

    assert (0, 0, "identical-file") == (ran.code, said.code, said.json["verdict"])
    assert (2.5, "spec") == (
        said.json["record"]["parameters"]["tide_height"],
        said.json["record"]["parameter_origin"]["tide_height"],
    )
