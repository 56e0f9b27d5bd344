"""A run whose input is another run's result knows it, and the chain is shown wherever its parts lie."""

from pathlib import Path

import pytest

from dissmodel.record import DataSource, store
from dissmodel.record.digest import sha256_bytes
from support import records
from support.files import document

GROW = {"run": "return data + bytes([len(data)])"}


@pytest.fixture
def grow(dissmodel, executor_file):
    """Run a model that adds a byte, from a file to another."""
    model = executor_file("grow", **GROW)

    def run(source, target, *words):
        said = dissmodel("run", model, "-i", source, "-o", target, *words)
        assert 0 == said.code, said.err
        return document(f"{Path(target).with_suffix('')}.record.json")

    Path("seed.bin").write_bytes(b"seed")
    return run


@pytest.fixture
def chain(grow):
    """Three runs, each from the result of the one before; their records, the latest first."""
    first = grow("seed.bin", "one.bin")
    second = grow("one.bin", "two.bin", "-p", "rate=0.5")
    third = grow("two.bin", "three.bin")
    return third, second, first


def move(target, *names):
    Path(target).mkdir(exist_ok=True)
    for number, name in enumerate(names):
        Path(name).rename(Path(target) / f"{number}{''.join(Path(name).suffixes)}")


def show(dissmodel, *words):
    return dissmodel("record", "show", *words)


def test_a_run_notes_the_run_that_made_its_input(chain):
    third, second, first = chain

    assert None is first["derived_from"]
    assert first["experiment_id"] == second["derived_from"]
    assert second["experiment_id"] == third["derived_from"]
    assert second["artifacts"]["output"] == third["source"]["checksum"]


def test_the_origin_is_known_by_content_also_after_it_was_renamed(grow):
    first = grow("seed.bin", "one.bin")
    Path("one.bin").rename("other.bin")
    Path("one.record.json").rename("what.record.json")
    assert first["experiment_id"] == grow("other.bin", "two.bin")["derived_from"]

    Path("one.record.json").write_bytes(Path("two.record.json").read_bytes())
    Path("one.bin").write_bytes(b"something else")
    assert None is grow("one.bin", "three.bin")["derived_from"]


def test_a_run_looks_below_the_folders_that_it_is_given(dissmodel, grow):
    first = grow("seed.bin", "one.bin")
    Path("archive/deep").mkdir(parents=True)
    move("archive/deep", "one.record.json")

    assert None is grow("one.bin", "two.bin")["derived_from"]
    assert first["experiment_id"] == grow("one.bin", "x.bin", "--records", "archive")["derived_from"]


def test_a_folder_without_the_origin_is_said_and_one_that_is_none_refused(dissmodel, executor_file):
    model = executor_file("grow", **GROW)
    Path("seed.bin").write_bytes(b"seed")
    Path("empty").mkdir()

    said = dissmodel("run", model, "-i", "seed.bin", "-o", "one.bin", "--records", "empty")
    refused = dissmodel("run", model, "-i", "seed.bin", "-o", "two.bin", "--records", "absent")

    assert (0, True) == (said.code, "--records" in said.err)
    assert 3 == refused.code
    assert "absent: there is no such folder" in refused.err
    assert not Path("two.bin").exists()


def test_the_chain_leads_back_to_the_first_input(dissmodel, chain):
    said = show(dissmodel, "three.record.json", "--lineage")
    found = show(dissmodel, "three.record.json", "--lineage", "--json").json

    assert (0, "") == (said.code, said.err)
    at = [said.out.index(text) for text in ("(three.rec", "(two.rec", "rate=0.5", "(one.rec", "first input")]
    assert sorted(at) == at
    assert 2 == said.out.count("Its input was made by:")
    assert f"first input: seed.bin  (sha256 {sha256_bytes(b'seed')})" in said.out
    assert [one["experiment_id"] for one in chain] == [one["experiment_id"] for one in found["steps"]]
    assert [None, "id and content", "id and content"] == [one["found_by"] for one in found["steps"]]
    assert ("input", None) == (found["end"], found["missing"])
    assert sha256_bytes(b"seed") == found["first_input"]["checksum"]
    assert {"ok"} == {check["verdict"] for one in found["steps"] for check in one["checks"]}


def test_the_chain_holds_after_files_were_renamed_and_moved(dissmodel, chain):
    move("a", "one.record.json", "one.bin")
    move("b", "two.record.json", "two.bin")
    move("c", "three.record.json")

    words = ("c/0.record.json", "--lineage", "--json", "--records", "a", "--records", "b")
    found = show(dissmodel, *words).json

    assert [one["experiment_id"] for one in chain] == [one["experiment_id"] for one in found["steps"]]
    assert [str(Path(name, "0.record.json").absolute()) for name in "cba"] == [
        one["record"] for one in found["steps"]
    ]
    assert "input" == found["end"]


