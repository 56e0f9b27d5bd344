"""`dissmodel record list`: which runs there are below a folder."""

import csv
import io
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dissmodel import api
from dissmodel.cli.record import parse_since
from dissmodel.errors import UsageError
from dissmodel.record import Artifact
from dissmodel.record.digest import sha256_bytes, sha256_file
from support import records
from support.terminal import open_terminal, read_all

NOW = datetime.now(UTC)


def leave(name, **fields):
    """Write the record of a run, and its output; its folders are made."""
    output = Path(f"{name}.tif")
    digest = sha256_bytes(name.encode())
    told = {
        "experiment_id": digest[:32],
        "output_path": output.name,
        "artifacts": {"output": digest},
        "files": {"output": Artifact(path=output.name, size=len(name), sha256=digest)},
    }
    records.leave(Path(f"{name}.record.json"), **{**told, **fields})
    output.write_bytes(name.encode())


@pytest.fixture
def runs(dissmodel):
    """Four runs of two models, one of them failed."""
    leave("one", created_at=NOW - timedelta(days=30), parameters={"end_time": 10, "rate": 0.5, "on": True})
    leave(
        "sweep/two",
        created_at=NOW - timedelta(days=3),
        parameters={"end_time": 20, "rate": 0.011, "at": [1, 2]},
        parameter_origin={"end_time": "command line", "rate": "default", "at": "spec"},
    )
    leave("sweep/three", created_at=NOW - timedelta(hours=1), model_name="fire", parameters={"name": "norte"})
    leave(
        "four", created_at=NOW - timedelta(hours=2), status="failed", output_path=None, artifacts={}, files={}
    )
    return dissmodel


def listed(dissmodel, *words):
    said = dissmodel("record", "list", "--json", *words)
    return [Path(one["record"]).name.removesuffix(".record.json") for one in said.json["records"]]


def test_the_latest_comes_first_and_only_what_was_given_is_shown(runs):
    said = runs("record", "list")
    head, *lines = said.out.splitlines()

    assert (0, "") == (said.code, said.err)
    assert ["when", "(UTC)", "model", "status", "given", "output", "id"] == head.split()
    assert ["three", "four", "two", "one"] == listed(runs)
    assert f"{NOW - timedelta(hours=1):%Y-%m-%d %H:%M}" == lines[0][:16]
    assert 'fire   completed  name="norte"' in lines[0]
    assert str(Path("sweep", "three.tif")) in lines[0]
    assert sha256_bytes(b"sweep/three")[:8] == lines[0].split()[-1]
    assert "(four.record.json)" in lines[1]  # there is no output to look at
    assert "end_time=20, at=[1, 2]  " in lines[2]
    assert "rate=0.011" not in said.out


@pytest.mark.parametrize(
    ("expected", "words"),
    [
        (["three"], ["--model", "fire"]),
        (["four"], ["--status", "failed"]),
        (["two"], ["--param", "end_time=20"]),
        (["two"], ["-p", "end_time=20.0", "-p", "at=[1, 2]"]),
        (["one"], ["-p", "rate=5e-1"]),
        (["one"], ["-p", "on=true"]),
        (["three"], ["-p", "name=norte"]),
        (["three", "four", "two"], ["--since", "7d"]),
        (["three"], ["--since", "90h", "--model", "fire"]),
        (["three", "four"], ["--since", (NOW - timedelta(days=1)).isoformat()]),
        (["three", "two"], ["sweep"]),
        (["one", "two", "four", "three"], ["--sort", "when"]),
        (["four", "two", "one", "three"], ["--sort", "model"]),
        (["three", "four", "two", "one"], ["--sort", "-model"]),
        (["four", "three", "two", "one"], ["--sort", "-status"]),
        (["four", "one", "three", "two"], ["--sort", "output"]),
        (["one", "two", "three", "four"], ["--sort", "-rate"]),
    ],
)
def test_filters_and_orders(runs, expected, words):
    assert expected == listed(runs, *words)


