"""Class maps: land use in the codes of another legend, as GeoTIFFs and polygons have it."""

import csv
import json
import re
import tomllib
from importlib import resources
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely

from dissmodel import api
from dissmodel.cells.class_map import read_class_map
from dissmodel.errors import UsageError
from dissmodel.models.coastal.classes import LAND_USES
from support.rasters import write_tiff

# Forest formation, mangrove, pasture, urban area, water, beach, not observed.
MAPBIOMAS = np.array([[3, 5, 15, 24], [33, 23, 0, 3], [5, 5, 15, 33]])
COAST = {3: 2, 5: 1, 15: 4, 24: 4, 33: 3, 23: 5}
LABELS = {3: "Forest", 5: "Mangrove", 15: "Pasture", 24: "Urban", 33: "River", 23: "Beach", 0: "Not observed"}
ALT = np.linspace(-1, 3, 12).reshape(3, 4)
NAMES = ("uso", "alt", "solo")
STEPS = ("--param", "end_time=2")

GROWN = """\
from dissmodel.cells import CellModel, Classes


class Land(CellModel):
    name = "land"
    land = Classes({1: "forest", 3: "pasture"})

    def step(self, cells, now):
        self.next.land[self.land == 1] = 3
"""
BESIDE = """<PAMDataset><PAMRasterBand band="1"><GDALRasterAttributeTable tableType="thematic">
<FieldDefn index="0"><Name>Value</Name><Type>0</Type><Usage>5</Usage></FieldDefn>
<FieldDefn index="1"><Name>Class</Name><Type>2</Type><Usage>2</Usage></FieldDefn>
<Row index="0"><F>1</F><F>Forests</F></Row><Row index="1"><F>3</F><F>Open water</F></Row>
</GDALRasterAttributeTable></PAMRasterBand></PAMDataset>"""
CATEGORIES = """<PAMDataset><PAMRasterBand band="1"><CategoryNames><Category></Category>
<Category>Forests</Category><Category></Category><Category>Open water</Category>
</CategoryNames></PAMRasterBand></PAMDataset>"""


def tif(name, uso, dtype="float64"):
    return write_tiff(name, np.array([uso, ALT, np.ones(ALT.shape)]).astype(dtype), names=NAMES)


def gpkg(name, uso):
    row, col = np.divmod(np.arange(ALT.size), ALT.shape[1])
    cells = {"uso": np.ravel(uso), "alt": ALT.ravel(), "solo": 1, "row": row, "col": col}
    boxes = shapely.box(30 * col, -30 * row - 30, 30 * col + 30, -30 * row)
    gpd.GeoDataFrame(cells, geometry=boxes, crs="EPSG:31983").to_file(name)
    return name


def table(rows):
    text = "old,new\n" + "".join(f"{old},{new}\n" for old, new in rows.items())
    Path("classes.csv").write_text(text)
    return "uso=classes.csv"


def land(name, dtype="uint8", beside=None):
    values = np.array([[[1, 3, 3], [1, 1, 3]]], dtype)
    write_tiff(name, values, names=["land"])
    if beside is not None:
        Path(f"{name}.aux.xml").write_text(beside)
    Path("land.py").write_text(GROWN)
    return name


@pytest.fixture
def result(dissmodel):
    """Run the coast; return the bands of its result."""

    def run(source, output, *words):
        said = dissmodel("run", "coastal_raster", "-i", source, "-o", output, *STEPS, *words)
        assert 0 == said.code, said.err
        with rasterio.open(output) as file:
            return file.read()

    return run


@pytest.mark.parametrize("dtype", ["float64", "int16"])
def test_the_result_is_that_of_the_models_own_codes(result, dtype):
    own = np.vectorize(lambda code: COAST.get(code, 0))(MAPBIOMAS)
    expected = result(tif("own.tif", own, dtype), "expected.tif")

    assert np.array_equal(
        expected, result(tif("in.tif", MAPBIOMAS, dtype), "out.tif", "--class-map", "uso=mapbiomas")
    )


def test_bytes_and_a_mapping_in_python(dissmodel):
    land("in.tif")

    made = api.run(
        "land.py",
        input="in.tif",
        output="a.tif",
        parameters={"end_time": 1},
        class_map={"land": {1: 3, 3: 1}},
    )

    assert {"land": {"1": 3, "3": 1}} == made.record.class_map
    assert [0] == made.record.step_metrics["land_forest"]
    assert [6] == made.record.step_metrics["land_pasture"]


