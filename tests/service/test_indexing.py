"""The service's experiments are found, whatever becomes of the index."""

import time

import pytest

from dissmodel.experiment.ingest import ingest
from dissmodel.experiment.layout import outputs_place
from dissmodel.record import ExperimentRecord, store
from dissmodel.service import indexing as module
from dissmodel.service.indexing import Indexing
from dissmodel.service.truth import Truth
from dissmodel.storage.settings import StorageSettings

WAIT_S = 60


@pytest.fixture(autouse=True)
def user(tmp_path, monkeypatch):
    for name in ("CONFIG", "DATA", "CACHE"):
        monkeypatch.setenv(f"DISSMODEL_{name}", str(tmp_path / "user" / name.lower()))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "user"


@pytest.fixture
def truth(tmp_path):
    return Truth(outputs_place(str(tmp_path / "place"), StorageSettings()))


def deliver(tmp_path, number):
    job = f"{number:032x}"
    path = tmp_path / "place" / "experiments" / job / "record.json"
    path.parent.mkdir(parents=True)
    store.write(ExperimentRecord(experiment_id=job, model_name="coast", parameters={"n": number}), path)
    return job


def found(indexing, **filters):
    return {row.parameters["n"] for row in indexing.search(**filters).rows}


def test_before_anything_was_delivered_nothing_is_found(truth):
    assert set() == found(Indexing(truth))


def test_what_was_delivered_is_found_and_what_is_elsewhere_is_not(truth, tmp_path):
    deliver(tmp_path, 1)
    store.write(ExperimentRecord(parameters={"n": 9}), tmp_path / "mine.record.json")
    ingest(str(tmp_path))
    indexing = Indexing(truth)

    indexing.note(deliver(tmp_path, 2))

    assert {1, 2} == found(indexing)
    assert {2} == found(indexing, parameters={"n": 2}, model="coast")


def test_an_index_that_was_removed_is_made_again(truth, tmp_path, user):
    indexing = Indexing(truth)
    deliver(tmp_path, 1)
    assert {1} == found(indexing)
    (user / "data" / "index.db").unlink()
    indexing.note(deliver(tmp_path, 2))  # which alone makes no whole index

    assert {1, 2} == found(indexing)


def test_what_nobody_noted_is_found_after_a_while(truth, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "EVERY_S", 0.05)
    indexing = Indexing(truth)
    with indexing.running():
        end = time.monotonic() + WAIT_S
        deliver(tmp_path, 3)
        while found(indexing) != {3}:
            assert time.monotonic() < end
            time.sleep(0.02)


def test_who_is_not_alone_leaves_it_to_the_next_ingest(truth, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "NOTE_S", 0)
    indexing = Indexing(truth)
    assert set() == found(indexing)
    job = deliver(tmp_path, 1)

    with indexing._index.only_writer(1):
        indexing.note(job)

    assert set() == found(indexing)
    indexing.note(job)
    assert {1} == found(indexing)
