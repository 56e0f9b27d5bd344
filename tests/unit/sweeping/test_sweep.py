"""A sweep: which runs it does, what is in its folder, and what it says."""

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import dissmodel
from dissmodel import locks
from dissmodel.errors import DissmodelWarning, UsageError
from dissmodel.record import store
from dissmodel.sweeping.folder import SweepFolder
from dissmodel.sweeping.status import LOCK, status
from support.rasters import write_tiff

_SHOWING_MODULES = """\
import json, sys
from dissmodel.cli.app import main
try:
    main()
except SystemExit:
    pass
print(json.dumps(sorted(sys.modules)))
"""


def rows(folder="out"):
    with Path(folder, "runs.csv").open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def wrong(folder="out"):
    """The checks of the record of the whole that are not right: the folder, the name and the verdict."""
    found = dissmodel.verify(Path(folder, "sweep.record.json")).checks
    return {(Path(one.path).parent.name, one.name, one.verdict) for one in found if one.verdict != "ok"}


def test_a_run_leaves_what_the_command_run_leaves(sweep, tmp_path):
    made = sweep()

    for number in (1, 2):
        opened = made.open(number)
        alone = dissmodel.run(
            "growing.py",
            input="in.tif",
            output=f"alone{number}.tif",
            parameters={"end_time": 2, "rate": opened.record.parameters["rate"]},
            seed=opened.record.seed,
            threads=1,
        )
        assert alone.record.output_sha256 == opened.record.output_sha256
        assert alone.record.files.keys() == opened.record.files.keys()
        documents = (json.loads(Path(one.record_path).read_text()) for one in (opened, alone))
        first, second = ({*one, *one["parameters"], *one["runtime"]} for one in documents)
        assert first == second
    path = made.folder.run_record_path(made.table().key[1])
    assert dissmodel.verify(path).ok
    assert "identical-file" == dissmodel.reproduce(path, check=True, model="growing.py").verdict
    (pushed,) = dissmodel.push(path, to=tmp_path / "shared").experiments
    assert "completed" == dissmodel.open_record(pushed.uri).record.status


def test_the_table_has_a_row_for_each_row_of_the_plan(sweep):
    made = sweep(vary={"rate": [0.1, 0.5], "status": [7]}, replicates=2)

    table = made.table()
    assert [0.1, 0.1, 0.5, 0.5] == list(table.rate)
    assert [1, 2, 1, 2] == list(table.replicate)
    assert [7] * 4 == list(table.parameter_status)  # names of columns of the table
    assert ["completed"] * 4 == list(table.status)
    assert [7] * 4 == list(table.metric_status)
    assert 4 == len(set(table.key)) == len(set(table.seed))
    shares = [made.open(number).record.step_metrics["share"][-1] for number in table.index]
    assert shares == list(table.share)
    found = list(SweepFolder.open(Path("out")).runs())
    assert [{"rate": rate, "status": 7} for rate in (0.1, 0.1, 0.5, 0.5)] == [one.values for one in found]
    assert list(table.output) == [f"runs/{key[:16]}/result.tif" for key in table.key]
    assert shares == [one.metrics["share"] for one in found]
    assert [{"status", "share"} <= one.metrics.keys() for one in found] == [True] * 4
    with pytest.raises(UsageError, match="there is no run 9"):
        made.open(9)


@pytest.mark.fast_cases("lost2")
@pytest.mark.parametrize("lost", [(), ("runs.jsonl",), ("runs.jsonl", "sweep.record.json", "runs.csv")])
def test_no_finished_run_is_repeated(sweep, lost):
    before = sweep(replicates=2).table()
    for name in lost:
        Path("out", name).unlink()

    again = sweep(replicates=2)

    assert (0, 4) == (again.began, again.completed)
    assert list(before.record_digest) == list(again.table().record_digest)


def test_a_run_that_is_gone_is_made_again(sweep):
    made = sweep(replicates=2)
    shutil.rmtree(made.folder.run_path(made.table().key[3]))

    assert 1 == sweep(replicates=2).began


def test_half_a_line_is_no_run(sweep):
    sweep()
    journal = Path("out/runs.jsonl")
    whole = journal.read_bytes()
    last = whole.rstrip(b"\n").rfind(b"\n") + 1
    journal.write_bytes(whole[: last + 90])  # as a kill leaves it
    Path("out/sweep.record.json").unlink()

    again = sweep(vary={"rate": [0.1, 0.5, 0.9]})

    assert (1, 3) == (again.began, again.completed)
    lines = journal.read_bytes().splitlines()
    assert 4 == len(lines)
    assert {"completed"} == {json.loads(line)["status"] for line in lines[1:]}


