import json
import subprocess
import sys
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely

from dissmodel.io.vector import save_gdf
from support.rasters import write_tiff

TRANSFORM = rasterio.Affine(30, 0, 500000, 0, -30, 9000000)


def write(name, alt, uso, crs="EPSG:31984"):
    bands = np.array([alt, uso], dtype="float64")
    write_tiff(name, bands, names=("alt", "uso"), crs=crs, nodata=-9999, transform=TRANSFORM)


ALT, USO = [[0.5, 1.0], [1.5, -9999.0]], [[1, 2], [3, 3]]


@pytest.fixture
def pair(dissmodel):
    """a.tif and b.tif, which differ in one cell of alt by 0.25, and in two of uso; the command."""
    write("a.tif", ALT, USO)
    write("b.tif", [[0.5, 1.25], [1.5, -9999.0]], [[1, 2], [4, 4]])
    return dissmodel


def test_the_verdict_and_a_table(pair):
    said = pair("compare", "a.tif", "b.tif")

    assert (4, "") == (said.code, said.err)
    assert said.out.startswith("different: a.tif and b.tif\n")
    for line in (
        "alt   float64  1 of 4   25.00 %  0.25       0.0833333",
        "alt, first changed: row 0, column 1 (x 500045.0, y 8999985.0): 1.0 → 1.25",
        "uso, first changed: row 1, column 0 (x 500015.0, y 8999955.0): 3.0 → 4.0",
        "uso, largest changes",
        "3     4   2",
        "count from 0",
    ):
        assert line in said.out


def test_all_of_it_in_json(pair):
    said = pair("compare", "a.tif", "b.tif", "--atol", "0.25", "--json")
    alt, uso = said.json["parts"]

    assert (4, 1, "different", False, "raster") == (
        said.code,
        *(said.json[name] for name in ("schema_version", "verdict", "same", "kind")),
    )
    assert {"rtol": 0.0, "atol": 0.25} == said.json["tolerance"]
    assert [str(Path("a.tif").absolute()), str(Path("b.tif").absolute())] == [said.json["a"], said.json["b"]]
    assert ("within-tolerance", 1, 0, 0.25, None) == (
        alt["verdict"],
        alt["changed"],
        alt["beyond"],
        alt["share"],
        alt["first_beyond"],
    )
    assert {"a": 1.0, "b": 1.25, "row": 0, "col": 1, "x": 500045.0, "y": 8999985.0, "feature": None} == alt[
        "first"
    ]
    assert ([{"before": 3, "after": 4, "count": 2}], 0) == (uso["moves"], uso["more_moves"])


def test_values_that_json_lacks(dissmodel):
    write("a.tif", [[np.nan, np.inf]], [[1, 1]])
    write("b.tif", [[1.0, -np.inf]], [[1, 1]])
    said = dissmodel("compare", "a.tif", "b.tif", "--json")

    assert ("NaN", None) == (said.json["parts"][0]["first"]["a"], said.json["parts"][0]["max_abs"])


@pytest.mark.parametrize(
    ("words", "code", "verdict"),
    [
        (["a.tif", "copy.tif"], 0, "identical-file: a.tif and copy.tif (the same bytes)"),
        (
            ["a.tif", "packed.tif"],
            0,
            "identical-content: a.tif and packed.tif (equal values in other bytes)",
        ),
        (["a.tif", "near.tif", "--atol", "0.25"], 0, "within-tolerance: "),
        (["a.tif", "near.tif", "--rtol", "0.2"], 0, "within-tolerance: "),  # 0.25 of 1.25
        (["a.tif", "near.tif", "--rtol", "0.19"], 4, "different: "),
        (["a.tif", "b.tif", "--atol", "100"], 4, "different: "),  # classes
        (["a.tif", "elsewhere.tif"], 4, "not-comparable: "),
    ],
)
def test_the_exit_code_says_whether_it_is_the_same(pair, words, code, verdict):
    Path("copy.tif").write_bytes(Path("a.tif").read_bytes())
    with (
        rasterio.open("a.tif") as dataset,
        rasterio.open("packed.tif", "w", **{**dataset.profile, "compress": "deflate"}) as packed,
    ):
        packed.write(dataset.read())
        packed.descriptions = dataset.descriptions
    write("elsewhere.tif", ALT, USO, crs="EPSG:31983")
    write("near.tif", [[0.5, 1.25], [1.5, -9999.0]], USO)
    said = pair("compare", *words)
    quiet = pair("compare", *words, "-q")

    assert code == said.code
    assert said.out.startswith(verdict)
    assert (code, "", "") == (quiet.code, quiet.out, quiet.err)


def test_what_is_not_comparable_says_why(pair):
    write("elsewhere.tif", ALT, USO, crs="EPSG:31983")

    assert (
        "The CRS differs: EPSG:31984 in A, EPSG:31983 in B." in pair("compare", "a.tif", "elsewhere.tif").out
    )


def test_a_map_of_the_difference(pair):
    said = pair("compare", "a.tif", "b.tif", "--diff-map", "d.tif", "--json")
    with rasterio.open("d.tif") as dataset:
        alt, uso = dataset.read(masked=True).tolist()

    assert (4, str(Path("d.tif").absolute())) == (said.code, said.json["diff_map"])
    assert [[[0.0, 0.25], [0.0, None]], [[0.0, 0.0], [1.0, 1.0]]] == [alt, uso]


