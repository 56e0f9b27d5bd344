"""What an executor and its record see under `run_cli`: the paths, names and words that a user typed."""

import json
import os
import re
from pathlib import Path

import pytest

from dissmodel.executor import ModelExecutor
from dissmodel.executor.cli import run_cli
from dissmodel.experiment.verify import verify
from dissmodel.io._utils import write_bytes, write_text
from dissmodel.progress import Silent
from dissmodel.registry import plugins
from dissmodel.reproducing.reproduce import ReproduceRequest, reproduce

EXECUTORS = Path(__file__).parent / "executors"


class Sees(ModelExecutor):
    """Notes what it sees, and writes some bytes."""

    name = "sees"
    output_suffix = ".bin"

    def load(self, record):
        return record.source.uri

    def run(self, data, record):
        record.metrics = {"uri": data, "path": record.output_path, "format": record.input_format}
        record.add_log(f"going to {record.output_path}")
        return data

    def save(self, result, record):
        if record.parameters.get("fail"):
            Path(record.output_path).write_bytes(b"half")
            raise ValueError("no luck")
        record.output_sha256 = write_bytes(b"whole", record.output_path)
        Path(record.output_path).with_suffix(".txt").write_text("beside")
        record.add_artifact("table", write_text("1,2", f"{record.output_path.rpartition('/')[0]}/table.csv"))
        record.status = "completed"
        return record


class Checks(Sees):
    """Writes a report and a plot into the folder that the output names, as packages validate."""

    name = "checks"
    output_suffix = ""

    def save(self, result, record):
        base = record.output_path
        record.add_artifact("plot", write_bytes(b"plot", f"{base}/scatter.png", content_type="image/png"))
        record.add_artifact("report", write_text("# Report", f"{base}/report.md"))
        record.output_path, record.status = base, "completed"
        return record


def left(folder="."):
    (path,) = Path(folder).glob("*.record.json")
    return json.loads(path.read_text(encoding="utf-8")), path


def files(folder="."):
    return sorted(path.relative_to(folder).as_posix() for path in Path(folder).rglob("*") if path.is_file())


@pytest.mark.fast_cases("../up/r.bin", "{cwd}/out/r.bin")
@pytest.mark.parametrize("form", ["out/r.bin", "r.bin", "./out/r.bin", "{cwd}/out/r.bin", "../up/r.bin"])
def test_the_output_s_path_has_the_form_that_was_typed(form, here, inputs):
    Path("work").mkdir()
    os.chdir("work")
    typed = form.format(cwd=Path.cwd())

    run_cli(Sees, ["run", "-i", str(inputs / "grid.tif"), "-o", typed, "-q"])
    folder = Path(typed).parent
    record, path = left(folder)

    tag = record["experiment_id"][:8]
    expected = str(Path(typed).with_name(f"r_{tag}.bin"))
    seen = expected if typed != "r.bin" else f"./{expected}"  # a folder, for those who cut it off
    assert (seen, expected) == (record["metrics"]["path"], record["output_path"])
    assert f"going to {seen}" in record["logs"]
    assert [f"profiling_{tag}.md", f"r_{tag}.bin", f"r_{tag}.record.json", f"r_{tag}.txt", "table.csv"] == (
        files(folder)
    )
    assert {"output", "profiling", "table", f"r_{tag}.txt"} == set(record["artifacts"])
    assert record["output_sha256"] == record["artifacts"]["output"]
    assert verify((path,)).ok


def test_a_validation_s_folder_stays_one_and_its_artifacts_keep_their_names(here, inputs):
    run_cli(Checks, ["run", "-i", str(inputs / "grid.tif"), "-o", "out/flood.out", "-q"])
    record, path = left("out")

    tag = record["experiment_id"][:8]
    assert f"out/flood_{tag}.out" == record["output_path"]
    assert {"report", "plot", "profiling"} == set(record["artifacts"])
    assert [
        f"flood_{tag}.out/report.md",
        f"flood_{tag}.out/scatter.png",
        f"flood_{tag}.record.json",
        f"profiling_{tag}.md",
    ] == files("out")
    assert {"ok"} == {check.verdict for check in verify((path,)).checks}


def test_a_folder_of_a_model_that_writes_one(here, inputs):
    folder_model = type("Folder", (Checks,), {"name": "folder", "output_suffix": "/"})

    run_cli(folder_model, ["run", "-i", str(inputs / "grid.tif"), "-o", "val/", "-q"])
    record, _ = left("val")

    assert f"val/folder_{record['experiment_id'][:8]}" == record["output_path"] == record["metrics"]["path"]


def test_a_run_that_fails_leaves_its_record_alone(here, inputs):
    with pytest.raises(SystemExit) as failed:
        run_cli(Sees, ["run", "-i", str(inputs / "grid.tif"), "-o", "r.bin", "-p", "fail=true", "-q"])
    record, _ = left()

    assert (1, "failed") == (failed.value.code, record["status"])
    assert 1 == len(files())


def test_the_format_reaches_the_executor_as_it_was_typed(here, inputs):
    run_cli(Sees, ["run", "-i", str(inputs / "grid.tif"), "-o", "r.bin", "--format", "tiff", "-q"])
    record, _ = left()

    assert "tiff" == record["metrics"]["format"] == record["input_format"]


@pytest.mark.parametrize("word", ["synthetic", "synthetic:50x50"])
def test_a_word_for_the_input_is_the_executor_s_affair(word, here, capsys):
    run_cli(Sees, ["run", "--input", word, "-o", "r.bin"])
    record, path = left()

    assert word == record["metrics"]["uri"] == record["source"]["uri"]
    assert ("", None) == (record["source"]["checksum"], record["source"]["size"])
    assert "  going to ./r_" in capsys.readouterr().out
    assert {"ok", "not checked"} == {check.verdict for check in verify((path,)).checks}
    with pytest.raises(SystemExit) as checked:
        run_cli(Sees, ["validate", "--input", word])
    assert 0 == (checked.value.code or 0)
    assert f"ok       {word}: sees runs on it\n" in capsys.readouterr().out


def test_a_file_s_name_is_not_a_word(here):
    for name in ("none.tif", "folder/none"):
        with pytest.raises(SystemExit) as missing:
            run_cli(Sees, ["run", "--input", name, "-o", "r.bin"])
        assert 3 == missing.value.code
    assert [] == files()


def test_times_do_not_make_a_reproduction_differ(here, inputs):
    flood = plugins.find(str(EXECUTORS / "flood_raster.py")).executor
    run_cli(flood, ["run", "-i", str(inputs / "grid.tif"), "-o", f"{here}/r.tif", "-p", "end_time=2", "-q"])
    _, path = left()

    request = ReproduceRequest(record=str(path), model=str(EXECUTORS / "flood_raster.py"), check=True)
    found = reproduce(request, Silent())

    assert "identical-file" == found.verdict
    assert not [name for name in found.artifacts if re.search("profiling", name)]