@pytest.mark.slow
def test_a_larger_plan_reuses_runs_and_another_plan_is_refused(sweep):
    sweep()
    assert 1 == sweep(vary={"rate": [0.1, 0.5, 0.9]}).began
    with pytest.raises(UsageError) as raised:
        sweep(vary={"rate": [0.5, 0.7]})
    assert "other_plan" == raised.value.code
    assert "2 of its finished runs are not in this plan" in raised.value.message
    assert "0.9" in raised.value.message
    assert "--other-plan" in raised.value.hint

    made = sweep(vary={"rate": [0.5, 0.7]}, other_plan=True)

    assert (1, 2) == (made.began, made.completed)
    assert 4 == len(list(Path("out/runs").iterdir()))  # what finished stays


def test_a_folder_that_is_no_sweep_is_left_alone(sweep):
    Path("out").mkdir()
    Path("out/mine.txt").write_text("mine")

    with pytest.raises(UsageError, match="not empty"):
        sweep()

    assert ["mine.txt"] == [one.name for one in Path("out").iterdir()]


def test_other_code_runs_again_or_is_kept_and_marked(sweep, here):
    first = sweep().table()
    model = here / "growing.py"
    model.write_text(model.read_text().replace("Built cells grow", "Cells grow"))

    kept = sweep(keep_old_code=True)

    assert (0, 2, 2) == (kept.began, kept.old_code, kept.completed)
    assert list(first.key) == list(kept.table().key)
    assert [True, True] == list(kept.table().old_code)
    assert sorted(first.key) == sorted(kept.record.sweep.old_code)
    with pytest.warns(DissmodelWarning, match="2 finished runs were made by another state"):
        again = sweep()
    assert (2, 0) == (again.began, again.old_code)
    assert not set(first.key) & set(again.table().key)
    assert 0 == sweep().began


def test_a_run_that_fails_is_a_row_and_is_tried_by_the_next_call(sweep):
    nasty = 'fail "quoted", and\nanother line, \x07 ü'

    made = sweep(vary={"how": ["well", nasty, "fail 2"]})

    assert (1, 2, 3) == (made.completed, made.failed, made.began)
    first, second, third = rows()
    assert ("completed", "failed", "failed") == (first["status"], second["status"], third["status"])
    assert nasty == second["how"]
    record = made.open(2).record
    assert second["error"] == record.error.message
    assert "\nanother line" in second["error"] or "\\n" in second["error"]
    assert b"\r" not in Path("out/runs.csv").read_bytes()
    assert "failed" == made.record.status
    assert dissmodel.verify(made.folder.record_path).ok
    assert (2, 2) == ((again := sweep(vary={"how": ["well", nasty, "fail 2"]})).began, again.failed)


def test_fail_fast_begins_no_run_after_a_failure(sweep):
    with pytest.warns(DissmodelWarning, match="2 of 4 runs are left"):
        made = sweep(vary={"how": ["well", "fail", "well ", " well"]}, fail_fast=True)

    assert (1, 1, 2) == (made.completed, made.failed, made.missing)
    assert ["completed", "failed", "pending", "pending"] == [row["status"] for row in rows()]
    assert "interrupted" == made.record.status


@pytest.mark.slow
def test_results_that_are_not_kept_can_still_be_reproduced(sweep):
    made = sweep(keep="records")

    record = made.folder.run_record_path(made.table().key[1])
    assert [record] == list(record.parent.iterdir())
    assert store.read(record).not_kept
    found = {one.name: one.verdict for one in dissmodel.verify(record).checks}
    assert ("ok", "not checked") == (found["record"], found["output"])
    assert "identical-file" == dissmodel.reproduce(record, check=True, model="growing.py").verdict
    assert dissmodel.verify(made.folder.record_path).ok
    assert 0 == sweep(keep="records").began
    assert 2 == sweep(keep="all").began
    assert record.with_name("result.tif").exists()


@pytest.mark.slow
def test_replicates_of_a_model_that_draws_nothing_are_told(sweep):
    with pytest.warns(DissmodelWarning) as told:
        sweep(vary={"how": ["still"]}, replicates=3)
    assert any("All replicates are equal" in str(one.message) for one in told)

    sweep("other", vary={"rate": [0.5]}, replicates=3)  # a warning would be an error here


@pytest.mark.slow
def test_a_record_of_the_whole_tells_what_was_changed(sweep):
    made = sweep(replicates=2)
    keys = list(made.table().key)
    assert set(keys) == set(made.record.sweep.completed)
    assert not wrong()

    shutil.rmtree(made.folder.run_path(keys[0]))
    result = made.folder.run_path(keys[1]) / "result.tif"
    result.write_bytes(result.read_bytes() + b" ")
    other = made.folder.run_record_path(keys[2])
    record = store.read(other)
    record.metrics["share"] = 0
    store.write(record, other)  # whole, and not the one that the sweep made
    Path("out/runs.csv").write_text("run\n")

    assert {
        (keys[0][:16], "run", "missing"),
        (keys[1][:16], "output", "differs"),
        (keys[2][:16], "run", "differs"),
        ("out", "output", "differs"),
    } == wrong()
    with pytest.raises(UsageError, match="whole sweep"):
        dissmodel.reproduce(made.folder.record_path)


