"""Places where a result can't go, or where something would be lost."""

import json
import os
import sys
import tempfile
from pathlib import Path

import pytest

RUN = ("run", "coastal_raster", "-p", "end_time=2")
NO_LINKS = pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")


@pytest.fixture
def output_refused(refused, grid):
    """Refuse an output, before anything is written."""

    def run(output, *words, source=None, code=2):
        return refused(*RUN, "-i", source or grid(), "-o", output, *words, code=code)

    return run


@pytest.mark.parametrize(
    ("output", "says", "hint"),
    [
        ("r.png", "r.png: coastal_raster writes .tif or .tiff; this has the suffix '.png'.", "r.tif"),
        ("r.gpkg", "this has the suffix '.gpkg'", "r.tif"),
        ("r.record.json", "this has the suffix '.json'", "--output"),
        ("r", "this has no suffix", "r.tif"),
        ("-", "this has no suffix", "--output"),
        ("r.tif.", "this has no suffix", "--output"),
        ("r.tif ", "this has the suffix '.tif '", "r.tif"),
        (".tif", "this has no suffix", "--output"),
        ("folder/", "this is a folder", "result.tif"),
        ("r.tif/", "this is a folder", "result.tif"),
        (".", "this is a folder", "result.tif"),
        ("..", "this is a folder", "result.tif"),
        ("there", "this is a folder", "result.tif"),
        ("there.tif", "this is a folder", "result.tif"),
        ("", "'' is not a path", "path"),
        ("a\0b.tif", "is not a path", "path"),
        ("https://example.org/r.tif", "dissmodel only reads from a web server", "--output s3://BUCKET/r.tif"),
        ("ftp://example.org/r.tif", "ftp:// is not a scheme", "local path"),
    ],
)
def test_a_name_that_does_not_fit(output_refused, output, says, hint):
    Path("there").mkdir()
    Path("there.tif").mkdir()

    said = output_refused(output)

    assert says in said.message
    assert hint in said.hint


@pytest.mark.parametrize("output", ["new/r.tif", "new/a/b c/ç/r.tiff", "new/../r.TIF"])
def test_a_missing_folder_is_made(dissmodel, grid, output):
    said = dissmodel(*RUN, "-i", grid(), "-o", output)

    assert (0, "") == (said.code, said.err)
    assert Path(os.path.normpath(output)).is_file()
    assert Path(os.path.normpath(output)).with_suffix(".record.json").is_file()


@pytest.mark.parametrize("output", ["grid.tif", "./grid.tif", "../here/grid.tif", "folder/../grid.tif"])
@pytest.mark.parametrize("words", [[], ["--overwrite"]])
def test_the_input_itself(output_refused, output, words):
    Path("folder").mkdir()

    for name in (output, Path(output).absolute()):
        said = output_refused(name, *words)

        assert "grid.tif: this is the input." in said.message
        assert "--output" in said.hint


@NO_LINKS
@pytest.mark.parametrize("words", [[], ["--overwrite"]])
def test_the_input_itself_by_a_link(output_refused, grid, words):
    grid()
    Path("link.tif").symlink_to("grid.tif")
    os.link("grid.tif", "hard.tif")
    Path("folder").symlink_to(".")

    for source, output in (
        ("grid.tif", "link.tif"),
        ("link.tif", "grid.tif"),
        ("grid.tif", "hard.tif"),
        ("grid.tif", "folder/grid.tif"),
        ("folder/grid.tif", "grid.tif"),
    ):
        assert "this is the input" in output_refused(output, *words, source=source).message


def test_a_file_that_belongs_to_the_input(output_refused, grid):
    grid()
    Path("grid.tif").rename("image.TIF")
    Path("image.tif.msk").write_bytes(b"II*\0")

    assert "this is the input" in output_refused("image.TIF", "--overwrite", source="image.TIF").message


def test_an_existing_file(output_refused, grid):
    grid()
    Path("r.tif").write_text("mine")

    said = output_refused("r.tif")

    assert "r.tif exists." in said.message
    assert "--overwrite" in said.hint


def test_a_record_of_another_output(dissmodel, output_refused, grid):
    assert 0 == dissmodel(*RUN, "-i", grid(), "-o", "r.tif").code

    for words in ([], ["--overwrite"]):
        said = output_refused("r.tiff", *words)

        assert "r.record.json is the record of r.tif." in said.message
        assert "another stem" in said.hint


