"""`dissmodel ingest` and `record list --index`: the same lists, from an index that can be removed."""

import json
from pathlib import Path

import pytest

from dissmodel.record import ExperimentRecord, store


@pytest.fixture
def runs(dissmodel):
    """Three records in a tree."""
    for number in range(3):
        path = Path("runs", f"{number}", "r.record.json")
        path.parent.mkdir(parents=True)
        store.write(
            ExperimentRecord(experiment_id=f"e{number}", model_name="coast", parameters={"n": number}), path
        )
    return dissmodel


@pytest.fixture
def index(tmp_path):
    return tmp_path / "user" / "data" / "index.db"


def test_it_says_what_it_read(runs):
    said, again = runs("ingest", "runs"), runs("ingest", "runs", "--json")
    Path("runs/0/r.record.json").unlink()
    then = runs("ingest", "runs", "-q")

    assert (0, "runs: 3 records, 3 read, 0 gone\n", "") == (said.code, said.out, said.err)
    assert (3, 0, [], []) == tuple(again.json[name] for name in ("records", "read", "problems", "shared_ids"))
    assert (0, "", "") == (then.code, then.out, then.err)


def test_what_can_not_be_relied_on_and_ids_of_two_are_warnings(runs):
    path = Path("runs/0/r.record.json")
    path.write_bytes(store.dumps(json.loads(path.read_bytes()) | {"model_name": "forged"}))
    store.write(ExperimentRecord(experiment_id="e1", model_name="other"), Path("runs/1/two.record.json"))

    said = runs("ingest", "runs")

    assert 0 == said.code
    changed, shared = said.err.splitlines()
    assert "was changed" in changed
    assert "warning: e1: several records with different content have this id" == shared


@pytest.mark.parametrize(
    "words", [[], ["-p", "n=1"], ["--sort", "output"], ["--csv", "-"], ["--json"], ["--model", "coats"]]
)
def test_a_list_with_the_index_is_printed_as_without(runs, words):
    Path("runs/1/broken.record.json").write_text("{")

    plain, first, again = (
        runs("record", "list", *folder, *words)
        for folder in (["runs"], ["runs", "--index"], ["runs", "--index"])
    )

    assert (plain.code, plain.out, plain.err) == (first.code, first.out, first.err)
    assert (plain.code, plain.out, plain.err) == (again.code, again.out, again.err)


def test_a_list_with_the_index_is_verified_too(runs):
    plain, indexed = (runs("record", "list", "runs", "--verify", *more) for more in ([], ["--index"]))

    assert (plain.code, plain.out) == (indexed.code, indexed.out)


def test_the_index_can_be_removed_at_any_time(runs, index):
    before = runs("record", "list", "--index").out
    index.unlink()

    assert before == runs("record", "list", "--index").out
    assert index.exists()


def test_by_default_it_is_the_place_of_the_service(runs, monkeypatch):
    monkeypatch.setenv("DISSMODEL_SERVICE_PLACE", str(Path("runs").absolute()))

    assert 3 == runs("ingest", "--json").json["records"]


def test_rebuild_reads_all_again(runs):
    runs("ingest", "runs")

    assert 3 == runs("ingest", "runs", "--rebuild", "--json").json["read"]


@pytest.mark.parametrize(("place", "code"), [("nowhere", 3), ("https://127.0.0.1:9/x/", 5)])
def test_a_place_that_can_not_be_listed(dissmodel, place, code):
    said = dissmodel("ingest", place)

    assert (code, "") == (said.code, said.out)