def test_equal_rows_share_a_run(sweep):
    made = sweep(vary={"rate": [1, 1.0, 0.5]})

    assert (3, 2, 2) == (made.rows, made.runs, made.began)
    assert 3 == len(made.table())


def test_inputs_vary_and_are_all_in_the_record(sweep, here):
    values = np.ones((6, 7), np.float32)
    write_tiff("other.tif", [values], names=["built"])

    made = sweep(vary={"input": ["in.tif", "other.tif"]})

    assert [str(here / name) for name in ("in.tif", "other.tif")] == list(made.table().input)
    assert {"in.tif", "other.tif"} == {Path(one.uri).name for one in made.record.inputs}
    assert not wrong()
    Path("other.tif").write_bytes(b"changed")
    assert {("here", "input other", "differs")} == wrong()


@pytest.mark.slow
def test_two_commands_do_not_run_one_sweep(sweep):
    sweep()
    assert not status(Path("out")).running
    with locks.held(Path("out", LOCK)):
        assert status(Path("out")).running
        with pytest.raises(UsageError, match="another command is running this sweep"):
            sweep(vary={"rate": [0.1, 0.2]})
    found = status(Path("out"))
    assert (2, 2, 0, 0, False) == (found.runs, found.completed, found.failed, found.missing, found.running)


def test_a_dry_run_writes_nothing(sweep):
    made = sweep(vary={"rate": "0:1:0.1"}, dry_run=True)

    assert not Path("out").exists()
    assert (11, 0) == (made.runs, made.completed)
    estimate = made.estimate
    assert estimate.disk_bytes == 11 * estimate.run_disk_bytes > 11_000
    assert estimate.memory_bytes == estimate.at_once * estimate.run_memory_bytes


@pytest.mark.slow
def test_a_condition_ends_a_run_as_its_last_step_would(sweep, here):
    plan = '[sweep]\nuntil = "share >= 0.6 and built_built > 3"\n[sweep.parameters]\nend_time = 9\n'
    Path("plan.toml").write_text(f"{plan}[[plan]]\nrate = 0.3\n")

    made = sweep(toml="plan.toml", vary=None, parameters=None)

    record = made.open(1).record
    shares = record.step_metrics["share"]
    assert shares[-1] >= 0.6 > shares[-2]
    assert len(shares) < 9
    parameters = {"end_time": len(shares), "rate": 0.3}
    straight = dissmodel.run(
        "growing.py", input="in.tif", output="s.tif", parameters=parameters, seed=record.seed
    )
    assert straight.record.output_sha256 == record.output_sha256
    path = made.folder.run_record_path(made.table().key[1])
    assert "identical-file" == dissmodel.reproduce(path, check=True, model="growing.py").verdict


@pytest.mark.slow
def test_a_sweep_that_has_nothing_to_do_loads_no_model(sweep):
    command = "sweep growing.py -i in.tif -o out --vary rate=0.1,0.5 -p end_time=2 --json --cluster here"

    def loaded():
        words = [sys.executable, "-c", _SHOWING_MODULES, *command.split()]
        ended = subprocess.run(words, capture_output=True, text=True, check=True)
        result, modules = ended.stdout.splitlines()
        return json.loads(result), json.loads(modules)

    first, modules = loaded()
    assert 2 == first["began"]
    assert "numpy" in modules
    second, modules = loaded()
    assert (0, 2) == (second["began"], second["completed"])
    assert not {"numpy", "pydantic", "rasterio", "growing"} & set(modules)
    Path("out/runs.jsonl").unlink()
    third, modules = loaded()
    assert (0, 2) == (third["began"], third["completed"])
    assert "numpy" not in modules
    os.utime("in.tif")
    assert "numpy" not in loaded()[1]
    model = Path("growing.py")
    model.write_text(f"{model.read_text()}\n")
    assert 2 == loaded()[0]["began"]


@pytest.mark.parametrize("line", [b"", b"{", b"[]\n", b'{"rows": 1}\n', b'{"key": 3}\n', bytes(99)])
def test_a_journal_that_is_none_is_written_anew(sweep, line):
    sweep()
    Path("out/runs.jsonl").write_bytes(line)
    assert (None, 2) == (status(Path("out")).runs, status(Path("out")).completed)

    assert (0, 2) == ((again := sweep()).began, again.completed)