@pytest.mark.parametrize("given", ["end_time=21", 'end_time="20"', "on=1", "rate=nan", "at=[1]", "x=1"])
def test_another_value_is_another_parameter(runs, given):
    assert [] == listed(runs, "-p", given)


def test_a_number_that_json_lacks_is_found(dissmodel):
    leave("one", parameters={"level": float("nan")})

    assert ["one"] == listed(dissmodel, "-p", "level=nan")


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["--model", "coats"], "'coast'"),
        (["--status", "complete"], "'completed'"),
        (["-p", "end_tim=3"], "'end_time'"),
    ],
)
def test_a_filter_that_no_record_can_meet_says_what_was_meant(runs, words, meant):
    said = runs("record", "list", *words)

    assert (0, "") == (said.code, said.out)
    assert "none of 4 records matches" in said.err
    assert meant in said.err


def test_an_empty_folder_has_no_records_and_that_is_said(dissmodel):
    said = dissmodel("record", "list")

    assert (0, "", "warning: none of 0 records matches.\n") == (said.code, said.out, said.err)


def test_a_broken_file_is_a_line_and_no_failure(runs):
    Path("sweep/broken.record.json").write_text("{")

    said = runs("record", "list")
    found = runs("record", "list", "--json").json

    assert 0 == said.code
    assert 5 == len(said.out.splitlines())
    assert 1 == len(said.err.splitlines())
    assert "broken.record.json" in said.err
    assert (4, 1) == (found["total"], len(found["unreadable"]))


def test_verify_says_which_results_are_still_what_they_were(runs):
    leave("good", created_at=NOW)
    Path("one.tif").write_bytes(b"edited")
    Path("sweep/two.tif").unlink()

    said = runs("record", "list", "--verify")
    found = runs("record", "list", "--verify", "--json").json
    quiet = runs("record", "list", "--verify", "-q")

    states = {Path(one["record"]).name.split(".")[0]: one["files"] for one in found["records"]}
    expected = {"good": "ok", "three": "ok", "four": "not checked", "two": "missing", "one": "differs"}
    assert (4, 4, expected) == (said.code, quiet.code, states)
    assert "files" in said.out.splitlines()[0]
    assert ["missing", "differs"] == [line.split()[4] for line in quiet.out.splitlines()[1:]]


def test_verify_looks_at_those_that_were_asked_for_only(runs):
    Path("one.tif").write_bytes(b"edited")

    assert 0 == runs("record", "list", "--verify", "--since", "7d").code
    assert 4 == runs("record", "list", "--verify", "--model", "coast").code


def test_json_has_all_of_it(runs):
    (found,) = runs("record", "list", "sweep", "--model", "coast", "--json").json["records"]

    assert {"end_time": 20, "rate": 0.011, "at": [1, 2]} == found["parameters"]
    assert {"end_time": 20, "at": [1, 2]} == found["given"]
    assert sha256_bytes(b"sweep/two")[:32] == found["experiment_id"]
    assert str(Path("sweep", "two.tif")) == found["output"]
    assert NOW - timedelta(days=3) == datetime.fromisoformat(found["created_at"])


def test_csv_has_a_column_for_each_parameter(runs):
    said = runs("record", "list", "--csv", "-", "--sort", "when")
    rows = list(csv.DictReader(io.StringIO(said.out)))

    assert (0, "") == (said.code, said.err)
    assert ["10", "20", "", ""] == [row["parameters.end_time"] for row in rows]
    assert ["0.5", "0.011", "", ""] == [row["parameters.rate"] for row in rows]
    assert ("true", "[1, 2]", "norte") == (
        rows[0]["parameters.on"],
        rows[1]["parameters.at"],
        rows[3]["parameters.name"],
    )
    assert ["completed", "completed", "failed", "completed"] == [row["status"] for row in rows]
    assert ["one.tif", "four.record.json"] == [rows[0]["output"], rows[2]["record"]]


