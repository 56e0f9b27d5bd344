"""`dissmodel run coastal_validation`: a folder, a verdict and an exit code."""

from pathlib import Path

import pyogrio
import pytest
import shapely

from dissmodel.models.coastal.validation import CoastalValidation
from dissmodel.registry.classes import ExecutorRegistry
from support.cases import mostly_slow
from support.files import document, names

WORDS = ("run", "coastal_validation", "-p", "sea_level_rise_rate=0.5", "-p", "end_time=6")


@pytest.fixture(autouse=True)
def registered(dissmodel):
    """Other tests may have registered a model of their own under the same name."""
    ExecutorRegistry.register(CoastalValidation)


@pytest.fixture
def coast(dissmodel, make_coast):
    """A coast of polygons: the name of its file."""
    make_coast.main(["--rows", "20", "--cols", "30", "--seed", "4", "--output", "grid.gpkg"])
    return "grid.gpkg"


@pytest.fixture
def torn(coast):
    """The same cells a millimetre apart, without row and col: islands as polygons, neighbours as pixels."""
    cells = pyogrio.read_dataframe(coast)
    cells = cells.drop(columns=[name for name in ("row", "col") if name in cells])
    cells["geometry"] = shapely.buffer(cells.geometry.to_numpy(), -0.001, join_style="mitre")
    pyogrio.write_dataframe(cells, "torn.gpkg")
    return "torn.gpkg"


@pytest.mark.parametrize("output", mostly_slow(["val", "val/", "val.0/"], "val.0/"))
def test_a_folder_with_the_report_and_the_picture(dissmodel, coast, output):
    said = dissmodel(*WORDS, "-i", coast, "-o", output)

    assert 0 == said.code
    folder = output.rstrip("/")
    assert [str(Path(folder, "report.md")), f"{folder}.record.json"] == said.out.splitlines()
    assert [coast, folder, f"{folder}.record.json"] == names()
    assert ["report.md", "scatter.png"] == names(folder)
    record = document(f"{folder}.record.json")
    assert f"{folder}/report.md" == record["output_path"]
    assert {"output": f"{folder}/report.md", "scatter": f"{folder}/scatter.png"} == {
        name: file["path"] for name, file in record["files"].items()
    }
    assert ["text/markdown", "image/png"] == [file["media_type"] for file in record["files"].values()]
    assert ["ok"] == [note["severity"] for note in record["findings"]]
    assert "ok: raster and vector: All 596 cells have the same uso, alt and solo, bit for bit." in said.err
    assert 6 == len(record["step_metrics"]["flooded"])
    assert "numpy" == record["runtime"]["kernel"]
    assert 0 == dissmodel("record", "verify", f"{folder}.record.json").code


@pytest.mark.slow
def test_substrates_that_differ_complete_and_exit_with_4(dissmodel, torn):
    said = dissmodel(*WORDS, "-i", torn, "-o", "val/", "--json")

    assert 4 == said.code
    record = document("val.record.json")
    assert record == said.json["record"]
    assert ("completed", "differs") == (record["status"], record["findings"][0]["severity"])
    assert "the polygons 0" in record["findings"][0]["hint"]
    assert "The substrates differ." in Path("val/report.md").read_text(encoding="utf-8")
    assert 0 == dissmodel("record", "verify", "val.record.json").code
    quiet = dissmodel(*WORDS, "-i", torn, "-o", "again/", "-q")
    assert (4, "again.record.json", "") == (quiet.code, quiet.out.splitlines()[-1], quiet.err)


@pytest.mark.slow
def test_a_folder_is_replaced_only_with_overwrite_and_by_the_same_bytes(dissmodel, coast):
    first = dissmodel(*WORDS, "-i", coast, "-o", "val", "-q")
    before = document("val.record.json")

    refused = dissmodel(*WORDS, "-i", coast, "-o", "val", "-q")
    again = dissmodel(*WORDS, "-i", coast, "-o", "val/", "-q", "--overwrite")

    assert (0, 2, 0) == (first.code, refused.code, again.code)
    assert "--overwrite" in refused.err
    after = document("val.record.json")
    assert before["artifacts"] == after["artifacts"]
    assert before["experiment_id"] != after["experiment_id"]
    assert ["report.md", "scatter.png"] == names("val")


def test_a_folder_that_no_record_describes_is_left_alone(dissmodel, coast):
    Path("val").mkdir()
    Path("val/mine.txt").write_text("mine")

    said = dissmodel(*WORDS, "-i", coast, "-o", "val", "--overwrite")

    assert 2 == said.code
    assert "no record describes it" in said.err
    assert ["mine.txt"] == names("val")


@pytest.mark.slow
def test_a_result_without_a_name(dissmodel, coast):
    said = dissmodel(*WORDS, "-i", coast, "--json")

    record = said.json["record"]
    folder = f"coastal_validation_{record['experiment_id'][:8]}"
    assert sorted([coast, folder, f"{folder}.record.json", "experiment_record.json"]) == names()
    assert f"{folder}/report.md" == record["output_path"]


def test_a_record_of_a_file_is_not_replaced_by_a_folder_s(dissmodel, coast):
    dissmodel("run", "coastal_vector", "-i", coast, "-o", "val.gpkg", "-p", "end_time=1", "-q")

    said = dissmodel(*WORDS, "-i", coast, "-o", "val/", "--overwrite")

    assert 2 == said.code
    assert "val.record.json is the record of val.gpkg" in said.err


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("-o", "report.md"), 2, "--output report.md/"),
        (("-o", "val/", "-p", "tolerance=-1"), 2, "tolerance = -1"),
        (("-o", "val/", "-p", "tolerance=nan"), 2, "tolerance"),
        (("-o", "val/", "-p", "every=2"), 2, "no parameter 'every'"),
        (("-o", "val/", "-p", "resolution=30"), 2, "no parameter 'resolution'"),
        (("-o", "val/", "--column-map", "alt=height"), 3, "no column 'height'"),
    ],
)
def test_what_is_refused(dissmodel, coast, words, code, says):
    said = dissmodel(*WORDS, "-i", coast, *words)

    assert code == said.code
    assert says in said.err
    assert not Path("val").exists()
    assert not Path("report.md").exists()


def test_the_input_is_never_within_the_folder_that_is_replaced(dissmodel, coast):
    Path("val").mkdir()
    Path(coast).rename("val/grid.gpkg")

    said = dissmodel(*WORDS, "-i", "val/grid.gpkg", "-o", "val/", "--overwrite")

    assert 2 == said.code
    assert "this is the input" in said.err


def test_what_can_be_known_before(dissmodel, coast):
    good = dissmodel("validate", "coastal_validation", "-i", coast, "-o", "val/")
    shown = dissmodel("show", "coastal_validation")

    assert 0 == good.code, good.out + good.err
    assert "20 rows × 30 columns, 596 cells in the space" in good.out
    assert "tolerance" in shown.out
    assert not Path("val").exists()


@pytest.mark.slow
def test_every_command_of_the_page_runs(dissmodel, make_coast):
    page = (Path(__file__).resolve().parents[2] / "docs" / "coastal.md").read_text(encoding="utf-8")
    commands = [line.split()[1:] for line in page.splitlines() if line.startswith("dissmodel ")]
    for name in ("grid.zip", "cells.gpkg"):
        make_coast.main(["--rows", "20", "--cols", "30", "--output", name])

    codes = [dissmodel(*words).code for words in commands]

    assert [0] * 6 == codes
    made = {"coast.step0010.tif", "coast.step0020.tif", "coast.preview.png", "coast.csv", "check.record.json"}
    assert made <= set(names())