def test_polygons_have_the_result_of_the_raster_also_by_labels(result):
    labels = np.vectorize(LABELS.get)(MAPBIOMAS)
    rows = {LABELS[code]: new for code, new in COAST.items()} | {"Not observed": "none"}
    expected = result(tif("in.tif", MAPBIOMAS), "a.tif", "--class-map", "uso=mapbiomas")

    codes = result(gpkg("codes.gpkg", MAPBIOMAS), "b.tif", "--class-map", "uso=mapbiomas")
    texts = result(gpkg("texts.gpkg", labels), "c.tif", "--class-map", table(rows))

    assert np.array_equal(expected, codes)
    assert np.array_equal(expected, texts)


@pytest.mark.parametrize("make", [tif, gpkg])
def test_codes_that_the_table_lacks_are_counted(dissmodel, make):
    strange = np.where(MAPBIOMAS == 5, 77, np.where(MAPBIOMAS == 24, 78, MAPBIOMAS))
    name = make("in.tif" if make is tif else "in.gpkg", strange)

    said = dissmodel("validate", "coastal_raster", "-i", name, "--class-map", "uso=mapbiomas", "-q")

    assert 3 == said.code
    assert re.search(r"77 \(3( cells)?\), 78 \(1( cell)?\)", said.out)


def test_a_file_is_an_input_of_the_run(result, dissmodel):
    given = table({**COAST, 0: "none"})
    result(tif("in.tif", MAPBIOMAS), "out.tif", "--class-map", given)

    record = json.loads(Path("out.record.json").read_text())
    toml = dissmodel("record", "show", "out.record.json", "--toml").out

    assert {"uso": "classes.csv"} == record["class_map"]
    assert ["class_map.uso"] == [one["name"] for one in record["sources"]]
    assert "[model.class_map]" in toml
    Path("again.toml").write_text(toml)
    assert 0 == dissmodel("run", "--toml", "again.toml", "-i", "in.tif", "-o", "again.tif").code
    assert Path("again.tif").read_bytes() == Path("out.tif").read_bytes()
    assert 0 == dissmodel("reproduce", "out.record.json", "--check").code
    Path("classes.csv").write_text("old,new\n3,1\n")
    assert 0 != dissmodel("record", "verify", "out.record.json").code


def test_a_toml_has_the_table_itself(result):
    Path("coast.toml").write_text(
        '[model]\nname = "coastal_raster"\n[model.class_map.uso]\n'
        + "".join(f"{old} = {new}\n" for old, new in COAST.items())
        + '0 = "none"\n'
    )
    source = tif("in.tif", MAPBIOMAS)

    by_name = result(source, "a.tif", "--class-map", "uso=mapbiomas")

    assert np.array_equal(by_name, result(source, "b.tif", "--toml", "coast.toml"))


@pytest.mark.fast_cases(
    "mapbiomaz-Did you mean 'mapbiomas'?", "given3-the code 3 is there twice", "given4-it maps no code"
)
@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("mapbiomaz", "Did you mean 'mapbiomas'?"),
        ({3: 99, 4: 98}, "3 → 99, 4 → 98"),
        ({3: "", 4: "sea"}, "3 → '', 4 → 'sea'"),
        ({3: 1, "3.0": 1}, "the code 3 is there twice"),
        ({}, "it maps no code"),
    ],
)
def test_a_table_that_is_wrong(dissmodel, given, said):
    source = tif("in.tif", MAPBIOMAS)

    with pytest.raises(UsageError) as raised:
        api.run("coastal_raster", input=source, output="out.tif", class_map={"uso": given})

    assert said in f"{raised.value.message} {raised.value.hint}"


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", b"old,new\n3,1\n3,2\n", "the code 3 is there twice"),
        ("a.csv", b"old,new\n3,\n", "there is no value"),
        ("a.csv", b"\x89PNG\r\n\0", "not text in UTF-8"),
        ("a.toml", b"3 = \n", "Invalid value"),
        ("a.toml", b"#" * (1 << 20) + b"\n\n", "more than 1048576 bytes"),
    ],
)
def test_a_file_that_is_no_table(tmp_path, name, content, said):
    (tmp_path / name).write_bytes(content)

    with pytest.raises(UsageError, match=said):
        read_class_map(str(tmp_path / name), "uso")