def test_a_chain_without_noted_ids_is_found_by_content(dissmodel, chain):
    for name in ("two", "three"):
        edited = document(f"{name}.record.json")
        edited["derived_from"] = None
        store.write(edited, Path(f"{name}.record.json"))

    found = show(dissmodel, "three.record.json", "--lineage", "--json").json

    assert [one["experiment_id"] for one in chain] == [one["experiment_id"] for one in found["steps"]]
    assert [None, "content", "content"] == [one["found_by"] for one in found["steps"]]


def test_a_missing_link_is_said(dissmodel, chain):
    move("away", "one.record.json")

    said = show(dissmodel, "three.record.json", "--lineage")
    found = show(dissmodel, "three.record.json", "--lineage", "--json").json

    assert 0 == said.code
    assert f"missing: the record of run {chain[2]['experiment_id']}, which made one.bin" in said.out
    assert "--records" in said.out
    assert ("missing", chain[2]["experiment_id"], None) == (
        found["end"],
        found["missing"],
        found["first_input"],
    )


def test_a_file_that_is_not_what_it_was_is_said(dissmodel, chain):
    Path("one.bin").write_bytes(b"edited")
    Path("two.bin").unlink()

    found = show(dissmodel, "three.record.json", "--lineage", "--json").json
    verdicts = [{one["name"]: one["verdict"] for one in step["checks"]} for step in found["steps"]]

    assert {"record": "ok", "output": "ok", "input": "not checked"} == verdicts[0]
    assert {"record": "ok", "output": "missing", "input": "differs"} == verdicts[1]
    assert {"record": "ok", "output": "differs", "input": "ok"} == verdicts[2]


def test_an_id_whose_record_has_other_bytes_is_said(dissmodel, chain):
    edited = document("one.record.json")
    edited["artifacts"]["output"] = edited["files"]["output"]["sha256"] = "0" * 64
    store.write(edited, Path("one.record.json"))

    said = show(dissmodel, "two.record.json", "--lineage")

    assert "but no file of the run has those bytes" in said.out


def leave(identity, derived_from, **fields):
    told = {"experiment_id": identity, "derived_from": derived_from, "model_name": "m", **fields}
    records.leave(Path(f"{identity}.record.json"), **told)


@pytest.mark.parametrize("to", ["a", "b", "c"])
@pytest.mark.usefixtures("dissmodel")
def test_a_circle_ends(dissmodel, to):
    leave("a", "b")
    leave("b", "c")
    leave("c", to)

    said = show(dissmodel, "a.record.json", "--lineage")
    found = show(dissmodel, "a.record.json", "--lineage", "--json").json

    assert f"The chain is a circle: run {to} is listed above already." in said.out
    assert (0, "cycle", ["a", "b", "c"]) == (
        said.code,
        found["end"],
        [one["experiment_id"] for one in found["steps"]],
    )


@pytest.mark.slow
def test_a_long_chain_is_no_problem(dissmodel):
    for number in range(1500):
        leave(f"r{number}", f"r{number + 1}" if number < 1499 else None)

    found = show(dissmodel, "r0.record.json", "--lineage", "--json").json

    assert (1500, "input") == (len(found["steps"]), found["end"])


def test_what_a_record_says_can_not_touch_the_terminal(dissmodel):
    hostile = "\x1b[2J\nok  output"
    leave("a", hostile, source=DataSource(uri=hostile, checksum=hostile), parameters={hostile: hostile})

    said = show(dissmodel, "a.record.json", "--lineage")

    assert 0 == said.code
    assert "\x1b" not in said.out
    assert not any(line.startswith("ok") for line in said.out.splitlines())


@pytest.mark.parametrize("uri", ["s3://b/k", "x" * 5000, "a\0b", "file:///", "ftp://h/x", "C:\\x\\y.tif"])
def test_an_input_that_lies_nowhere_ends_the_chain(dissmodel, uri):
    leave("a", None, source=DataSource(uri=uri, checksum="0" * 64))

    assert "input" == show(dissmodel, "a.record.json", "--lineage", "--json").json["end"]


def test_broken_neighbours_are_said_once(dissmodel, chain):
    for name in ("x", "y", "z"):
        Path(f"{name}.record.json").write_text("{")

    said = show(dissmodel, "three.record.json", "--lineage")

    assert 0 == said.code
    assert "first input" in said.out
    assert 1 == len(said.err.splitlines())
    assert "(and 2 more)" in said.err


@pytest.mark.parametrize("words", [["gone.record.json"], ["a.record.json", "--records", "gone"]])
def test_what_is_not_there_is_refused(dissmodel, words):
    leave("a", None)

    said = show(dissmodel, *words, "--lineage")

    assert (3, "") == (said.code, said.out)
    assert "gone" in said.err