@pytest.fixture
def measured(dissmodel):
    """Runs with seeds and metrics, some of them as a list can't use them."""
    leave("one", created_at=NOW, seed=7, metrics={"kappa": 0.25, "time_run_sec": 2.0, "parts": {"a": 1}})
    leave("two", seed=2**63, metrics={"kappa": 1}, step_metrics={"step": [1, 2], "flooded": [3, 5]})
    leave("three", metrics={"kappa": "NaN", "end_time": 0.5}, parameters={"end_time": 20})
    leave("four", metrics={"kappa": "Infinity"}, parameters={"end_time": 30})
    return dissmodel


@pytest.mark.parametrize("index", [[], ["--index"]], ids=["files", "index"])
@pytest.mark.parametrize(
    ("expected", "order"),
    [
        (["one", "two", "four", "three"], "kappa"),
        (["four", "two", "one", "three"], "-kappa"),
        (["two", "one"], "-seed"),
        (["two"], "flooded"),
        (["three", "four"], "end_time"),
        (["three", "four"], "parameters.end_time"),
    ],
)
def test_records_are_sorted_by_the_seed_and_by_any_metric_or_parameter(measured, expected, order, index):
    assert expected == listed(measured, f"--sort={order}", *index)[: len(expected)]


def test_the_columns_that_were_asked_for_are_printed_and_are_in_json_and_csv(measured):
    names = "id,seed,kappa,flooded,metrics.end_time,parameters.end_time"
    words = ("record", "list", "--sort", "kappa", "--columns", names)

    said, found = measured(*words), measured(*words, "--json").json["records"]
    rows = list(csv.reader(io.StringIO(measured(*words, "--csv", "-").out)))

    head, *lines = (line.split()[1:] for line in said.out.splitlines())
    assert ["seed", "kappa", "flooded", "metrics.end_time", "parameters.end_time"] == head
    assert [
        ["7", "0.25", "-", "-", "-"],
        [str(2**63), "1", "5", "-", "-"],
        ["-", "Infinity", "-", "-", "30"],
        ["-", "NaN", "-", "0.5", "20"],
    ] == lines
    assert [7, 2**63, None, None] == [one["columns"]["seed"] for one in found]
    assert [*names.split(",")] == [*found[0]["columns"]] == rows[0]
    assert [str(2**63), "1", "5", "", ""] == rows[2][1:]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--columns", "kapa"], "--columns kapa: there is no such column"),
        (["--columns", "kapa"], "'kappa'"),
        (["--sort", "-sed"], "'seed'"),
        (["--columns", "seed,"], "--columns : there is no such column"),
        (["--columns", "seed,seed"], "seed is given twice"),
        (["--columns", "parts"], "there is no such column"),
    ],
)
def test_a_column_that_no_record_has_is_refused(measured, words, says):
    said = measured("record", "list", *words)

    assert (2, "") == (said.code, said.out)
    assert says in said.err


def test_python_has_the_list_as_a_table(measured):
    found = api.records(sort="kappa", columns=["seed", "kappa"])
    whole = api.records().table()

    assert ["seed", "kappa"] == [*found.table().columns]
    assert [7, 2**63] == found.table().seed.tolist()[:2]
    assert {"when", "output", "kappa", "flooded", "time_run_sec", "metrics.end_time"} <= {*whole.columns}
    assert "parameters.end_time" in whole.columns
    assert "Listing(4 of 4 records)" == repr(found)
    assert "<td>0.25</td>" in found._repr_html_()


def test_csv_does_not_replace_a_file_that_nobody_offered(runs):
    said = runs("record", "list", "--csv", "runs.csv")
    assert (0, "runs.csv: 4 records\n") == (said.code, said.out)
    was = sha256_file("runs.csv")

    refused = runs("record", "list", "--csv", "runs.csv", "--model", "fire")
    assert (2, was) == (refused.code, sha256_file("runs.csv"))
    assert "--overwrite" in refused.err

    again = runs("record", "list", "--csv", "runs.csv", "--model", "fire", "--overwrite", "-q")
    assert (0, "", 2) == (again.code, again.out, len(Path("runs.csv").read_text().splitlines()))


