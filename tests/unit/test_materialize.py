"""Files get their final names whole, and nothing that was there is lost."""

import pytest

from dissmodel import locks, materialize
from dissmodel.errors import InvalidInput, StorageError, UsageError
from dissmodel.record import ExperimentRecord, Replacement, store
from dissmodel.record.digest import sha256_file


@pytest.fixture
def place(tmp_path):
    """A run in its scratch folder, with a result and a file beside it; as if it had been killed then."""
    record = ExperimentRecord(model_name="m", status="completed")
    folder = tmp_path / "out"
    scratch = folder / ".dissmodel-r"
    work = materialize.work(scratch)
    work.mkdir(parents=True)
    (work / "r.tif").write_bytes(b"new")
    (work / "r.qml").write_bytes(b"style")
    return record, scratch, folder, {"r.tif": folder / "r.tif", "r.qml": folder / "r.qml"}


def begin(place, old=()):
    record, scratch, folder, finals = place
    new = {final: sha256_file(materialize.work(scratch) / name) for name, final in finals.items()}
    materialize.begin(record, folder / "r.record.json", scratch, old, new)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_claim_gives_an_empty_hidden_folder_and_leaves_nothing(tmp_path):
    record_path = tmp_path / "new" / "folder" / "r.record.json"

    with materialize.claim(record_path) as scratch:
        inside = names(record_path.parent)
        (materialize.work(scratch) / "half").write_text("done")

    assert [".dissmodel-r", ".dissmodel-r.lock"] == inside
    assert [] == names(record_path.parent)


def test_a_claim_is_had_by_one_at_a_time_and_per_stem(tmp_path):
    with materialize.claim(tmp_path / "r.record.json"):
        with pytest.raises(UsageError, match="another run is writing"):
            materialize.claim(tmp_path / "r.record.json").__enter__()
        with materialize.claim(tmp_path / "s.record.json"):
            held = names(tmp_path)

    assert [".dissmodel-r", ".dissmodel-r.lock", ".dissmodel-s", ".dissmodel-s.lock"] == held
    assert [] == names(tmp_path)


def test_an_error_in_a_claim_passes_unchanged(tmp_path):
    with pytest.raises(OSError, match="mine"), materialize.claim(tmp_path / "r.record.json"):
        raise OSError("mine")

    assert [] == names(tmp_path)


@pytest.mark.parametrize("claimed", ["r", "other"])
def test_the_next_claim_settles_what_a_killed_run_left(place, claimed):
    _, _, folder, finals = place
    (folder / "r.tif").write_bytes(b"old")
    old = store.write(ExperimentRecord(model_name="old", status="completed"), folder / "r.record.json")
    begin(place, [folder / "r.tif"])
    (folder / ".dissmodel-r.lock").write_text("")
    (folder / ".dissmodel-gone.lock").write_text("")

    with materialize.claim(folder / f"{claimed}.record.json"):
        pass

    assert ["r.record.json", "r.tif"] == names(folder)
    assert (old, b"old") == (store.read_document(folder / "r.record.json"), finals["r.tif"].read_bytes())


def test_what_lives_is_not_swept(place):
    _, scratch, folder, _ = place

    with locks.held(folder / ".dissmodel-r.lock"), materialize.claim(folder / "other.record.json"):
        pass

    assert scratch.exists()


def test_settling_what_is_under_way_is_refused(place):
    _, _, folder, _ = place
    begin(place)

    with locks.held(folder / ".dissmodel-r.lock"), pytest.raises(UsageError, match="another run"):
        materialize.settle(folder / "r.record.json")
    materialize.settle(folder / "r.record.json")

    assert [] == names(folder)


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

    assert [".dissmodel-r"] == names(folder)


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

    assert [".dissmodel-r", "old.txt", "r.record.json", "r.tif"] == names(folder)
    assert (folder / "r.tif").read_bytes() == b"old"
    assert store.read_document(folder / "r.record.json") == old_record
    assert not materialize.recover(folder / "r.record.json")


def test_a_completed_record_is_left_alone(tmp_path):
    path = tmp_path / "r.record.json"
    document = store.write(ExperimentRecord(status="completed"), path)

    assert not materialize.recover(path)
    assert not materialize.recover(tmp_path / "none.record.json")
    assert store.read_document(path) == document


def test_a_strangers_file_is_neither_removed_nor_overwritten(place):
    _, scratch, folder, finals = place
    (folder / "r.tif").write_bytes(b"old")
    begin(place, [folder / "r.tif"])
    materialize.promote(materialize.work(scratch), finals)
    finals["r.qml"].write_bytes(b"a stranger's")
    finals["r.tif"].write_bytes(b"a stranger's, too")

    with pytest.raises(InvalidInput, match=r"r\.tif: a file of someone else's"):
        materialize.recover(folder / "r.record.json")

    assert finals["r.qml"].read_bytes() == b"a stranger's"
    assert finals["r.tif"].read_bytes() == b"a stranger's, too"
    finals["r.tif"].unlink()
    assert materialize.recover(folder / "r.record.json")
    assert finals["r.tif"].read_bytes() == b"old"


def test_a_record_from_elsewhere_removes_nothing(tmp_path):
    (tmp_path / "thesis.tif").write_text("mine")
    under_way = Replacement(scratch=".dissmodel-r", old={}, new={"thesis.tif": "0" * 64})
    store.write(ExperimentRecord(status="replacing", replacing=under_way), tmp_path / "r.record.json")

    materialize.recover(tmp_path / "r.record.json")

    assert (tmp_path / "thesis.tif").read_text() == "mine"


def test_abandoning_undoes_a_promotion_even_of_files_that_changed(place):
    _, scratch, folder, finals = place
    (folder / "r.tif").write_bytes(b"old")
    begin(place, [folder / "r.tif"])
    materialize.promote(materialize.work(scratch), finals)
    finals["r.tif"].write_bytes(b"written by a thread that went on")

    materialize.abandon(folder / "r.record.json", materialize.work(scratch), finals)

    assert [".dissmodel-r", "r.tif"] == names(folder)
    assert finals["r.tif"].read_bytes() == b"old"


def test_what_stands_is_not_abandoned(place):
    record, scratch, folder, finals = place
    begin(place)
    materialize.promote(materialize.work(scratch), finals)
    store.write(record, folder / "r.record.json")

    materialize.abandon(folder / "r.record.json", materialize.work(scratch), finals)

    assert [".dissmodel-r", "r.qml", "r.record.json", "r.tif"] == names(folder)


@pytest.mark.parametrize(
    "under_way",
    [
        Replacement(scratch="../elsewhere", old={}, new={}),
        Replacement(scratch=".dissmodel-r/..", old={}, new={}),
        Replacement(scratch=".dissmodel-other", old={}, new={}),
        Replacement(scratch=".dissmodel-r", old={}, new={"../precious": "0" * 64}),
        Replacement(scratch=".dissmodel-r", old={"0": "/precious"}, new={}),
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
        materialize.claim(tmp_path / "file" / "out" / "r.record.json").__enter__()


def test_a_read_only_folder_is_a_clear_error(read_only_folder):
    with pytest.raises(StorageError, match="Permission denied"):
        materialize.claim(read_only_folder / "r.record.json").__enter__()


def test_a_lock_that_is_a_link_is_not_followed(tmp_path):
    (tmp_path / ".dissmodel-r.lock").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(StorageError):
        materialize.claim(tmp_path / "r.record.json").__enter__()

    assert not (tmp_path / "elsewhere").exists()
