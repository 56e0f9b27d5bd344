"""Several inputs: the cells of the first, with the fields that the others have."""

import json
from hashlib import sha256
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely
from affine import Affine

import dissmodel as dm
from dissmodel.io import load_dataset, save_dataset
from dissmodel.io.raster import write_geotiff

MODEL = '''\
from dissmodel.cells import CellModel, CellSpace, Classes, Numbers


class Low(CellModel):
    """Low ground is built on."""

    name = "low"
    built = Classes({0: "open", 1: "built"})
    alt = Numbers(unit="m", changes=False)

    def step(self, cells: CellSpace, now: int) -> None:
        self.next.built[self.alt < 10 * now] = 1
'''
OWN = """\
from pathlib import Path

from dissmodel.executor import ModelExecutor


class Compared(ModelExecutor):
    name = "compared"
    inputs = ("result", "reference")
    output_suffix = ".txt"

    def load(self, record):
        others = {one.name: one.uri for one in record.sources}
        return {record.source.name: record.source.uri} | others

    def run(self, data, record):
        return " ".join(f"{name}={Path(uri).name}" for name, uri in sorted(data.items()))

    def save(self, result, record):
        Path(record.output_path).write_text(result)
        record.status = "completed"
        return record
"""
GRID = Affine(30, 0, 600_000, 0, -30, 9_700_000)
ALT = np.arange(20.0).reshape(4, 5)
SHAPE = ALT.shape
RUN = ["run", "low.py", "-o", "out.tif", "-p", "end_time=1", "--overwrite"]


def tif(name, transform=GRID, nodata=-9999.0, crs="EPSG:31984", **bands):
    first = next(iter(bands.values()))
    write_geotiff(
        name,
        {band: values.__getitem__ for band, values in bands.items()},
        shape=first.shape,
        dtype=first.dtype,
        nodata=nodata,
        transform=transform,
        crs=crs,
    )


def cells(rows=4, cols=5, size=30):
    row, col = np.divmod(np.arange(rows * cols), cols)
    west, north = 600_000 + size * col, 9_700_000 - size * row
    return shapely.box(west, north - size, west + size, north)


def polygons(path, geometry, **columns):
    save_dataset(gpd.GeoDataFrame(columns, geometry=geometry, crs="EPSG:31984"), path)


@pytest.fixture
def town(dissmodel):
    """Write the model, open land as town.tif, and heights as dem.tif, in the current folder."""
    Path("low.py").write_text(MODEL)
    tif("town.tif", nodata=255, built=np.zeros(SHAPE, np.uint8))
    tif("dem.tif", alt=ALT)
    return dissmodel


def record_of(name="out"):
    return json.loads(Path(f"{name}.record.json").read_text())


def alt(name="out.tif"):
    found, _ = load_dataset(name)
    return found[0].get("alt") if isinstance(found, tuple) else found["alt"].to_numpy().reshape(SHAPE)


def test_a_raster_of_the_same_grid(town):
    said = town(*RUN, "-i", "town.tif", "-i", "dem.tif")

    assert 0 == said.code, said.err
    (data, _), _ = load_dataset("out.tif")
    assert ALT.tobytes() == data.get("alt").tobytes()
    assert (ALT < 10).astype(float).tobytes() == data.get("built").tobytes()
    record = record_of()
    (other,) = record["sources"]
    assert str(Path("town.tif").absolute()) == record["source"]["uri"]
    assert ("input", "dem", str(Path("dem.tif").absolute())) == (other["role"], other["name"], other["uri"])
    assert sha256(Path("dem.tif").read_bytes()).hexdigest() == other["checksum"]
    assert {"alt": {"name": "alt", "how": "exact"}} == other["fields"]
    assert "alt from alt (exact)" in town("record", "show", "out.record.json").out


@pytest.mark.slow
def test_it_is_the_result_of_one_file_with_both(town):
    tif("both.tif", built=np.zeros(SHAPE), alt=ALT)
    assert 0 == town(*RUN, "-i", "both.tif").code
    one = Path("out.tif").read_bytes()

    assert 0 == town(*RUN, "-i", "town.tif", "-i", "dem.tif").code
    assert one == Path("out.tif").read_bytes()


@pytest.mark.fast_cases("words0", "words5")
@pytest.mark.parametrize(
    "words",
    [
        ["-i", "town.tif", "-i", "alt=two.tif:2"],
        ["-i", "town.tif", "-i", "alt=two.tif:height"],
        ["-i", "built=town.tif", "-i", "alt=nameless.tif"],
        ["-i", "alt=nameless.tif", "-i", "space=town.tif"],
        ["-i", "town.tif", "-i", "alt=heights.gpkg"],
        ["-i", "town.tif", "-i", "heights.gpkg"],
    ],
)
def test_a_field_of_a_dataset(town, words):
    import rasterio

    tif("two.tif", other=ALT + 5, height=ALT)
    tif("nameless.tif", x=ALT)
    with rasterio.open("nameless.tif", "r+") as dataset:
        dataset.set_band_description(1, "")
        dataset.update_tags(1, band_name="", name="")
    polygons("heights.gpkg", cells(), alt=ALT.ravel())

    said = town(*RUN, *words)

    assert 0 == said.code, said.err
    assert ALT.tobytes() == alt().tobytes()


