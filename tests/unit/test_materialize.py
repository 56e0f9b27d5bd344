"""Files get their final names whole, and nothing that was there is lost."""

import errno
import itertools
import json
import os
import shutil
import signal
import sys
import threading
from pathlib import Path

import pytest

from dissmodel import locks, machine, materialize
from dissmodel.errors import InvalidInput, StorageError, UsageError
from dissmodel.materialize import journal, key
from dissmodel.materialize.interrupted import user_name
from dissmodel.materialize.scratch import undisturbed
from dissmodel.record import ExperimentRecord, Replacement, store
from dissmodel.record.digest import sha256_file
from support.files import names, tree


@pytest.fixture
def place(tmp_path):
    """A run in its scratch folder, with a result and a file beside it; as if it had been killed then."""
    record = ExperimentRecord(model_name="m", status="completed")
    folder = tmp_path / "out"
    folder.mkdir()
    scratch = materialize.make(folder / "r.record.json", "run")
    work = materialize.work(scratch)
    work.mkdir()
    (work / "r.tif").write_bytes(b"new")
    (work / "r.qml").write_bytes(b"style")
    return record, scratch, folder, {"r.tif": folder / "r.tif", "r.qml": folder / "r.qml"}


def begin(place, old=()):
    record, scratch, folder, finals = place
    new = {final: sha256_file(materialize.work(scratch) / name) for name, final in finals.items()}
    materialize.begin(record, folder / "r.record.json", scratch, old, new)


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


def test_the_next_claim_settles_what_a_killed_run_left(place):
    _, _, folder, finals = place
    (folder / "r.tif").write_bytes(b"old")
    old = store.write(ExperimentRecord(model_name="old", status="completed"), folder / "r.record.json")
    begin(place, [folder / "r.tif"])
    (folder / ".dissmodel-r.lock").write_text("")
    (folder / ".dissmodel-gone.lock").write_text("")

    with materialize.claim(folder / "r.record.json"):
        pass

    assert ["r.record.json", "r.tif"] == names(folder)
    assert (old, b"old") == (store.read_document(folder / "r.record.json"), finals["r.tif"].read_bytes())


@pytest.mark.parametrize("over_a_pair", [False, True])
def test_a_claim_of_another_pair_leaves_one_that_is_being_replaced(place, over_a_pair):
    _, scratch, folder, finals = place
    if over_a_pair:
        (folder / "r.tif").write_bytes(b"old")
        store.write(ExperimentRecord(status="completed"), folder / "r.record.json")
    begin(place, [folder / "r.tif"] if over_a_pair else ())
    materialize.promote(materialize.work(scratch), finals)
    before = tree(folder)

    with materialize.claim(folder / "other.record.json"):
        pass

    assert before == tree(folder)


def test_a_journal_that_can_not_be_read_for_now_is_kept(place, monkeypatch):
    _, _, folder, finals = place
    begin(place)
    materialize.promote(materialize.work(place[1]), finals)
    before, opened = tree(folder), Path.open

    def failing(path, *words, **named):
        if path.name == "journal.json":
            raise OSError(errno.EIO, "Input/output error")
        return opened(path, *words, **named)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", failing)
        with materialize.claim(folder / "other.record.json"):
            pass

    assert before == tree(folder)


def test_a_claim_of_another_pair_removes_what_a_run_left_that_had_begun_nothing(place):
    _, _, folder, _ = place
    (folder / ".dissmodel-s").mkdir()  # a run that was killed before it could mark its folder

    with materialize.claim(folder / "other.record.json"):
        pass

    assert [] == names(folder)


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


def test_a_pair_is_moved_only_once_its_journal_and_the_replacing_record_stand(place, monkeypatch):
    record, scratch, folder, finals = place
    record_path = folder / "r.record.json"
    (folder / "r.tif").write_bytes(b"old")
    store.write(ExperimentRecord(model_name="old", status="completed"), record_path)
    seen, replace = [], os.replace

    def noted(source, target, **how):
        names = (Path(source).name, Path(target).name)
        plan = journal.read(scratch, record_path)
        seen.append((*names, plan is not None, store.read(record_path).status))
        replace(source, target, **how)

    monkeypatch.setattr(os, "replace", noted)
    begin(place, [folder / "r.tif"])
    materialize.promote(materialize.work(scratch), finals)
    store.write(record, record_path, staging=scratch)

    targets = [(target, *state) for _, target, *state in seen]
    assert [
        ("journal.json", False, "completed"),
        ("r.record.json", True, "completed"),
        ("0", True, "replacing"),
        ("r.tif", True, "replacing"),
        ("r.qml", True, "replacing"),
        ("r.record.json", True, "replacing"),
    ] == targets