def test_a_map_replaces_nothing_unasked(pair):
    Path("d.tif").write_bytes(b"mine")
    refused = pair("compare", "a.tif", "b.tif", "--diff-map", "d.tif")

    assert (2, "", b"mine") == (refused.code, refused.out, Path("d.tif").read_bytes())
    assert "--overwrite" in refused.err
    assert 4 == pair("compare", "a.tif", "b.tif", "--diff-map", "d.tif", "--overwrite").code
    assert b"mine" != Path("d.tif").read_bytes()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("b.tif", "one of the files to compare"),
        ("link.tif", "one of the files to compare"),
        ("d.png", "not the name of a GeoTIFF"),
        ("r.tif", "r.record.json describes"),
    ],
)
def test_a_map_has_no_place_where_something_is_lost(pair, given, said):
    Path("link.tif").symlink_to("a.tif")
    Path("r.record.json").write_text("{}")
    before = {path.name: path.read_bytes() for path in Path().iterdir()}
    refused = pair("compare", "a.tif", "b.tif", "--diff-map", given, "--overwrite")

    assert 2 == refused.code
    assert said in refused.err
    assert before == {path.name: path.read_bytes() for path in Path().iterdir()}


def test_what_is_not_comparable_has_no_map(pair):
    write("elsewhere.tif", ALT, USO, crs="EPSG:31983")
    said = pair("compare", "a.tif", "elsewhere.tif", "--diff-map", "d.tif")

    assert (4, False) == (said.code, Path("d.tif").exists())
    assert "was not written" in said.err


@pytest.fixture
def features(dissmodel):
    cells = gpd.GeoDataFrame({"n\x1b[2J": ["x", "y"]}, geometry=shapely.points([0, 1], [0, 1]), crs=31984)
    save_gdf(cells, "a.gpkg")
    cells.iloc[1, 0] = "\x1b[31m"
    save_gdf(cells, "b.gpkg")
    return dissmodel


def test_a_map_of_features_is_refused(features):
    said = features("compare", "a.gpkg", "b.gpkg", "--diff-map", "d.tif")

    assert (2, "") == (said.code, said.out)
    assert "is vector data; only rasters have a map of their difference" in said.err


def test_features_are_told_by_number_and_their_texts_do_nothing(features):
    said = features("compare", "a.gpkg", "b.gpkg")

    assert 4 == said.code
    assert 'first changed: feature 1: "y" → "\\x1b[31m"' in said.out
    assert "\x1b" not in said.out


def test_layers_once_or_twice(features):
    for words in (["--layer", "result"], ["--layer", "result", "--layer", ""]):
        assert 4 == features("compare", "a.gpkg", "b.gpkg", *words).code
    unknown = features("compare", "a.gpkg", "b.gpkg", "--layer", "result", "--layer", "resul")
    many = features("compare", "a.gpkg", "b.gpkg", *["--layer", "result"] * 3)

    assert (3, 2) == (unknown.code, many.code)
    assert "b.gpkg has no layer 'resul'" in unknown.err


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["a.tif", "c.tif"], 3, "c.tif does not exist"),
        (["a.tif", "."], 3, "is a folder"),
        (["a.tif"], 2, "Missing argument 'B'"),
        (["a.tif", "b.tif", "--atol", "-1"], 2, "a tolerance is a number of 0 or more"),
        (["a.tif", "b.tif", "--rtol", "nan"], 2, "a tolerance is a number of 0 or more"),
        (["a.tif", "b.tif", "--rtol", "x"], 2, "x"),
        (["a.tif", "https://127.0.0.1:1/b.tif"], 5, "nothing listens"),
    ],
)
def test_bad_input(pair, words, code, said):
    told = pair("compare", *words)
    as_json = pair("compare", *words, "--json")

    assert (code, "", code) == (told.code, told.out, as_json.code)
    assert said in told.err
    assert said in json.loads(as_json.out)["error"]["message"]


def test_a_file_in_another_folder_is_shown_without_a_detour(pair, monkeypatch):
    folder = Path.cwd()
    Path("here").mkdir()
    monkeypatch.chdir("here")
    said = pair("compare", "../a.tif", "../b.tif")
    as_json = pair("compare", "../a.tif", "../b.tif", "--json")

    assert f"different: {folder / 'a.tif'} and {folder / 'b.tif'}" == said.out.splitlines()[0]
    assert [str(folder / "a.tif"), str(folder / "b.tif")] == [as_json.json[name] for name in "ab"]


def test_rasters_are_compared_without_pandas(pair):
    code = (
        "import sys; from dissmodel.cli.app import app\n"
        "try: app(['compare', 'a.tif', 'b.tif', '-q'])\n"
        "except SystemExit as ended: print(ended.code, {'pandas', 'pyogrio'} & set(sys.modules))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert "4 set()\n" == said.stdout


def test_the_layers_of_one_file_are_compared_though_its_bytes_are_the_same(dissmodel):
    for layer, alt in (("a", 1.0), ("b", 2.0)):
        frame = gpd.GeoDataFrame({"alt": [alt]}, geometry=[shapely.box(0, 0, 1, 1)], crs="EPSG:31984")
        frame.to_file("two.gpkg", layer=layer, driver="GPKG")

    said = dissmodel("compare", "two.gpkg", "two.gpkg", "--layer", "a", "--layer", "b", "--json")
    nowhere = dissmodel("compare", "two.gpkg", "two.gpkg", "--layer", "nowhere")

    assert (4, "different") == (said.code, said.json["verdict"])
    assert 3 == nowhere.code