@pytest.mark.parametrize("first", ["uso.tif", "rest.tif"])
def test_one_of_several_inputs_has_codes_of_its_own(result, first):
    """In its codes 1 means that there is no value; it is a class of the model."""
    codes = np.where(MAPBIOMAS == 0, 1, 10 * MAPBIOMAS)
    write_tiff("uso.tif", codes[np.newaxis].astype("int16"), names=NAMES[:1], nodata=1)
    write_tiff("rest.tif", np.array([ALT, np.ones(ALT.shape)]), names=NAMES[1:])
    expected = result(tif("in.tif", MAPBIOMAS), "expected.tif", "--class-map", "uso=mapbiomas")
    (second,) = {"uso.tif", "rest.tif"} - {first}

    classes = table({10 * old: new for old, new in COAST.items()})
    found = result(first, "out.tif", "--input", second, "--class-map", classes)

    np.testing.assert_array_equal(expected, found)


@pytest.mark.slow
def test_a_map_that_potentials_are_fitted_to(dissmodel):
    rng = np.random.default_rng(4)
    slope = rng.uniform(0, 40, (20, 30))
    use = np.where(rng.random(slope.shape) < 1 / (1 + np.exp(2 - 0.1 * slope)), 1, 2)
    for name, codes in {"own": use, "other": np.array([0, 15, 3])[use]}.items():
        write_tiff(f"{name}.tif", np.array([codes, slope]), names=("use", "slope"))
    Path("classes.csv").write_text("old,new\n15,1\n3,2\n")
    fit = ("lucc", "fit", "--classes", "forest,pasture", "--drivers", "slope")

    own = dissmodel(*fit, "-i", "own.tif", "-o", "own.toml")
    other = dissmodel(*fit, "-i", "other.tif", "-o", "other.toml", "--class-map", "use=classes.csv")
    lacking = dissmodel(*fit, "-i", "other.tif", "-o", "no.toml")

    assert (0, 0, 3) == (own.code, other.code, lacking.code), own.err + other.err
    expected, found = (tomllib.loads(Path(f"{name}.toml").read_text())["model"] for name in ("own", "other"))
    assert expected == found
    record = json.loads(Path("other.record.json").read_text())
    assert {"use": "classes.csv"} == record["class_map"]
    assert ["class_map.use"] == [one["name"] for one in record["sources"]]
    assert 0 == dissmodel("reproduce", "other.record.json").code


def test_a_field_without_classes(dissmodel):
    said = dissmodel(
        "validate", "coastal_raster", "-i", tif("in.tif", MAPBIOMAS), "--class-map", "alt=mapbiomas"
    )

    assert "the model has no such field of classes" in said.out


@pytest.mark.parametrize("beside", [BESIDE, CATEGORIES])
def test_a_legend_with_another_name_is_a_warning(dissmodel, beside):
    name = land("in.tif", beside=beside)

    told = dissmodel("validate", "land.py", "-i", name).out

    assert "3 is 'Open water' there, 'pasture' here" in told
    assert "Forests" not in told  # a forest, there as here
    assert "other names" not in dissmodel("validate", "land.py", "-i", land("plain.tif")).out
    Path("classes.toml").write_text("1 = 1\n3 = 3\n")
    mapped = dissmodel("validate", "land.py", "-i", name, "--class-map", "land=classes.toml")
    assert "other names" not in mapped.out


@pytest.mark.parametrize("beside", ["", "<PAM", "<!DOCTYPE a [<!ENTITY b 'c'>]><PAMDataset>&b;</PAMDataset>"])
def test_a_legend_that_is_damaged_is_none(dissmodel, beside):
    assert 0 == dissmodel("validate", "land.py", "-i", land("in.tif", beside=beside)).code


def test_every_code_of_mapbiomas_is_mapped(shared):
    with shared("mapbiomas/legend.csv").open(encoding="utf-8") as file:
        legend = {int(row["code"]): row["name"] for row in csv.DictReader(file)}
    text = resources.files("dissmodel.cells").joinpath("class_maps/mapbiomas.toml").read_text()

    for field, legal in (("uso", {one.code for one in LAND_USES}), ("use", set(range(1, 6)))):
        found = read_class_map("mapbiomas", field)
        assert legend.keys() == found.keys()
        assert {0, 27} == {old for old, new in found.items() if new is None}
        assert {new for new in found.values() if new is not None} <= legal
    for code, name in legend.items():
        assert 2 == len(re.findall(rf"^{code} = .*# {re.escape(name)}: ", text, re.MULTILINE))