@pytest.mark.parametrize("last", range(6))
def test_a_run_that_ends_before_any_of_its_renames_loses_nothing(place, monkeypatch, last):
    record, scratch, folder, finals = place
    record_path = folder / "r.record.json"
    (folder / "r.tif").write_bytes(b"old")
    old = store.write(ExperimentRecord(model_name="old", status="completed"), record_path)
    count, replace = itertools.count(), os.replace

    def cut(source, target, **how):
        if next(count) == last:
            raise SystemExit("killed")
        replace(source, target, **how)

    def whole():
        begin(place, [folder / "r.tif"])
        materialize.promote(materialize.work(scratch), finals)
        store.write(record, record_path, staging=scratch)

    monkeypatch.setattr(os, "replace", cut)
    with pytest.raises(SystemExit, match="killed"):
        whole()
    monkeypatch.undo()
    with materialize.claim(record_path):
        pass

    assert ["r.record.json", "r.tif"] == names(folder)
    assert (old, b"old") == (store.read_document(record_path), (folder / "r.tif").read_bytes())


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

    with pytest.raises(InvalidInput, match=r"r\.tif: another file is in the place"):
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

    with pytest.raises(InvalidInput, match="Nothing was moved"):
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


def interrupted(place, *, promoted=True):
    """Leave a pair in the middle of its replacement; return its folder, scratch folder and record."""
    _, scratch, folder, finals = place
    (folder / "r.tif").write_bytes(b"old")
    store.write(ExperimentRecord(model_name="old", status="completed"), folder / "r.record.json")
    begin(place, [folder / "r.tif"])
    if promoted:
        materialize.promote(materialize.work(scratch), finals)
    return folder, scratch, folder / "r.record.json"


def refused(record_path):
    """Let every way to settle a pair refuse it; return what the error says."""
    folder = record_path.parent
    before = tree(folder)
    for way in (materialize.recover, materialize.settle, lambda path: materialize.claim(path).__enter__()):
        with pytest.raises(InvalidInput) as caught:
            way(record_path)

        assert caught.value.code in {"interrupted", "in_the_way"}
        assert before == tree(folder)
    return f"{caught.value.message} {caught.value.hint}"


def test_a_copy_of_a_folder_moves_nothing(place, tmp_path):
    folder, _, _ = interrupted(place)
    shutil.copytree(folder, tmp_path / "copy")

    said = refused(tmp_path / "copy" / "r.record.json")

    assert "this is a copy" in said
    assert str(tmp_path / "copy" / ".dissmodel-r" / "old" / "0") in said
    assert str(tmp_path / "copy" / "r.tif") in said


def test_a_copy_at_the_same_place_moves_nothing(place, tmp_path):
    folder, _, record_path = interrupted(place)
    folder.rename(tmp_path / "away")  # so that no number on the disk is used again
    shutil.copytree(tmp_path / "away", folder)

    refused(record_path)


def test_a_mark_made_anew_proves_no_journal(place):
    folder, scratch, record_path = interrupted(place)
    (mark,) = scratch.glob("run-*")
    mark.rename(mark.with_name("kept"))
    mark.touch()

    refused(record_path)
    assert b"old" == (scratch / "old" / "0").read_bytes()
    assert folder == record_path.parent


@pytest.mark.parametrize(
    "forge",
    [
        lambda plan: plan["old"].__setitem__(0, ["evil.tif", plan["old"][0][1]]),
        lambda plan: plan["new"].update({"thesis.tif": sha256_file(plan["thesis"])}),
        lambda plan: plan.update(old_record=None),
    ],
)
def test_a_journal_that_was_changed_moves_nothing(place, forge):
    folder, scratch, record_path = interrupted(place)
    (folder / "thesis.tif").write_bytes(b"mine")
    document = json.loads((scratch / "journal.json").read_text())
    plan = json.loads(document["journal"]) | {"thesis": str(folder / "thesis.tif")}
    forge(plan)
    plan.pop("thesis")
    (scratch / "journal.json").write_text(json.dumps(document | {"journal": json.dumps(plan)}))

    refused(record_path)


