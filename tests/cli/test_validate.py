"""`dissmodel validate`: everything that is wrong, all at once, and nothing is written."""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
import rasterio

GRID = rasterio.Affine(30.0, 0.0, 600000.0, 0.0, -30.0, 9700000.0)


def everything(folder):
    """Return each path below a folder with its size and time, but not the user's cache."""
    found = {}
    for path in sorted(set(Path(folder).rglob("*")) - set(Path(folder, "user").rglob("*"))):
        if path.name == "user":
            continue
        status = path.lstat()
        found[str(path)] = (status.st_size, status.st_mtime_ns)
    return found


@pytest.fixture
def look(dissmodel, tmp_path, monkeypatch):
    """Run `dissmodel validate`; check that all is as it was and return the findings by severity."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)  # as most users have it

    def run(*words, code=0):
        before = everything(tmp_path)
        as_json = dissmodel("validate", *words, "--json")
        as_text = dissmodel("validate", *words)

        assert before == everything(tmp_path)
        assert (code, code) == (as_json.code, as_text.code), as_text.out
        assert "" == as_json.err == as_text.err
        assert (1, code == 0) == (as_json.json["schema_version"], as_json.json["ok"])
        findings = as_json.json["findings"]
        starts = [line.split(" ")[0] for line in as_text.out.splitlines() if not line.startswith(" ")]
        assert [finding["severity"] for finding in findings] == starts
        return {
            severity: [one for one in findings if one["severity"] == severity]
            for severity in ("ok", "warning", "error")
        }

    return run


def messages(findings):
    return [finding["message"] for finding in findings]


@pytest.fixture
def bands():
    """Bands of 4 by 5 cells, all in the space."""
    shape = (4, 5)
    return {"uso": np.full(shape, 2.0), "alt": np.ones(shape), "solo": np.full(shape, 3.0)}


@pytest.fixture
def tif(dissmodel):
    def write(bands, name="t.tif", *, crs="EPSG:31983", named=True, **tags):
        rows, cols = next(iter(bands.values())).shape
        profile = {"driver": "GTiff", "width": cols, "height": rows, "count": len(bands), "dtype": "float64"}
        with rasterio.open(name, "w", **profile, crs=crs, transform=GRID) as target:
            target.update_tags(**tags)
            for number, (band, array) in enumerate(bands.items(), start=1):
                target.write(array, number)
                if named:
                    target.set_band_description(number, band)
        return name

    return write


@pytest.fixture
def gpkg(dissmodel):
    """Write the bands as a GeoPackage of polygons, a feature per cell, changed by columns."""

    def write(bands, name="t.gpkg", *, crs="EPSG:31983", again=0, drop=(), **columns):
        import geopandas
        import shapely

        rows, cols = np.indices(bands["uso"].shape).reshape(2, -1)
        data = {field: band.ravel() for field, band in bands.items()} | columns
        west, south = cols * 30, -rows * 30 - 30
        frame = geopandas.GeoDataFrame(
            {field: column for field, column in data.items() if field not in drop},
            geometry=shapely.box(west, south, west + 30, south + 30),
            crs=crs,
        )
        frame = frame.iloc[[*range(len(frame)), *range(again)]]
        frame.to_file(name, driver="GPKG")
        return name

    return write


def test_what_is_right(look, make_coast):
    make_coast.main(["--rows", "20", "--cols", "30", "--output", "grid.zip"])

    found = look("coastal_raster", "-i", "grid.zip", "-o", "out/r.tif", "-p", "end_time=5")

    assert [] == found["warning"] == found["error"]
    said = " ".join(messages(found["ok"]))
    for part in (
        "keeps the executor contract",
        "end_time",
        "20 rows × 30 columns",
        "steps 1 to 5",
        "free in",
    ):
        assert part in said
    assert "r.record.json can be written" in said
    assert {"coastal_raster", "parameters", "grid.zip", "out/r.tif"} == {
        one["subject"] for one in found["ok"]
    }


def test_the_real_coast(look, shared):
    found = look("coastal_raster", "-i", shared("elevacao_pol.zip"))

    assert any("323 rows × 349 columns, 50496 cells in the space" in said for said in messages(found["ok"]))


def test_a_model_alone(look, executor_file):
    assert ["keeps the executor contract (9 checks)"] == messages(look(executor_file())["ok"])


def test_every_band_with_illegal_values_is_told(look, tif, bands):
    bands["uso"][0, :2] = 11
    bands["solo"][1, 1] = 7
    bands["alt"][2, :3] = 9001
    order = np.zeros_like(bands["uso"])

    found = look("coastal_raster", "-i", tif(bands | {"order": order}, passo="100"), code=3)

    expected = ["uso holds", "11 (2 cells)", "solo holds", "7 (1 cell)", "alt holds", "9001 (3 cells)"]
    said = " ".join(messages(found["error"]))
    assert 5 == len(found["error"])
    assert all(part in said for part in expected)
    assert "order holds values that more than one cell has: 0 (20 cells)" in said
    assert "end_time = 88 comes before the first step, 101" in said
    assert {"t.tif"} == {one["subject"] for one in found["error"]}


def test_every_absent_band_is_told_with_its_nearest_name_and_the_others_are_looked_into(look, tif, bands):
    bands["uso"][0, 0] = 12
    source = tif({"uso": bands["uso"], "ALT": bands["alt"], "soil": bands["solo"]})

    found = look("coastal_raster", "-i", source, "--band-map", "uzo=x", "--band-map", "passo=x", code=3)

    said = messages(found["error"])
    assert 5 == len(said)
    for part in (
        "reads no band 'uzo'",
        "reads no band 'passo'",
        "no band 'alt'",
        "no band 'solo'",
        "12 (1 cell)",
    ):
        assert 1 == sum(part in one for one in said)
    hints = {one["message"].partition(";")[0]: one["hint"] for one in found["error"]}
    assert "Did you mean 'ALT'? --band-map alt=ALT" == hints["There is no band 'alt'"]


def test_one_band_for_two_names(look, tif, bands):
    found = look("coastal_raster", "-i", tif(bands), "--band-map", "uso=solo", code=3)

    assert ["The band 'solo' can't be uso and solo at once."] == messages(found["error"])


def test_polygons_with_everything_wrong(look, gpkg, bands):
    source = gpkg(
        bands,
        drop=["solo"],
        uso=[99.0] * 20,
        alt=[np.nan] * 3 + [1.0] * 17,
        passo=[1] * 10 + [2] * 10,
        again=2,
    )

    found = look("coastal_raster", "-i", source, "-p", "crs=EPSG:4326", code=3)

    said = " ".join(messages(found["error"]))
    assert 6 == len(found["error"])
    for part in (
        "There is no column 'solo'",
        "uso holds values that it does not take: 99 (22 cells)",
        "none (NaN) (5 cells)",
        "2 of 22 cells would be lost",
        "different steps, 1 and 2",
        "crs = 'EPSG:4326' is not the input's own",
    ):
        assert part in said


def test_columns_of_text(look, gpkg, bands):
    found = look("coastal_raster", "-i", gpkg(bands, uso=["sea"] * 20, solo=["mud"] * 20), code=3)

    assert ["'uso'", "'solo'"] == [said.split()[2] for said in messages(found["error"])]


def test_a_warning_is_no_failure(look, tif, bands):
    bands["alt"][0, 0] = np.nan
    source = tif(bands, crs=None, named=False)

    found = look("coastal_raster", "-i", source, "-p", "accretion_enabled=true")

    said = " ".join(messages(found["warning"]))
    assert 4 == len(found["warning"])
    for part in ("no names", "lack others: alt (1)", "no coordinate reference system", "Accretion"):
        assert part in said


def test_no_cell_in_the_space(look, tif, bands):
    found = look("coastal_raster", "-i", tif(bands | {"uso": np.zeros((4, 5))}, crs=None), code=3)

    assert ["No cell is in the space"] == [said.partition(":")[0] for said in messages(found["error"])]
    assert 1 == len(found["warning"])


def test_every_parameter_and_every_input(look, tif, bands):
    good = tif(bands)
    Path("cut.tif").write_bytes(Path(good).read_bytes()[:100])
    inputs = [word for name in (good, "none.tif", "cut.tif", ".") for word in ("-i", name)]
    wrong = [
        word for given in ("end_tim=3", "tide_height=nan", "crs=x", "end_time=0") for word in ("-p", given)
    ]

    found = look("coastal_raster", *inputs, *wrong, code=3)

    subjects = [one["subject"] for one in found["error"]]
    assert ["parameters"] * 4 + ["none.tif", "."] == subjects


@pytest.mark.fast_cases("changes0-words0", "changes4-words4", "changes7-words7")
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"uso": np.full((4, 5), 11.0)}, ()),
        ({"order": np.zeros((4, 5))}, ()),
        ({"alt": np.full((4, 5), np.inf)}, ()),
        ({"uso": np.zeros((4, 5))}, ()),
        ({}, ("--band-map", "alt=height")),
        ({}, ("--format", "vector")),
        ({}, ("-p", "resolution=7")),
        ({}, ("-p", "crs=EPSG:4326")),
        ({}, ("-p", "end_time=0")),
    ],
)
def test_what_a_run_refuses_is_told_in_the_same_words(look, dissmodel, tif, bands, changes, words):
    source = tif(bands | changes)

    refused = dissmodel("run", "coastal_raster", "-i", source, "-o", "r.tif", *words, "--json")
    found = look("coastal_raster", "-i", source, "-o", "r.tif", *words, code=3)

    error = refused.json["error"]
    assert (error["message"], error["hint"]) in {(one["message"], one["hint"]) for one in found["error"]}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["costal_raster"], "There is no model 'costal_raster'"),
        (["./none.py"], "there is no such file"),
        (["coastal_raster", "--toml", "none.toml"], "none.toml: there is no such file"),
        (["--toml", "none.toml"], "none.toml: there is no such file"),
        (["coastal_raster", "-i", "t.tif", "--format", "vector"], "holds raster data, not vector data"),
        (["coastal_raster", "-i", "t.tif", "--layer", "x"], "has no layer 'x'"),
        (["coastal_raster", "-i", "t.tif", "-o", "r.gpkg"], "writes .tif or .tiff"),
        (["coastal_raster", "-i", "t.tif", "-o", "t.tif"], "this is the input"),
        (["coastal_raster", "-i", "t.tif", "-o", "there.tif"], "there.tif exists"),
        (["coastal_raster", "-o", "t.tif/r.tif"], "is a file, no folder"),
    ],
)
def test_one_thing_that_is_wrong(look, tif, bands, words, says):
    tif(bands)
    tif(bands, "there.tif")

    found = look(*words, code=3)

    (said,) = messages(found["error"])
    assert says in said


def test_an_output_that_may_be_replaced(look, tif, bands):
    tif(bands, "there.tif")

    look("coastal_raster", "-i", tif(bands), "-o", "there.tif", "--overwrite")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "Which model?"),
        (["coastal_raster", "-p", "x"], "there is no ="),
        (["coastal_raster", "--format", "png"], "png"),
        (["coastal_raster", "--inputs", "t.tif"], "No such option"),
    ],
)
def test_a_command_that_can_t_be_understood(dissmodel, words, says):
    said = dissmodel("validate", *words)

    assert (2, "") == (said.code, said.out)
    assert says in said.err


def test_quiet_tells_errors_only(dissmodel, tif, bands):
    good = dissmodel("validate", "coastal_raster", "-i", tif(bands, crs=None), "-q")
    bad = dissmodel("validate", "coastal_raster", "-i", "none.tif", "-q")

    assert (0, "", "") == (good.code, good.out, good.err)
    assert ["error"] == [line.split()[0] for line in bad.out.splitlines() if line[0] != " "]


@pytest.fixture
def anyones():
    """A model and its input in a folder that every user can read."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "data.bin").write_bytes(b"data")
        yield folder


