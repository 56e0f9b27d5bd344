"""`dissmodel record list s3://...`: every experiment that was pushed to a place."""

import csv
import io
import json
from pathlib import Path

import pytest

from dissmodel.experiment import placed
from dissmodel.record import digest, store

COUNT = 3


@pytest.fixture
def pushed(dissmodel, s3, model):
    """Three experiments in a bucket, their files here too: return their ids."""
    ids = []
    for number in range(COUNT):
        Path(f"g{number}.tif").write_bytes(s3.data + bytes([number]))
        words = ("run", model, "-i", f"g{number}.tif", "-o", f"r{number}.bin", "-p", f"step={number}", "-q")
        assert 0 == dissmodel(*words).code
        ids.append(store.read(Path(f"r{number}.record.json")).experiment_id)
    records = [f"r{number}.record.json" for number in range(COUNT)]
    assert 0 == dissmodel("push", *records, "--to", s3.uri, "--with-input", "-q").code
    return ids


def test_every_pushed_experiment_is_listed(dissmodel, pushed, s3):
    said = dissmodel("record", "list", s3.uri)
    as_json = dissmodel("record", "list", s3.uri, "--json")

    assert (0, "", 0, "") == (said.code, said.err, as_json.code, as_json.err)
    assert COUNT + 1 == len(said.out.splitlines())
    assert COUNT == as_json.json["total"]
    assert set(pushed) == {one["experiment_id"] for one in as_json.json["records"]}
    for one in as_json.json["records"]:
        folder = f"{s3.uri}/experiments/{one['experiment_id']}"
        assert f"{folder}/record.json" == one["record"]
        assert f"{folder}/output.bin" == one["output"]
    assert [pushed[2], pushed[1], pushed[0]] == [one["experiment_id"] for one in as_json.json["records"]]


@pytest.mark.fast_cases("/experiments")
@pytest.mark.parametrize("below", ["/experiments", "/experiments/", "/"])
def test_a_part_of_it_is_listed(dissmodel, pushed, s3, below):
    assert COUNT == dissmodel("record", "list", s3.uri + below, "--json").json["total"]


def test_one_experiment_is_listed(dissmodel, pushed, s3):
    for end in ("", "/", "/record.json"):
        said = dissmodel("record", "list", f"{s3.uri}/experiments/{pushed[1]}{end}", "--json")

        assert [pushed[1]] == [one["experiment_id"] for one in said.json["records"]]


def test_filters_and_order_are_those_of_a_folder(dissmodel, pushed, s3):
    def ids(*words):
        said = dissmodel("record", "list", s3.uri, "--json", *words)
        return [one["experiment_id"] for one in said.json["records"]]

    assert [pushed[1]] == ids("-p", "step=1")
    assert [] == ids("--model", "other")
    assert pushed == ids("--sort", "when")
    assert COUNT == len(ids("--since", "1d", "--status", "completed", "--model", "mine"))
    assert "--model othr: no record has it." in dissmodel("record", "list", s3.uri, "--model", "othr").err


def test_it_is_written_as_csv(dissmodel, pushed, s3):
    said = dissmodel("record", "list", s3.uri, "--csv", "-")

    rows = list(csv.DictReader(io.StringIO(said.out)))
    assert set(pushed) == {row["experiment_id"] for row in rows}
    assert {"0", "1", "2"} == {row["parameters.step"] for row in rows}


def test_what_lies_there_is_verified(dissmodel, pushed, s3):
    s3.put(s3.folder / "experiments" / pushed[0] / "output.bin", b"x" * len(s3.data))

    said = dissmodel("record", "list", s3.uri, "--verify", "--json")

    states = {one["experiment_id"]: one["files"] for one in said.json["records"]}
    assert (4, {pushed[0]: "differs", pushed[1]: "ok", pushed[2]: "ok"}) == (said.code, states)