def test_a_journal_of_another_record_moves_nothing(place):
    folder, _, record_path = interrupted(place)
    record = store.read(record_path)
    record.replacing.new = {"r.tif": sha256_file(folder / "r.tif"), "r.qml": "0" * 64}
    store.write(record, record_path)

    refused(record_path)


@pytest.mark.parametrize("what", ["journal.json", "old.record.json", "old/0"])
def test_what_is_kept_and_was_changed_is_not_brought_back(place, what):
    _, scratch, record_path = interrupted(place)
    (scratch / what).write_bytes(b"something else")

    assert str(scratch / "old") in refused(record_path)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows asks for a right to make links")
@pytest.mark.parametrize("what", ["scratch", "old", "old file"])
def test_links_in_the_scratch_folder_are_not_followed(place, tmp_path, what):
    _, scratch, record_path = interrupted(place)
    path = {"scratch": scratch, "old": scratch / "old", "old file": scratch / "old" / "0"}[what]
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    outside = tree(tmp_path / "elsewhere") if what != "old file" else (tmp_path / "elsewhere").read_bytes()

    refused(record_path)

    assert outside == (
        tree(tmp_path / "elsewhere") if what != "old file" else (tmp_path / "elsewhere").read_bytes()
    )


@pytest.mark.skipif(sys.platform == "win32", reason="Windows asks for a right to make links")
def test_a_link_that_the_user_made_is_brought_back_as_a_link(place, tmp_path):
    _, scratch, folder, finals = place
    (tmp_path / "large-disk.tif").write_bytes(b"old")
    (folder / "r.tif").symlink_to(tmp_path / "large-disk.tif")
    begin(place, [folder / "r.tif"])
    materialize.promote(materialize.work(scratch), finals)

    assert materialize.recover(folder / "r.record.json")

    assert tmp_path / "large-disk.tif" == (folder / "r.tif").readlink()
    assert b"old" == (tmp_path / "large-disk.tif").read_bytes()


NO_NAMES = [
    ".git/hooks/post-checkout",
    "r/.git/config",
    "maps/r.tif",
    "../r.tif",
    "/r.tif",
    "r.record.json",
    ".dissmodel-s/new/s.tif",
    ".dissmodel-s.lock",
    "link/r.tif",
    ".bashrc",
    "",
]


@pytest.mark.parametrize("name", NO_NAMES)
def test_names_that_no_result_has_are_neither_moved_nor_told(tmp_path, name):
    scratch = tmp_path / ".dissmodel-r"
    (scratch / "old").mkdir(parents=True)
    (scratch / "old" / "0").write_text("evil")
    (tmp_path / "thesis.tif").write_text("mine")
    if sys.platform != "win32":
        (tmp_path / "r").symlink_to(tmp_path.parent)
    for table in (
        Replacement(scratch=".dissmodel-r", old={"0": name}, new={}),
        Replacement(scratch=".dissmodel-r", old={}, new={name: sha256_file(tmp_path / "thesis.tif")}),
    ):
        store.write(ExperimentRecord(status="replacing", replacing=table), tmp_path / "r.record.json")

        said = refused(tmp_path / "r.record.json")

        assert "no dissmodel wrote this" in said
        assert " mv " not in f" {said}"


def test_the_message_of_a_record_of_an_earlier_version_has_both_files_and_the_choice(tmp_path):
    scratch = tmp_path / ".dissmodel-r"
    (scratch / "old").mkdir(parents=True)
    (scratch / "old" / "0").write_text("old")
    (scratch / "old.record.json").write_text("{}")
    (tmp_path / "r.tif").write_text("new")
    table = Replacement(scratch=".dissmodel-r", old={"0": "r.tif"}, new={"r.tif": "0" * 64})
    store.write(ExperimentRecord(status="replacing", replacing=table), tmp_path / "r.record.json")

    said = refused(tmp_path / "r.record.json")

    assert "dissmodel 0.7.0 or earlier" in said
    assert f"{scratch / 'old' / '0'} (r.tif)" in said
    assert f"At the result's place: {tmp_path / 'r.tif'}." in said
    if sys.platform != "win32":
        assert f"In {tmp_path}: " in said
        assert "mv ./.dissmodel-r/old/0 ./r.tif && mv ./.dissmodel-r/old.record.json ./r.record.json." in said
        assert "rm ./r.record.json && rm -r ./.dissmodel-r." in said