def test_a_read_only_folder(dissmodel, anyones, executor_file, request, monkeypatch):
    model = executor_file().rename(anyones / "mine.py")
    monkeypatch.setenv("DISSMODEL_CONFIG", str(anyones / "config"))
    words = ("validate", model, "-i", anyones / "data.bin")
    assert 0 == dissmodel(*words).code
    folder = request.getfixturevalue("read_only_folder")
    monkeypatch.chdir(folder)

    alone = dissmodel(*words)
    here = dissmodel(*words, "-o", "r.bin")
    below = dissmodel(*words, "-o", "a/b/r.bin")

    assert (3, 3, 3) == (alone.code, here.code, below.code), alone.out
    for said in (alone, here, below):
        assert f"{folder} can't be written." in said.out
    assert [] == list(folder.iterdir())
    assert ["data.bin", "mine.py"] == sorted(path.name for path in anyones.iterdir())


def test_too_little_room(look, tif, bands, monkeypatch):
    free = type("Usage", (), {"free": 1000})
    monkeypatch.setattr("shutil.disk_usage", lambda path: free)

    (said,) = messages(look("coastal_raster", "-i", tif(bands), code=3)["error"])

    assert "No room" in said


@pytest.mark.parametrize(
    ("steps", "says"),
    [
        ({"validate": "raise ValueError('no such\\ndepth')"}, "no such depth"),
        ({"validate": "raise KeyError('depth')"}, "mine can't check it: KeyError: 'depth'"),
        ({"validate": "raise SystemExit(0)"}, "SystemExit"),
        ({"validate": "raise GeneratorExit"}, "GeneratorExit"),
        ({"validate": "print('hello'); raise ValueError('token=planted-secret')"}, "token=***"),
        ({"cls": "def __init__(self): raise RuntimeError('boom')"}, "boom"),
        ({"cls": "def inspect(self, record): return ['bad']"}, "AttributeError"),
        ({"cls": "def inspect(self): return ()"}, "TypeError"),
    ],
)
def test_a_model_that_refuses_or_breaks(dissmodel, executor_file, steps, says):
    Path("data.bin").write_bytes(b"some bytes")

    said = dissmodel("validate", executor_file(**steps), "-i", "data.bin")

    assert 3 == said.code
    (line,) = (line for line in said.out.splitlines() if line.startswith("error"))
    assert line.startswith("error    data.bin: ")
    assert says in line
    assert "hello" not in said.out


