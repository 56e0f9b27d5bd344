"""`dissmodel compare SIMULATED OBSERVED --metrics`: how good a map is, against observation."""

import json
import math
from pathlib import Path

import geopandas as gpd
import numpy as np
import pyproj
import pytest
import rasterio
import shapely

import dissmodel as api
from dissmodel import metrics
from dissmodel.cells.style import raster_qml
from dissmodel.comparing import observed as judging
from dissmodel.comparing import observed_maps
from dissmodel.geo.legend import CellClass
from dissmodel.io.vector import save_gdf
from dissmodel.record import Artifact, Code, ExperimentRecord, store
from support.rasters import write_tiff

TRANSFORM = rasterio.Affine(1000, 0, 500000, 0, -1000, 9000000)
SIMULATED = [[1, 1, 2], [2, 2, 2], [1, 3, 3]]
OBSERVED = [[1, 2, 2], [2, 2, 1], [1, 3, 0]]
INITIAL = [[1, 1, 1], [1, 2, 2], [1, 1, 3]]


def write(name, bands, **more):
    given = {"crs": "EPSG:31984", "transform": TRANSFORM, "nodata": 0, "dtype": "uint8"} | more
    dtype = given.pop("dtype")
    write_tiff(name, np.array(list(bands.values()), dtype), names=tuple(bands), **given)


@pytest.fixture
def maps(dissmodel):
    """s.tif, o.tif and i.tif with the band uso, 1 km² a cell, one cell without observation; the command."""
    for name, band in (("s.tif", SIMULATED), ("o.tif", OBSERVED), ("i.tif", INITIAL)):
        write(name, {"uso": band})
    return dissmodel


def test_a_table_of_measures(maps):
    said = maps("compare", "s.tif", "o.tif", "--initial", "i.tif", "--metrics")

    assert (0, "") == (said.code, said.err)
    for line in (
        "different: s.tif and o.tif",
        "uso: 8 cells, each with a value in every map",
        "cells without a value, left out: 1 in the observed map",
        "agreement                0.75",
        # (0, 2) and (1, 0) are hits, (2, 1) too; (0, 1) a miss; (1, 2) a miss.
        "figure of merit          0.6        hits 3, misses 2, false alarms 0, wrong class 0",
        "quantity disagreement    0 ",
        "  exchange               0.25",
        # 6 of 8 are the same; 3·3 + 4·4 + 1·1 by chance: (8·6 - 26)/(64 - 26).
        "kappa                    0.578947   Pontius & Millones (2011) advise against it",
        "2      4               4              2 ",
        "2               0.75",
    ):
        assert " ".join(line.split()) in " ".join(said.out.split())


def test_json_has_what_the_functions_return(maps):
    said = maps("compare", "s.tif", "o.tif", "--initial", "i.tif", "--metrics", "--json")
    found = said.json["metrics"]
    mask = np.array(OBSERVED) > 0
    expected = metrics.compare_classes(SIMULATED, OBSERVED, INITIAL, mask=mask)
    names = {1: "1", 2: "2", 3: "3"}

    assert (0, False) == (said.code, said.json["same"])
    assert json.loads(json.dumps(expected.document(names))) == found["class_map"]
    assert (8, {"simulated": 0, "observed": 1, "initial": 0}) == (found["cells"], found["left_out"])
    assert ("km²", {"1": 3, "2": 4, "3": 1}) == (found["area_unit"], found["areas"]["simulated"])


def test_python_has_the_same(maps):
    found = api.compare("s.tif", "o.tif", metrics=True, initial="i.tif", band="uso").metrics

    assert 0.6 == found.classes.change.figure_of_merit
    assert {"simulated": "uso", "observed": "uso", "initial": "uso"} == found.bands
    assert api.compare("s.tif", "o.tif").metrics is None


@pytest.mark.slow
def test_lucc_validation_has_the_same_numbers(maps):
    write("o.tif", {"uso": [[1, 2, 2], [2, 2, 1], [1, 3, 3]]})
    roles = {"result": "s.tif", "reference": "o.tif", "start": "i.tif"}
    words = [word for role, name in roles.items() for word in ("-i", f"{role}={name}")]
    run = maps("run", "lucc_validation", *words, "-o", "check/", "-q", "--band-map", "use=uso")
    theirs = json.loads(Path("check/validation.json").read_text())
    ours = maps("compare", "s.tif", "o.tif", "--initial", "i.tif", "--metrics", "--json").json["metrics"]
    listed = maps("record", "show", "check.record.json", "--metrics")

    assert (0, "") == (run.code, run.err)
    assert theirs["class_map"] == ours["class_map"]
    assert list(theirs["areas"].values()) == [
        ours["areas"][one] for one in ("simulated", "observed", "initial")
    ]
    assert (0, "") == (listed.code, listed.err)
    assert [ours["class_map"]["kappa"]] == [
        float(line.split()[1]) for line in listed.out.splitlines() if line.startswith("kappa ")
    ]