def test_another_grid_only_when_asked(town):
    tif("fine.tif", Affine(15, 0, 600_000, 0, -15, 9_700_000), alt=ALT.repeat(2, 0).repeat(2, 1))
    words = [*RUN, "-i", "town.tif", "-i", "fine.tif"]

    said = town(*words)
    assert (3, True) == (said.code, "is on another grid" in said.err)
    assert "--resample nearest, bilinear or average" in said.err

    assert 0 == town(*words, "--resample", "average").code
    assert ALT.tobytes() == alt().tobytes()
    assert "average" == record_of()["sources"][0]["fields"]["alt"]["how"]


def test_onto_polygons(town):
    tif("fine.tif", Affine(15, 0, 600_000, 0, -15, 9_700_000), alt=ALT.repeat(2, 0).repeat(2, 1))
    polygons("town.gpkg", cells(), built=np.zeros(20, int))

    said = town(*RUN[:2], "-o", "out.gpkg", "-p", "end_time=1", "-i", "town.gpkg", "-i", "fine.tif")

    assert 0 == said.code, said.err
    assert ALT.tobytes() == alt("out.gpkg").tobytes()
    assert "average" == record_of()["sources"][0]["fields"]["alt"]["how"]


def test_half_of_the_cells_without_a_value(town):
    tif("half.tif", alt=np.where(ALT < 10, -9999.0, ALT))
    words = ["-i", "town.tif", "-i", "half.tif"]

    said = town(*RUN, *words)
    looked = town("validate", "low.py", *words)

    told = "alt (half.tif) has no value in 10 of 20 cells of the space (50 %)"
    assert (0, 0) == (said.code, looked.code)
    assert told in said.err
    assert told in looked.out
    assert any(told in line for line in record_of()["logs"])


@pytest.mark.fast_cases(
    "words10-has 2 layers: 'a', 'b'. Copy one into a file of its own",
    "words7-no field of low: it has a, b",
    "words1-has no value in any cell",
    "words3-no band or column '3'",
    "words0-do not overlap",
)
@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["-i", "far.tif"], "do not overlap"),
        (["-i", "alt=empty.tif"], "has no value in any cell"),
        (["-i", "altt=dem.tif"], "low has no field 'altt'. Did you mean 'alt'?"),
        (["-i", "alt=dem.tif:3"], "no band or column '3'"),
        (["-i", "alt=dem.tif", "-i", "alt=far.tif"], "is given twice"),
        (["-i", "dem.tif", "-i", "again.tif"], "alt is in"),
        (["-i", "alt=two.tif"], "has 2 bands or columns: a, b"),
        (["-i", "two.tif"], "no field of low: it has a, b"),
        (["-i", "alt=texts.gpkg:name"], "not numbers"),
        (["-i", "none.tif"], "does not exist"),
        (["-i", "layers.gpkg"], "has 2 layers: 'a', 'b'. Copy one into a file of its own"),
        (["-i", "alt="], "a file is missing"),
    ],
)
def test_wrong_inputs(town, words, says):
    tif("far.tif", Affine(30, 0, 900_000, 0, -30, 9_700_000), alt=ALT)
    tif("empty.tif", alt=np.full(SHAPE, -9999.0))
    tif("two.tif", a=ALT, b=ALT)
    tif("again.tif", alt=ALT)
    if "texts.gpkg:name" in words[-1]:
        polygons("texts.gpkg", cells(), name=["a"] * 20)

    if "layers.gpkg" in words:
        frame = gpd.GeoDataFrame({"alt": ALT.ravel()}, geometry=cells(), crs="EPSG:31984")
        for layer in "ab":
            frame.to_file("layers.gpkg", layer=layer)

    said = town(*RUN, "-i", "town.tif", *words)
    looked = town("validate", "low.py", "-i", "town.tif", *words)

    assert said.code in {2, 3}, said.err
    assert says in said.err.replace("\n  ", " ")
    assert looked.code in {2, 3}
    assert says in (looked.out + looked.err).replace("\n  ", " ").replace("       ", "")
    assert not Path("out.tif").exists()


@pytest.mark.slow
def test_they_are_inputs_like_the_first(town):
    assert 0 == town(*RUN, "-i", "town.tif", "-i", "alt=dem.tif").code
    again = ["reproduce", "out.record.json", "--model", "low.py", "--check"]
    said = town("record", "verify", "out.record.json", "--json")
    assert "ok" == said.verdicts["input alt"]
    assert 0 == town(*again).code
    assert 0 == town("record", "bundle", "out.record.json", "-o", "out.zip").code
    assert 0 == town("push", "out.record.json", "--to", "place", "--with-input").code

    Path("dem.tif").rename("moved.tif")
    gone = town(*again)
    assert (3, True) == (gone.code, "--input alt=FILE" in gone.err)
    assert 0 == town(*again, "-i", "alt=moved.tif").code

    Path("town.tif").unlink()
    Path("moved.tif").unlink()
    assert 0 == town("reproduce", "out.zip", *again[2:]).code
    assert 0 == town("pull", "place", "--to", "here", "--with-input").code
    (pulled,) = Path("here").glob("*/output.record.json")
    assert 0 == town("reproduce", pulled, *again[2:]).code


