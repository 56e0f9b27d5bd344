"""Files get their final names whole, and nothing that was there is lost."""

import pytest

from dissmodel import materialize
from dissmodel.errors import InvalidInput, StorageError
from dissmodel.record import ExperimentRecord, Replacement, store


@pytest.fixture
def place(tmp_path):
    """A run in its scratch folder, with a result and a file beside it."""
    record = ExperimentRecord(model_name="m", status="completed")
    scratch = materialize.open_scratch(tmp_path / "out", record.experiment_id)
    work = materialize.work(scratch)
    (work / "r.tif").write_bytes(b"new")
    (work / "r.qml").write_bytes(b"style")
    folder = tmp_path / "out"
    return record, scratch, folder, {"r.tif": folder / "r.tif", "r.qml": folder / "r.qml"}


def begin(place, old=()):
    record, scratch, folder, finals = place
    materialize.begin(record, folder / "r.record.json", scratch, old, finals.values())


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_scratch_is_hidden_and_beside_the_destination(place):
    _, scratch, folder, _ = place

    assert scratch.parent == folder
    assert scratch.name.startswith(".dissmodel-")


def test_promote_moves_and_reports_and_again_has_the_same_outcome(place):
    _, scratch, _, finals = place
    work = materialize.work(scratch)

    first = materialize.promote(work, {**finals, "gone": work.parent / "gone"})
    second = materialize.promote(work, {**finals, "gone": work.parent / "gone"})

    assert first == second
    assert (finals, ("gone",)) == (dict(first.moved), first.missing)
    assert finals["r.tif"].read_bytes() == b"new"


def test_a_journal_stands_at_the_records_place_until_the_record_does(place):
    _, _, folder, _ = place

    begin(place)

    journal = store.read(folder / "r.record.json")
    assert journal.status == "replacing"
    assert {"r.tif", "r.qml"} == set(journal.replacing.new)


@pytest.mark.parametrize("promoted", [False, True])
def test_recovering_over_nothing_leaves_nothing(place, promoted):
    _, scratch, folder, finals = place
    begin(place)
    if promoted:
        materialize.promote(materialize.work(scratch), finals)

    assert materialize.recover(folder / "r.record.json")

    assert [] == names(folder)


@pytest.mark.parametrize("promoted", [False, True])
def test_recovering_over_a_good_pair_brings_it_back(place, promoted):
    _, scratch, folder, finals = place
    (folder / "r.tif").write_bytes(b"old")
    (folder / "old.txt").write_bytes(b"beside")
    old_record = store.write(ExperimentRecord(model_name="old", status="completed"), folder / "r.record.json")
    begin(place, [folder / "r.tif", folder / "old.txt"])
    if promoted:
        materialize.promote(materialize.work(scratch), finals)

    assert materialize.recover(folder / "r.record.json")

    assert ["old.txt", "r.record.json", "r.tif"] == names(folder)
    assert (folder / "r.tif").read_bytes() == b"old"
    assert store.read_document(folder / "r.record.json") == old_record
    assert not materialize.recover(folder / "r.record.json")


def test_a_completed_record_is_left_alone(tmp_path):
    path = tmp_path / "r.record.json"
    document = store.write(ExperimentRecord(status="completed"), path)

    assert not materialize.recover(path)
    assert not materialize.recover(tmp_path / "none.record.json")
    assert store.read_document(path) == document


@pytest.mark.parametrize(
    "under_way",
    [
        Replacement(scratch="../elsewhere", old={}, new=[]),
        Replacement(scratch=".dissmodel-1/..", old={}, new=[]),
        Replacement(scratch="mine", old={}, new=[]),
        Replacement(scratch=".dissmodel-1", old={}, new=["../precious"]),
        Replacement(scratch=".dissmodel-1", old={"0": "/precious"}, new=[]),
    ],
)
def test_a_hostile_journal_touches_nothing(tmp_path, under_way):
    (tmp_path / "precious").write_text("mine")
    folder = tmp_path / "out"
    folder.mkdir()
    store.write(ExperimentRecord(status="replacing", replacing=under_way), folder / "r.record.json")

    with pytest.raises(InvalidInput):
        materialize.recover(folder / "r.record.json")

    assert (tmp_path / "precious").read_text() == "mine"
    assert ["r.record.json"] == names(folder)


def test_a_folder_that_can_not_be_made_is_a_clear_error(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(StorageError, match="can't be written"):
        materialize.open_scratch(tmp_path / "file" / "out", "1a2b3c4d")


def test_a_read_only_folder_is_a_clear_error(read_only_folder):
    with pytest.raises(StorageError, match="Permission denied"):
        materialize.open_scratch(read_only_folder, "1a2b3c4d")
