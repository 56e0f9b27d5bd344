"""The models on polygons, and each of the two models alone, from the command line."""

import json
from pathlib import Path

import geopandas
import numpy as np
import pyogrio
import pytest
import shapely

from dissmodel.io import load_dataset
from dissmodel.models.coastal import raster, vector
from dissmodel.registry.classes import ExecutorRegistry
from support.cases import mostly_slow

WORDS = ("-p", "sea_level_rise_rate=0.5", "-q")
EXECUTORS = (
    vector.CoastalVector,
    vector.FloodVector,
    vector.MangroveVector,
    raster.FloodRaster,
    raster.MangroveRaster,
)


@pytest.fixture(autouse=True)
def registered(dissmodel):
    """Other tests may have registered models of their own under the same names."""
    for executor in EXECUTORS:
        ExecutorRegistry.register(executor)


@pytest.fixture
def coast(dissmodel, make_coast):
    """A coast of polygons with row and col: the name of its file."""
    make_coast.main(["--rows", "24", "--cols", "30", "--seed", "4", "--output", "grid.gpkg"])
    return "grid.gpkg"


@pytest.fixture
def honeycomb(dissmodel):
    """A coast of hexagons, which are not a grid: the name of its file."""
    row, col = (part.ravel() for part in np.indices((20, 25)))
    x, y = col * 30 + row % 2 * 15.0, row * 30 * np.sqrt(0.75)
    angles = np.radians(np.arange(30, 390, 60))
    radius = 30 / np.sqrt(3)
    corners = np.stack(
        [x[:, None] + radius * np.cos(angles), y[:, None] + radius * np.sin(angles)], axis=2
    ).round(3)
    cells = geopandas.GeoDataFrame(
        {
            "uso": np.select([col < 5, col < 9, col < 14], [3, 1, 2], 4),
            "alt": col * 0.25 + row * 0.01,
            "solo": np.where(col < 9, 3, 4),
            "owner": [f"nº {i}" for i in range(row.size)],
        },
        geometry=shapely.polygons(corners),
        crs="EPSG:31983",
    )
    pyogrio.write_dataframe(cells, "hexagons.gpkg")
    return "hexagons.gpkg"


def numbers(path):
    """Return the state in a file of polygons, or on the pixels of a GeoTIFF that has one for each of them."""
    data = load_dataset(path)[0]
    if hasattr(data, "geometry"):
        return {name: data[name].to_numpy().astype(float) for name in ("uso", "alt", "solo")}
    bands = data[0].arrays
    inside = bands["uso"] != -9999
    visit = np.argsort(bands["order"][inside]) if "order" in bands else slice(None)
    return {name: bands[name][inside][visit].astype(float) for name in ("uso", "alt", "solo")}


def same(one, other):
    return all(one[name].tobytes() == other[name].tobytes() for name in one)


def test_a_run_on_hexagons_and_its_record(dissmodel, honeycomb):
    said = dissmodel(
        "run", "coastal_vector", "-i", honeycomb, "-o", "result.gpkg", *WORDS, "-p", "end_time=8"
    )

    assert (0, "") == (said.code, said.err)
    record = json.loads(Path("result.record.json").read_text(encoding="utf-8"))
    assert ("completed", "coastal_vector") == (record["status"], record["model_name"])
    assert ["output", "style"] == [*record["files"]]
    assert list(range(1, 9)) == record["step_metrics"]["step"]
    assert record["step_metrics"]["flooded"][-1] > 0
    assert "numpy" == record["runtime"]["kernel"]
    given, result = pyogrio.read_dataframe(honeycomb), pyogrio.read_dataframe("result.gpkg")
    assert given.owner.tolist() == result.owner.tolist()
    assert shapely.equals_exact(given.geometry.array, result.geometry.array).all()
    changed = {"uso", "alt", "solo", "passo"}
    before = record["files"]["output"]["content_digest"]["parts"]
    assert changed < before.keys()
    assert 0 == dissmodel("record", "verify", "result.record.json").code


def test_the_output_s_name_is_the_model_s_choice(dissmodel, honeycomb):
    said = dissmodel("run", "coastal_vector", "-i", honeycomb, *WORDS, "-p", "end_time=1", "--json")

    name = Path(said.json["record"]["output_path"])
    assert ("coastal_vector", ".gpkg") == (name.stem.rpartition("_")[0], name.suffix)
    refused = dissmodel("run", "coastal_vector", "-i", honeycomb, "-o", "r.tif", "-q")
    assert (2, False) == (refused.code, Path("r.tif").exists())
    assert ".gpkg" in refused.err


@pytest.mark.parametrize("kind", mostly_slow(["coastal", "flood", "mangrove"], "coastal"))
def test_polygons_and_their_pixels_have_the_same_bits(dissmodel, coast, kind):
    for substrate, output in (("raster", "r.tif"), ("vector", "r.gpkg")):
        words = ("run", f"{kind}_{substrate}", "-i", coast, "-o", output, "--overwrite", *WORDS)
        said = dissmodel(*words, "-p", "end_time=9")
        assert 0 == said.code, said.err
        Path("r.record.json").unlink()

    assert same(numbers("r.tif"), numbers("r.gpkg"))
    assert not same(numbers(coast), numbers("r.gpkg"))