def test_a_record_that_can_not_be_relied_on_is_told(dissmodel, pushed, s3):
    experiments = s3.folder / "experiments"
    changed = json.loads((experiments / pushed[0] / "record.json").read_text())
    changed["model_name"] = "forged"
    s3.put(experiments / pushed[0] / "record.json", store.dumps(changed))
    s3.put(experiments / pushed[1] / "record.json", b"not json")
    moved = (experiments / pushed[2] / "record.json").read_bytes()
    s3.put(experiments / "another" / "record.json", moved)

    said = dissmodel("record", "list", s3.uri)

    assert 0 == said.code
    assert 2 == len(said.out.splitlines())
    warnings = said.err.splitlines()
    assert 3 == len(warnings)
    for name, why in ((pushed[0], "was changed"), (pushed[1], "not a record"), ("another", "the record of")):
        (line,) = (one for one in warnings if name in one.partition(": this")[0])
        assert line.startswith(f"warning: {s3.uri}/experiments/{name}/record.json: ")
        assert why in line


def test_escape_sequences_of_a_record_do_not_reach_the_terminal(dissmodel, pushed, s3):
    path = s3.folder / "experiments" / pushed[0] / "record.json"
    document = json.loads(path.read_text())
    document["model_name"] = "\x1b[2Jmine"
    document["record_digest"] = digest.record_digest(document)
    s3.put(path, store.dumps(document))

    said = dissmodel("record", "list", s3.uri)

    assert (0, False, True) == (said.code, "\x1b" in said.out, r"\x1b[2Jmine" in said.out)


def test_a_place_with_nothing_in_it(dissmodel, s3):
    s3.put(s3.folder / "other.txt", b"x")

    said = dissmodel("record", "list", f"{s3.uri}", "--json")

    assert (0, 0, []) == (said.code, said.json["total"], said.json["records"])


def test_more_than_is_read_is_refused(dissmodel, pushed, s3, monkeypatch):
    monkeypatch.setattr(placed, "MOST_RECORDS", COUNT - 1)

    said = dissmodel("record", "list", s3.uri, "--json")

    assert 5 == said.code
    assert "Name a subfolder." == said.json["error"]["hint"]


def test_more_bytes_than_are_read_are_refused(dissmodel, pushed, s3, monkeypatch):
    monkeypatch.setattr(placed, "MOST_BYTES", 1000)

    assert 5 == dissmodel("record", "list", s3.uri).code


@pytest.mark.parametrize(
    ("place", "says"), [("s3://nowhere-at-all/x", "there is no such bucket"), ("https://127.0.0.1:9/x/", "")]
)
def test_a_place_that_can_not_be_listed(dissmodel, s3, place, says):
    said = dissmodel("record", "list", place)

    assert (5, "") == (said.code, said.out)
    assert says in said.err


def test_a_folder_that_was_pushed_to_is_listed_too(dissmodel, pushed):
    assert 0 == dissmodel("push", "r0.record.json", "--to", "shared", "-q").code

    said = dissmodel("record", "list", "shared", "--json")

    assert [pushed[0]] == [one["experiment_id"] for one in said.json["records"]]


@pytest.mark.parametrize(
    ("to", "inputs", "missing"),
    [
        ("s3://data/x", "no-inputs-here", ["no-inputs-here"]),
        ("s3://no-results-here/x", "dissmodel-inputs", ["no-results-here"]),
        ("s3://no-results-here/x", "no-inputs-here", ["no-results-here", "no-inputs-here"]),
    ],
)
def test_a_push_with_its_input_says_before_it_starts_which_bucket_is_missing(
    dissmodel, s3, model, monkeypatch, to, inputs, missing
):
    Path("grid.tif").write_bytes(s3.data)
    assert 0 == dissmodel("run", model, "-i", "grid.tif", "-o", "r.bin", "-q").code
    Path("r.bin").write_bytes(b"changed")  # which a push would find as soon as it began
    monkeypatch.setenv("DISSMODEL_STORAGE_INPUTS_BUCKET", inputs)

    said = dissmodel("push", "r.record.json", "--to", to, "--with-input", "--json")

    error = said.json["error"]
    assert (5, "storage_missing") == (said.code, error["code"])
    assert missing == [
        one for one in ("no-results-here", "no-inputs-here") if f"s3://{one} at" in error["message"]
    ]
    own = "Inputs go to a bucket of their own: make it, or name another"
    assert ("no-inputs-here" in missing) is (own in error["hint"])
    assert "dissmodel config set storage.inputs_bucket NAME" in error["hint"] or inputs == "dissmodel-inputs"