def test_a_record_of_another_kind_of_output(output_refused):
    Path("r.record.json").write_text(json.dumps({"experiment_id": "a" * 32, "output_path": "r.gpkg"}))

    for words in ([], ["--overwrite"]):
        assert "r.record.json is the record of r.gpkg." in output_refused("r.tif", *words).message


@pytest.mark.skipif(sys.platform == "win32", reason="Windows says it otherwise")
@pytest.mark.parametrize("output", ["grid.tif/r.tif", "grid.tif/folder/r.tif"])
def test_a_folder_that_is_a_file(output_refused, output):
    said = output_refused(output, code=5)

    assert "grid.tif" in said.message
    assert "is not a folder" in said.message


@pytest.mark.parametrize("output", ["x" * 300 + ".tif", "x" * 246 + ".tif", "a/" * 2000 + "r.tif"])
def test_a_name_that_is_too_long(output_refused, output):
    # Room for ".record.json", and for ".dissmodel-" and ".lock" around the stem, is needed too.
    assert "long" in output_refused(output).message


@NO_LINKS
def test_a_place_below_a_link_that_leads_to_itself(output_refused):
    Path("loop").symlink_to("loop")

    output_refused("loop/r.tif", code=5)


@NO_LINKS
@pytest.mark.parametrize("name", ["r.tif", "r.record.json"])
def test_a_link_that_leads_nowhere_is_someone_s(output_refused, name):
    Path(name).symlink_to("not-mounted.tif")

    assert name in output_refused("r.tif").message


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has none of these")
@pytest.mark.parametrize("words", [[], ["--overwrite"]])
def test_a_pipe_is_not_replaced(output_refused, words):
    os.mkfifo("r.tif")

    assert "r.tif: there is a device or pipe of that name." in output_refused("r.tif", *words).message


@pytest.mark.parametrize("content", [None, "{}", "[]", "text", "", '{"experiment_id": 3}'])
@pytest.mark.parametrize("words", [[], ["--overwrite"]])
def test_a_record_s_place_that_is_taken_by_something_else(output_refused, content, words):
    if content is None:
        Path("r.record.json").mkdir()
    else:
        Path("r.record.json").write_text(content)

    said = output_refused("r.tif", *words)

    assert "r.record.json" in said.message
    assert "--output" in said.hint


@pytest.fixture
def outsider():
    """A model, its input and a folder that is nobody's own, all readable by everyone."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "data.bin").write_bytes(b"data")
        (folder / "mine.py").write_text(
            "from pathlib import Path\n"
            "from dissmodel.executor import ModelExecutor\n"
            "class Mine(ModelExecutor):\n"
            "    name = 'mine'\n"
            "    def load(self, record): return Path(record.source.uri).read_bytes()\n"
            "    def run(self, data, record): return data\n"
            "    def save(self, result, record):\n"
            "        Path(record.output_path).write_bytes(result)\n"
            "        return record\n"
        )
        (folder / "out").mkdir()
        yield folder


def test_a_read_only_folder(dissmodel, outsider, request, monkeypatch):
    monkeypatch.setenv("DISSMODEL_CONFIG", str(outsider / "config"))
    words = ("run", outsider / "mine.py", "-i", outsider / "data.bin")
    assert 0 == dissmodel(*words, "-o", outsider / "out" / "r.bin").code

    folder = request.getfixturevalue("read_only_folder")
    for output in (folder / "r.bin", folder / "new" / "r.bin"):
        said = dissmodel(*words, "-o", output)

        assert (5, "") == (said.code, said.out)
        assert f"error: {output.parent}: can't be written: Permission denied.\n" in said.err
        assert "--output FOLDER/NAME" in said.err
        assert "Traceback" not in said.err
    assert [] == list(folder.iterdir())


def test_a_result_that_stood_before_is_as_it_was_after_every_refusal(dissmodel, output_refused, grid):
    grid()
    assert 0 == dissmodel(*RUN, "-i", "grid.tif", "-o", "r.tif").code

    for words in (["-p", "end_time=0"], ["--format", "vector"], ["-t", "none.toml"], []):
        assert 0 < dissmodel(*RUN[:2], "-i", "grid.tif", "-o", "r.tif", *words).code

    assert 0 == dissmodel("record", "verify", "r.record.json").code