@pytest.mark.parametrize(
    ("substrate", "suffix"),
    mostly_slow([("raster", "tif"), ("vector", "gpkg"), ("vector", "fgb")], ("vector", "gpkg")),
)
def test_a_run_goes_on_from_where_another_ended_with_the_same_bits(dissmodel, coast, substrate, suffix):
    for source, output, last in ((coast, "ten", 10), (f"ten.{suffix}", "twice", 20), (coast, "once", 20)):
        words = ("run", f"coastal_{substrate}", "-i", source, "-o", f"{output}.{suffix}", *WORDS)
        said = dissmodel(*words, "-p", f"end_time={last}")
        assert 0 == said.code, said.err

    assert same(numbers(f"once.{suffix}"), numbers(f"twice.{suffix}"))
    record, other = (json.loads(Path(f"{name}.record.json").read_text()) for name in ("once", "twice"))
    assert record["step_metrics"]["sum_alt"][10:] == other["step_metrics"]["sum_alt"]
    if substrate == "vector":
        assert record["artifacts"] == other["artifacts"]


def test_a_run_that_has_ended_already_says_so(dissmodel, coast):
    dissmodel("run", "coastal_vector", "-i", coast, "-o", "five.gpkg", *WORDS, "-p", "end_time=5")

    said = dissmodel("run", "coastal_vector", "-i", "five.gpkg", "-o", "r.gpkg", *WORDS, "-p", "end_time=5")

    assert 3 == said.code
    assert "comes before the first step, 6" in said.err


def test_validate_finds_what_is_wrong_and_what_is_right(dissmodel, honeycomb):
    bad = pyogrio.read_dataframe(honeycomb).drop(columns="solo")
    bad.loc[7, "uso"] = 11
    bad.loc[9, "geometry"] = bad.geometry[8]
    pyogrio.write_dataframe(bad, "bad.gpkg")

    good = dissmodel("validate", "coastal_vector", "-i", honeycomb, "-o", "r.gpkg")
    said = dissmodel("validate", "coastal_vector", "-i", "bad.gpkg")

    assert 0 == good.code, good.out + good.err
    assert "500 cells in the space, steps 1 to 88" in good.out + good.err
    assert said.code != 0
    for words in ("'solo'", "11 (1 cell)", "feature 7", "feature 9, like feature 8"):
        assert words in said.out + said.err


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("-p", "tide_height=2"), 2, "no parameter 'tide_height'"),
        (("--column-map", "alt=height"), 3, "no column 'height'"),
        (("--column-map", "height=alt"), 2, "no column 'height'"),
        (("-p", "end_time=0"), 2, "end_time"),
    ],
)
def test_what_a_flood_of_polygons_refuses(dissmodel, honeycomb, words, code, says):
    said = dissmodel("run", "flood_vector", "-i", honeycomb, "-o", "r.gpkg", *words)

    assert code == said.code
    assert says in said.err
    assert not Path("r.gpkg").exists()


@pytest.mark.parametrize("executor", EXECUTORS)
def test_each_is_shown(dissmodel, executor):
    said = dissmodel("show", executor.name)

    assert 0 == said.code
    assert "sea_level_rise_rate" in said.out
    assert ("flood" in executor.name) == ("tide_height" not in said.out)


@pytest.mark.slow
def test_the_coast_of_maranhao_has_the_same_bits_on_both_substrates(dissmodel, shared):
    for substrate, output in (("raster", "r.tif"), ("vector", "v.gpkg")):
        words = ("run", f"coastal_{substrate}", "-i", shared("elevacao_pol.zip"), "-o", output, *WORDS)
        assert 0 == dissmodel(*words).code

    assert same(numbers("r.tif"), numbers("v.gpkg"))
    on_pixels, on_cells = (json.loads(Path(f"{n}.record.json").read_text()) for n in ("r", "v"))
    assert on_pixels["step_metrics"] == on_cells["step_metrics"]
    assert 88 == len(on_cells["step_metrics"]["step"])


@pytest.fixture
def twins(coast):
    """The coast as GeoJSON, with two columns whose names differ in case only: the name of its file."""
    frame = geopandas.read_file(coast).to_crs(4326).assign(Nome="a", nome="b")
    pyogrio.write_dataframe(frame, "twins.fgb")
    return "twins.fgb"


def test_what_the_format_cannot_hold_is_known_before_the_run(dissmodel, twins, monkeypatch):
    def never(*_):
        raise AssertionError("it ran")

    monkeypatch.setattr(vector.CoastalVector, "simulate", never)
    looked = dissmodel("validate", "coastal_vector", "-i", twins, "-o", "r.gpkg", "-p", "end_time=2")
    ran = dissmodel("run", "coastal_vector", "-i", twins, "-o", "r.gpkg", "-p", "end_time=2")

    assert (3, 3) == (looked.code, ran.code)
    for text in (looked.out, ran.err):
        assert "'Nome' and 'nome' differ in upper and lower case only" in text


def test_it_runs_where_the_format_holds_it(dissmodel, twins):
    assert 0 == dissmodel("run", "coastal_vector", "-i", twins, "-o", "r.fgb", "-p", "end_time=2", "-q").code

    result, _ = load_dataset("r.fgb")
    assert ({"a"}, {"b"}) == (set(result["Nome"]), set(result["nome"]))


def test_validate_tells_what_the_format_changes(dissmodel, coast):
    frame = geopandas.read_file(coast).assign(elevation_mean=1.0)
    pyogrio.write_dataframe(frame, "long.gpkg")

    for output, says in (
        ("r.shp", "a Shapefile holds 10 letters of a name; cut: elevation_mean."),
        ("r.geojson", "GeoJSON stores longitude and latitude on WGS 84"),
    ):
        said = dissmodel("validate", "coastal_vector", "-i", "long.gpkg", "-o", output, "-p", "end_time=2")
        assert 0 == said.code
        assert says in said.out
    plain = dissmodel("validate", "coastal_vector", "-i", "long.gpkg", "-o", "r.gpkg", "-p", "end_time=2")
    assert "warning" not in plain.out