@pytest.mark.parametrize(
    ("host", "user"), [("node07", user_name()), (machine.host(), "someone"), ("node07", None)]
)
def test_the_message_of_a_record_of_another_machine_or_user_names_it(tmp_path, host, user):
    table = Replacement(scratch=".dissmodel-r", old={}, new={}, host=host, user=user)
    store.write(ExperimentRecord(status="replacing", replacing=table), tmp_path / "r.record.json")

    said = refused(tmp_path / "r.record.json")

    assert f"a run of {user or 'a user'} on the machine {host}" in said


@pytest.fixture
def anew(tmp_path, monkeypatch):
    """Let the next steps be those of another process, whose user's key lies in a folder of the test's own."""
    place = tmp_path / "state" / "dissmodel" / key.NAME
    monkeypatch.setattr(key, "_place", lambda: place)

    def anew():
        monkeypatch.setattr(key, "_known", {})
        monkeypatch.setattr(key, "_OF_THIS_PROCESS", os.urandom(32))
        return place

    anew()
    return anew


@pytest.fixture
def place_anew(anew, request):
    """The place, made with the key of `anew`."""
    del anew
    return request.getfixturevalue("place")


def test_another_process_of_the_same_user_brings_the_pair_back(anew, place_anew):
    folder, _, record_path = interrupted(place_anew)

    kept = anew()
    materialize.settle(record_path)

    assert ["r.record.json", "r.tif"] == names(folder)
    assert b"old" == (folder / "r.tif").read_bytes()
    if sys.platform != "win32":
        assert 0o600 == kept.stat().st_mode & 0o777


@pytest.mark.parametrize("lost", ["removed", "another", "short", "a folder"])
def test_without_the_key_nothing_is_moved(anew, place_anew, lost):
    _, _, record_path = interrupted(place_anew)
    kept = anew()
    kept.unlink()
    if lost == "a folder":
        kept.mkdir()
    elif lost != "removed":
        kept.write_bytes(b"k" * (32 if lost == "another" else 31))

    assert "your key for journals can't be kept or read" in refused(record_path)


def test_where_no_key_can_be_kept_a_run_works_and_undoes_what_it_began(anew, request, tmp_path):
    (tmp_path / "state").write_text("no folder")
    place = request.getfixturevalue("place")
    folder, scratch, record_path = interrupted(place)

    materialize.abandon(record_path, materialize.work(scratch), place[3])

    assert b"old" == (folder / "r.tif").read_bytes()
    assert "completed" == store.read(record_path).status
    (scratch / "old").rmdir()
    begin(place)
    anew()
    assert "can't be kept" in refused(record_path)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root may give a file away")
def test_a_key_of_another_user_is_none(anew, place_anew):
    _, _, record_path = interrupted(place_anew)
    kept = anew()
    os.chown(kept, 12345, -1)

    refused(record_path)


def test_to_look_makes_no_key(anew, tmp_path):
    kept = anew()
    (tmp_path / ".dissmodel-r").mkdir()
    table = Replacement(scratch=".dissmodel-r", old={}, new={})
    record = ExperimentRecord(status="replacing", replacing=table)

    materialize.interruption(tmp_path / "r.record.json", record)

    assert not kept.parent.exists()


PLANTED = {
    "a folder": lambda path: (path / "new").mkdir(parents=True) or (path / "new" / "f").write_text("mine"),
    "a file": lambda path: path.write_text("mine"),
    "a link": lambda path: path.symlink_to(path.with_name("precious")),
    "a mark": lambda path: path.mkdir() or (path / f"run-{'0' * 32}").touch(),
}


@pytest.mark.parametrize("plant", PLANTED.values(), ids=PLANTED)
@pytest.mark.parametrize("claimed", ["r", "other"])
def test_a_scratch_folder_that_is_not_ours_is_left_alone(tmp_path, plant, claimed):
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").write_text("mine")
    plant(tmp_path / ".dissmodel-r")
    before = tree(tmp_path)

    with materialize.claim(tmp_path / f"{claimed}.record.json") as scratch:
        assert scratch.name.startswith(f".dissmodel-{claimed}")
        assert materialize.work(scratch).is_dir()
        assert before.items() <= tree(tmp_path).items()

    assert before == tree(tmp_path)