def test_a_record_with_a_method_that_does_not_exist(town):
    assert 0 == town(*RUN, "-i", "town.tif", "-i", "alt=dem.tif").code
    record = record_of()
    record["sources"][0]["fields"]["alt"]["how"] = "magic"
    Path("out.record.json").write_text(json.dumps(record))

    said = town("reproduce", "out.record.json", "--model", "low.py", "--check")

    assert (3, True) == (said.code, "'magic' is no way to read values" in said.err)


def test_integers_that_no_float_holds_are_refused(town):
    tif("ids.tif", nodata=None, built=np.zeros(SHAPE, np.int64), number=np.full(SHAPE, 2**53 + 1, np.int64))

    said = town(*RUN, "-i", "ids.tif", "-i", "dem.tif")

    assert (3, True) == (said.code, "the band 'number' holds integers that do not fit" in said.err), said.err


def test_an_input_that_changes_while_the_model_runs(town):
    Path("low.py").write_text(MODEL + "        open('dem.tif', 'ab').write(b'x')\n")

    said = town(*RUN, "-i", "town.tif", "-i", "dem.tif")

    assert (1, True) == (said.code, "dem.tif changed while the model ran" in said.err)


def test_an_input_that_is_changed_and_changed_back_while_the_model_runs(town):
    back = "        held = open('dem.tif', 'rb').read()\n"
    back += "        for content in (b'x', held):\n            open('dem.tif', 'wb').write(content)\n"
    Path("low.py").write_text(MODEL + back)

    said = town(*RUN, "-i", "town.tif", "-i", "dem.tif")

    assert (1, True) == (said.code, "dem.tif changed while the model ran: it was written to" in said.err)
    assert ["tainted"] == [
        record_of(path.name.removesuffix(".record.json"))["status"]
        for path in Path().glob("out.*.record.json")
    ]


@pytest.mark.slow
def test_in_python(town):
    given = {"output": "out.tif", "overwrite": True, "parameters": {"end_time": 1}}

    by_name = dm.run("low.py", input="town.tif", inputs={"alt": "dem.tif"}, **given)
    listed = dm.run("low.py", inputs=["town.tif", Path("dem.tif")], **given)
    paired = dm.run("low.py", inputs=[("alt", "dem.tif"), ("space", "town.tif")], **given)

    assert 1 == len({made.record.files["output"].sha256 for made in (by_name, listed, paired)})
    assert dm.validate("low.py", input="town.tif", inputs={"alt": "dem.tif"}).ok
    assert dm.validate("low.py", input=["town.tif", "dem.tif"]).ok


def test_a_model_that_is_not_of_the_kit(town, make_coast):
    """The whole coast in one file, and its heights in another."""
    make_coast.main(["--output", "coast.tif", "--rows", "12", "--cols", "12"])
    (data, meta), _ = load_dataset("coast.tif")
    place = {"transform": meta["transform"], "crs": meta["crs"], "nodata": None}
    tif("alt.tif", **place, alt=data.get("alt"))
    tif("rest.tif", **place, uso=data.get("uso"), solo=data.get("solo"))

    whole = town("run", "coastal_raster", "-i", "coast.tif", "-o", "a.tif", "-p", "end_time=3")
    parts = town(
        "run", "coastal_raster", "-i", "rest.tif", "-i", "alt.tif", "-o", "b.tif", "-p", "end_time=3"
    )

    assert (0, 0) == (whole.code, parts.code), parts.err
    assert "identical" in town("compare", "a.tif", "b.tif").out


def test_a_model_that_opens_its_inputs_itself(town):
    Path("compared.py").write_text(OWN)
    run = ["run", "compared.py", "-o", "out.txt", "--overwrite"]

    said = town(*run, "-i", "reference=dem.tif", "-i", "result=town.tif")

    assert 0 == said.code, said.err
    assert "reference=dem.tif result=town.tif" == Path("out.txt").read_text()
    assert "reference" == record_of()["source"]["name"]
    again = town("reproduce", "out.record.json", "--model", "compared.py", "--check")
    assert 0 == again.code, again.err
    wrong = town(*run, "-i", "reference=dem.tif", "-i", "reslut=town.tif")
    assert (2, True) == (wrong.code, "Did you mean 'result'?" in wrong.err)
    unnamed = town(*run, "-i", "result=dem.tif", "-i", "town.tif")
    assert (2, True) == (unnamed.code, "compared opens result, reference itself" in unnamed.err)