def test_the_first_band_with_classes_is_measured(maps):
    alt = [[0.5, 1, 2], [2, 2, 2], [1, 3, 3]]
    write("s.tif", {"alt": alt, "uso": SIMULATED, "solo": OBSERVED}, dtype="float64")
    write("o.tif", {"solo": SIMULATED, "alt": alt, "uso": OBSERVED}, dtype="float64")

    def band(*words):
        found = maps("compare", "s.tif", "o.tif", "--metrics", "--json", *words)
        return found.code, found.json["metrics"]["bands"]["simulated"], found.json["metrics"]["kind"]

    assert (0, "uso", "classes") == band()
    assert (0, "solo", "classes") == band("--band", "solo")
    assert (0, "alt", "numbers") == band("--band", "alt")


def test_a_map_with_one_band_has_it_under_any_name(maps):
    write("s.tif", {"alt": OBSERVED, "uso": SIMULATED})
    write("o.tif", {"class": OBSERVED})
    unclear = maps("compare", "s.tif", "o.tif", "--metrics")
    clear = maps("compare", "s.tif", "o.tif", "--metrics", "--band", "uso", "--json")

    assert 2 == unclear.code
    assert "s.tif has 'alt', 'uso'; " in unclear.err
    assert "o.tif has 'class'" in unclear.err
    assert {"simulated": "uso", "observed": "class"} == clear.json["metrics"]["bands"]


def test_numbers(maps):
    a, b = [[1.5, 2.0, math.nan, -9999.0]], [[1.0, 3.0, 5.0, 7.0]]
    for name, band in (("s.tif", a), ("o.tif", b)):
        write(name, {"alt": band}, dtype="float64", nodata=-9999)
    said = maps("compare", "s.tif", "o.tif", "--metrics", "--json")
    table = maps("compare", "s.tif", "o.tif", "--metrics")

    assert {"bias": -0.25, "mae": 0.75, "rmse": math.sqrt(0.625), "r2": 0.375, "max_error": 1.0} == (
        said.json["metrics"]["numbers"]
    )
    assert {"simulated": 2, "observed": 0} == said.json["metrics"]["left_out"]
    assert "R²                          0.375" in table.out


def test_classes_that_only_one_map_has_and_their_names(maps):
    write("o.tif", {"uso": [[1, 2, 2], [2, 2, 1], [1, 5, 5]]})
    Path("s.qml").write_text(raster_qml([CellClass(1, "forest", "#008800"), CellClass(2, "x", "#ffff00")], 1))
    with rasterio.open("o.tif") as dataset:
        number = dataset.indexes[0]
    Path("o.tif.aux.xml").write_text(
        f'<PAMDataset><PAMRasterBand band="{number}"><CategoryNames><Category>a</Category>'
        "<Category>b</Category><Category>c</Category><Category>water</Category></CategoryNames>"
        "</PAMRasterBand></PAMDataset>"
    )
    said = maps("compare", "s.tif", "o.tif", "--metrics")
    found = maps("compare", "s.tif", "o.tif", "--metrics", "--json").json["metrics"]

    assert "Only the simulated map has the classes water." in said.out
    assert "Only the observed map has the classes 5." in said.out
    assert ["1 forest", "2 x", "3 water", "5"] == [
        one["name"] if one["name"] == str(one["code"]) else f"{one['code']} {one['name']}"
        for one in found["classes"]
    ]
    assert (0, 2) == (found["areas"]["observed"]["water"], found["areas"]["observed"]["5"])


def test_names_of_the_model_that_a_record_beside_the_map_names(maps):
    write("s.tif", {"fire": SIMULATED})
    artifact = Artifact(path="s.tif", size=1, sha256="0" * 64)
    code = Code(package="dissmodel", version="0")
    record = ExperimentRecord(model_name="fire_spread", code=code, files={"output": artifact})
    store.write(record, Path("s.record.json"))
    found = api.compare("s.tif", "o.tif", metrics=True).metrics

    assert {1: "no fuel", 2: "unburned", 3: "burning"} == found.names


def test_areas_in_degrees_are_those_of_the_rows(maps):
    for name, band in (("s.tif", SIMULATED), ("o.tif", OBSERVED)):
        write(name, {"uso": band}, crs="EPSG:4326", transform=rasterio.Affine(1, 0, 0, 0, -1, 2))
    found = api.compare("s.tif", "o.tif", metrics=True).metrics
    geod = pyproj.Geod(ellps="WGS84")

    def area(row):
        box = shapely.box(0, 1 - row, 1, 2 - row)
        return abs(geod.geometry_area_perimeter(box)[0]) / 1e6

    # Class 1 of the simulation: two cells in the first row, one in the last.
    assert 2 * area(0) + area(2) == pytest.approx(found.areas["simulated"][1], rel=1e-3)