@pytest.mark.parametrize(
    ("steps", "says"),
    [
        ({"head": "raise RuntimeError('boom')"}, "RuntimeError: boom"),
        ({"head": "print('hello'); 1 +"}, "line 3 can't be loaded: SyntaxError"),
        ({"cls": "Parameters = 3"}, "Parameters is 3; it has to be a subclass of pydantic.BaseModel"),
        ({"cls": "def run(self): pass\n    def no"}, "SyntaxError"),
        ({"run": "pass\n    def run(self, data): return data"}, "run takes 2 arguments: no"),
    ],
)
def test_a_file_that_is_no_model(dissmodel, executor_file, steps, says):
    said = dissmodel("validate", executor_file(**steps))

    assert 3 == said.code
    (line,) = (line for line in said.out.splitlines() if line.startswith("error"))
    assert says in line


def test_a_model_sees_what_a_run_would_show_it(dissmodel, executor_file):
    Path("data.bin").write_bytes(b"some bytes")
    Path("m.toml").write_text("[model]\nclass = 'mine'\ndepth = 3\n[model.bands]\nuso = 'a'\n[extra]\n")
    seen = (
        "raise ValueError(f'{record.parameters} {record.band_map} {record.source.size} {record.output_path}')"
    )

    said = dissmodel(
        "validate",
        executor_file(validate=seen),
        "-i",
        "data.bin",
        "-t",
        "m.toml",
        "-o",
        "o/r.bin",
        "-p",
        "x=1",
    )

    expected = f"{{'depth': 3, 'x': 1}} {{'uso': 'a'}} 10 {Path('o/r.bin').absolute()}"
    assert f"error    data.bin: {expected}" in said.out
    assert "warning  parameters: The model declares no parameters; unchecked: depth, x." in said.out
    assert "the section [extra] is not used here" in said.out