def test_a_lock_file_with_content_is_not_removed(tmp_path):
    (tmp_path / ".dissmodel-r.lock").write_text("mine")

    for stem in ("r", "other"):
        with materialize.claim(tmp_path / f"{stem}.record.json"):
            pass

    assert {".dissmodel-r.lock": b"mine"} == tree(tmp_path)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_removal_that_is_cut_goes_on(place):
    folder, scratch, _ = interrupted(place)
    record, _, _, finals = place
    store.write(record, folder / "r.record.json")

    for step in range(1, 20):
        child = os.fork()
        if child == 0:
            seen = []

            def hook(event, _arguments, seen=seen, step=step):
                seen.extend([event] if event in {"os.remove", "os.rmdir"} else [])
                if len(seen) == step:
                    os._exit(9)

            sys.addaudithook(hook)
            materialize.discard(scratch)
            os._exit(0)
        code = os.WEXITSTATUS(os.waitpid(child, 0)[1])
        with materialize.claim(folder / "r.record.json"):
            pass

        assert ["r.qml", "r.record.json", "r.tif"] == names(folder), step
        assert b"new" == finals["r.tif"].read_bytes()
        if code == 0:
            break
        (folder / "r.record.json").unlink()
        scratch, record_path = materialize.make(folder / "r.record.json", "run"), folder / "r.record.json"
        store.write(ExperimentRecord(status="completed"), record_path)
        materialize.begin(record, record_path, scratch, [folder / "r.tif"], {folder / "r.tif": "0" * 64})
        (folder / "r.tif").write_bytes(b"new")
        store.write(record, record_path)
    assert step > 5


def test_the_old_files_outlive_a_replacing_record_that_a_person_removed(place):
    folder, _, record_path = interrupted(place, promoted=False)
    record_path.unlink()

    with materialize.claim(record_path):
        pass

    assert ["r.record.json", "r.tif"] == names(folder)
    assert b"old" == (folder / "r.tif").read_bytes()


def test_a_record_that_came_meanwhile_is_not_overwritten(place):
    _, scratch, record_path = interrupted(place, promoted=False)
    store.write(ExperimentRecord(model_name="another", status="completed"), record_path)

    with pytest.raises(InvalidInput) as caught:
        materialize.recover(record_path)

    assert "in_the_way" == caught.value.code
    assert "another" == store.read(record_path).model_name
    assert b"old" == (scratch / "old" / "0").read_bytes()


@pytest.mark.parametrize("name", [".hidden/f", "link/f"])
def test_a_name_that_could_not_be_brought_back_is_refused_before_anything_moves(place, name):
    _, _, folder, _ = place
    (folder / name).parent.mkdir()
    (folder / name).write_text("mine")
    before = tree(folder)

    with pytest.raises(InvalidInput, match="no file of this result"):
        begin(place, [folder / name])

    assert before == tree(folder)


@pytest.mark.skipif(not hasattr(os, "O_DIRECTORY"), reason="this system syncs no folders")
@pytest.mark.parametrize(("number", "told"), [(errno.EIO, True), (errno.ENOSPC, True), (errno.EINVAL, False)])
def test_a_folder_that_can_not_be_synced_is_told(tmp_path, monkeypatch, number, told):
    def fail(_descriptor):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fail)

    if told:
        with pytest.raises(StorageError, match=os.strerror(number)):
            store.sync_folder(tmp_path)
    else:
        store.sync_folder(tmp_path)


def test_a_signal_waits_for_the_end_of_what_is_undisturbed():
    done = []
    before = signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # whatever started the tests may ignore it

    def work():
        with undisturbed():
            signal.raise_signal(signal.SIGINT)
            done.append("after the signal")

    try:
        with pytest.raises(KeyboardInterrupt):
            work()
    finally:
        signal.signal(signal.SIGINT, before)

    assert ["after the signal"] == done


def test_in_another_thread_signals_are_not_touched():
    handlers = []

    def look():
        with undisturbed():
            handlers.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()

    assert [signal.getsignal(signal.SIGINT)] == handlers


def test_what_is_no_record_is_not_settled(tmp_path):
    path = tmp_path / "r.record.json"
    path.write_text("no record")

    materialize.settle(path)

    assert "no record" == path.read_text()


def test_a_result_is_not_moved_through_a_link_to_a_folder(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "r.val").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(InvalidInput, match="this is a link or a file"):
        materialize.pair_path(tmp_path / "r.record.json", "r.val/report.md")


def test_files_that_can_not_be_listed_are_not_gathered(tmp_path):
    with pytest.raises(StorageError, match="can't be read or written"):
        materialize.gather(tmp_path / "none", "mark", tmp_path)


def test_a_folder_has_no_identity_and_neither_has_a_name_without_a_file(tmp_path):
    assert ["", ""] == [journal.identity(tmp_path), journal.identity(tmp_path / "none")]