def test_what_a_record_says_is_text_to_a_spreadsheet_and_to_a_terminal(dissmodel):
    hostile = "=1+1\x1b[2J\nok"
    leave("one", model_name=hostile, status=hostile, parameters={hostile: hostile}, output_path=hostile)

    (row,) = csv.DictReader(io.StringIO(dissmodel("record", "list", "--csv", "-").out))
    table = dissmodel("record", "list").out

    assert "'=1+1\\x1b[2J\\nok" == row["model_name"] == row["output"]
    assert not any(cell.startswith("=") for cell in (*row.keys(), *row.values()))
    assert "\x1b" not in table
    assert 2 == len(table.splitlines())


@pytest.mark.parametrize("columns", [70, 80, 200])
def test_no_line_is_longer_than_the_terminal_is_wide(runs, monkeypatch, columns):
    leave("a" * 100, parameters={"text": "x" * 300})
    monkeypatch.setenv("COLUMNS", str(columns))

    lines = runs("record", "list").out.splitlines()

    assert 6 == len(lines)
    assert columns >= max(map(len, lines))
    assert all("…" in line for line in lines[1:2])
    assert {sha256_bytes(("a" * 100).encode())[:8]} <= {line.split()[-1] for line in lines}


def test_a_pipe_gets_whole_values(runs, monkeypatch):
    leave("a" * 100, parameters={"text": "x" * 300})
    monkeypatch.delenv("COLUMNS", raising=False)

    assert "x" * 300 in runs("record", "list").out


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals")
def test_a_terminal_is_asked_for_its_width(runs, monkeypatch):
    leave("a" * 100, parameters={"text": "x" * 300})
    monkeypatch.delenv("COLUMNS", raising=False)
    ours, theirs = open_terminal(70)
    words = [sys.executable, "-c", "from dissmodel.cli.app import main; main()", "record", "list"]
    subprocess.run(words, stdout=theirs, check=True)
    os.close(theirs)
    lines = read_all(ours).decode().splitlines()

    assert 6 == len(lines)
    assert 70 == max(map(len, lines))


@pytest.mark.parametrize(
    ("code", "says", "words"),
    [
        (3, "no such folder", ["absent"]),
        (3, "not a folder", ["one.tif"]),
        (2, "--since yesterday", ["--since", "yesterday"]),
        (2, "--since 9999999d", ["--since", "9999999d"]),
        (2, "--sort id", ["--sort", "id"]),
        (2, "--sort ", ["--sort", ""]),
        (2, "there is no =", ["--param", "end_time"]),
        (2, "a folder", ["--csv", "sweep"]),
        (2, "both write", ["--csv", "-", "--json"]),
        (5, "can't be written", ["--csv", "absent/runs.csv"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_makes_no_sense_is_refused(runs, code, says, words):
    said = runs("record", "list", *words)

    assert code == said.code
    assert says in said.out + said.err


@pytest.mark.parametrize(
    ("text", "before"), [("7d", timedelta(days=7)), ("12h", timedelta(hours=12)), ("0d", timedelta(0))]
)
def test_a_time_span_goes_back_from_now(text, before):
    assert abs(datetime.now(UTC) - before - parse_since(text)) < timedelta(minutes=1)


def test_a_date_without_a_zone_is_one_of_this_place():
    assert datetime(2026, 1, 31).astimezone() == parse_since("2026-01-31")
    assert datetime(2026, 1, 31, 12, tzinfo=UTC) == parse_since("2026-01-31T12:00Z")


@pytest.mark.parametrize("text", ["", "d", "-1d", "1.5d", "7w", "2026-13-01", "0001-01-01", "١d"])
def test_what_is_no_time_is_refused(text):
    with pytest.raises(UsageError):
        parse_since(text)