def test_a_missing_parameter_is_told_and_inputs_wait(dissmodel, executor_file):
    Path("data.bin").write_bytes(b"some bytes")
    head = "from pydantic import BaseModel\nclass P(BaseModel):\n    depth: float\n"

    model = executor_file(head=head, cls="Parameters = P")
    said = dissmodel("validate", model, "-i", "data.bin", "-i", "none.bin")

    assert 3 == said.code
    assert "error    parameters: depth is missing" in said.out
    assert "warning  parameters: The inputs are checked once these parameters are right." in said.out
    assert "error    none.bin" in said.out


def test_a_geotiff_is_looked_at_without_what_polygons_need(tif, bands):
    code = (
        "import sys\nfrom dissmodel.cli.app import main\n"
        f"sys.argv = ['dissmodel', 'validate', 'coastal_raster', '-i', {tif(bands)!r}]\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print([name for name in ('pandas', 'pyogrio', 'matplotlib', 'rich') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "[]" == done.stdout.splitlines()[-1]


def test_classes_that_some_people_do_not_tell_apart_are_a_warning(dissmodel):
    model = """
from dissmodel.cells import CellModel, Classes

class Forest(CellModel):
    \"\"\"Burns.\"\"\"

    name = "forest"
    land = Classes({1: "wood", 2: "fire", 3: "sea"}, colours={1: "#006400", 2: "#ff0000", 3: "#00008b"})

    def step(self, cells, now):
        self.next.land = self.land
"""
    Path("forest.py").write_text(model)

    said = dissmodel("validate", "forest.py", "--json")
    (warned,) = [one["message"] for one in said.json["findings"] if one["severity"] == "warning"]

    assert 0 == said.code
    assert warned.startswith("land: wood (#006400) and fire (#ff0000) look alike in protan sight: ΔE₀₀ 2.2")