@pytest.fixture
def polygons(dissmodel):
    boxes = shapely.box(np.arange(9) % 3 * 1e3, 0, np.arange(9) % 3 * 1e3 + 1e3, 1e3)
    for name, codes in (("s.gpkg", SIMULATED), ("o.gpkg", OBSERVED)):
        values = np.array(codes).ravel()
        columns = {"row": np.arange(9) // 3, "uso": values, "alt": values / 7, "geometry": boxes}
        save_gdf(gpd.GeoDataFrame(columns, crs=31984), name)
    return dissmodel


def test_polygons_are_matched_in_the_order_of_the_files(polygons):
    found = polygons("compare", "s.gpkg", "o.gpkg", "--metrics", "--json").json["metrics"]
    numbers = polygons("compare", "s.gpkg", "o.gpkg", "--metrics", "--band", "alt")
    expected = metrics.transition_matrix(SIMULATED, OBSERVED)

    assert ("uso", "features", 9) == (found["bands"]["simulated"], found["unit"], found["cells"])
    assert expected.table() == found["class_map"]["matrix"]["cells"]
    assert {"0": 0, "1": 3, "2": 4, "3": 2} == found["areas"]["simulated"]
    assert found["class_map"]["fuzzy"] is None
    assert "Fuzzy agreement and the fit by window are of rasters." in found["notes"]
    assert "mean absolute error" in numbers.out


def test_what_is_on_another_grid_is_told_as_without_metrics(maps):
    write("o.tif", {"uso": OBSERVED}, crs="EPSG:31983")
    plain, measured = (maps("compare", "s.tif", "o.tif", *words) for words in ((), ("--metrics",)))
    write("o.tif", {"uso": OBSERVED})
    write("i.tif", {"uso": INITIAL}, crs="EPSG:31983")
    initial = maps("compare", "s.tif", "o.tif", "--metrics", "--initial", "i.tif")

    assert (4, plain.out) == (measured.code, measured.out)
    assert (3, True) == (initial.code, "The CRS differs: EPSG:31984 in A, EPSG:31983 in B." in initial.err)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--metrics", "--band", "use"], 2, "there is no such band in"),
        (["--band", "uso"], 2, "Give --metrics too."),
        (["--metrics", "--initial", "nowhere.tif"], 3, "nowhere.tif"),
        (["--metrics", "--initial", "empty.tif"], 3, "There is no cell with a value in each of"),
    ],
)
def test_bad_input(maps, words, code, said):
    write("s.tif", {"uso": SIMULATED, "alt": SIMULATED})
    write("empty.tif", {"uso": np.zeros((3, 3))})
    found = maps("compare", "s.tif", "o.tif", *words)

    assert (code, "") == (found.code, found.out)
    assert said in found.err


def test_striped_and_tiled_files_of_many_blocks(maps, monkeypatch):
    monkeypatch.setattr(observed_maps, "_MOST_CELLS", 3000)
    draw = np.random.default_rng(2)
    one, other, start = np.kron(draw.integers(1, 7, (3, 30, 40)), np.ones((1, 5, 5), np.uint8))
    for name, band in (("s.tif", one), ("o.tif", other), ("i.tif", start)):
        write(name, {"uso": band})
    striped = api.compare("s.tif", "o.tif", metrics=True, initial="i.tif").metrics
    monkeypatch.setattr(observed_maps, "_TILE_COLUMNS", 64)
    monkeypatch.setattr(observed_maps, "UNIT", 64)
    for name in ("s.tif", "o.tif", "i.tif"):
        with rasterio.open(name) as dataset:
            profile = {**dataset.profile, "tiled": True, "blockxsize": 64, "blockysize": 64}
            band, names = dataset.read(), dataset.descriptions
        with rasterio.open(name, "w", **profile) as dataset:
            dataset.write(band)
            dataset.descriptions = names
    tiled = api.compare("s.tif", "o.tif", metrics=True, initial="i.tif").metrics

    assert metrics.compare_classes(one, other, start) == striped.classes == tiled.classes


@pytest.mark.slow
def test_landscape_metrics_as_pylandstats_has_them(maps, monkeypatch):
    pls = pytest.importorskip("pylandstats", reason="the extra landscape is not installed")
    write("o.tif", {"uso": [[1, 2, 2], [2, 2, 1], [1, 5, 5]]})
    found = api.compare("s.tif", "o.tif", metrics=True, landscape=True).metrics
    printed = maps("compare", "s.tif", "o.tif", "--metrics", "--landscape")
    theirs = pls.Landscape(np.array(SIMULATED, np.uint8), res=(1000, 1000), nodata=0)
    monkeypatch.setattr(judging, "is_installed", lambda: False)
    without = maps("compare", "s.tif", "o.tif", "--metrics", "--landscape")

    one = found.landscape["simulated"]
    assert theirs.edge_density() == one.whole["edge_density"]
    assert [theirs.patch_density(class_val=code) for code in (1, 2, 3)] == [
        one.classes[name]["patch_density"] for name in "123"
    ]
    assert "5" in found.landscape["observed"].classes
    assert "5" not in one.classes
    assert "all    edge_density" in printed.out
    assert (0, True) == (without.code, "pip install pylandstats" in without.out)
