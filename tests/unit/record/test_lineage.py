import os
import sys
from pathlib import Path

import pytest

from dissmodel.errors import InvalidInput
from dissmodel.record import DataSource, lineage
from dissmodel.record.digest import sha256_bytes
from dissmodel.record.lineage import Index
from dissmodel.record.scan import summarise
from support import records

MADE, OTHER = sha256_bytes(b"made"), sha256_bytes(b"other")
EARLY, LATE = "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"


def find_origin(sha256, beside, folders=(), tell=lambda _message: None):
    return lineage.find_origin(sha256, beside, folders, tell)


def leave(path, identity, output=MADE, **fields):
    """Write the record of a run that completed; its folders are made."""
    fields = {"experiment_id": identity, "artifacts": {"output": output}, **fields}
    return summarise(records.leave(path, **fields)).record


def identity(found):
    return found.experiment_id if found is not None else None


@pytest.fixture
def made(tmp_path):
    path = tmp_path / "data" / "made.tif"
    path.parent.mkdir()
    path.write_bytes(b"made")
    return path


# — what made this file? —


@pytest.mark.parametrize("name", ["made.record.json", "renamed.record.json"])
def test_the_record_beside_the_file(made, name):
    leave(made.with_name("a.record.json"), "wrong", OTHER)
    leave(made.with_name(name), "right")

    assert "right" == identity(find_origin(MADE, made))


def test_a_record_of_the_file_s_name_that_is_of_other_bytes_is_not_its(made):
    leave(made.with_name("made.record.json"), "wrong", OTHER)

    assert None is find_origin(MADE, made)


def test_a_second_file_of_a_result_counts_too(made):
    leave(made.with_name("r.record.json"), "right", artifacts={"output": OTHER, "map": MADE})

    assert "right" == identity(find_origin(MADE, made))


@pytest.mark.parametrize("status", ["failed", "running", "replacing", "tainted", "pending"])
def test_a_run_that_did_not_complete_made_nothing(made, status):
    leave(made.with_name("made.record.json"), "wrong", status=status)

    assert None is find_origin(MADE, made)


def test_folders_that_were_given_are_searched_below(made, tmp_path):
    leave(tmp_path / "archive" / "2026" / "x.record.json", "right")

    assert None is find_origin(MADE, made)
    assert "right" == identity(find_origin(MADE, made, [tmp_path / "data", tmp_path / "archive"]))


def test_the_neighbour_wins_over_a_folder_and_the_name_over_the_neighbours(made, tmp_path):
    leave(tmp_path / "archive" / "x.record.json", "far", created_at=EARLY)
    leave(made.with_name("a.record.json"), "neighbour", created_at=LATE)
    assert "neighbour" == identity(find_origin(MADE, made, [tmp_path / "archive"]))

    leave(made.with_name("made.record.json"), "named", created_at=LATE)
    assert "named" == identity(find_origin(MADE, made, [tmp_path / "archive"]))


def test_the_original_wins_over_its_reproduction_and_the_oldest_over_the_others(made):
    leave(made.with_name("a.record.json"), "reproduction", created_at=EARLY, reproduces="original")
    leave(made.with_name("b.record.json"), "later", created_at=LATE)
    leave(made.with_name("c.record.json"), "original", created_at="2026-01-15T00:00:00Z")

    assert "original" == identity(find_origin(MADE, made))


@pytest.mark.parametrize("hostile", ["", "a" * 65, "a\nb", "../x", "\x1b[2J"])
def test_an_id_that_is_none_is_not_taken_over(made, hostile):
    leave(made.with_name("made.record.json"), hostile)

    assert None is find_origin(MADE, made)


def test_a_broken_file_that_names_the_digest_is_passed_over(made):
    made.with_name("a.record.json").write_text('{"artifacts": {"output": "' + MADE)
    leave(made.with_name("b.record.json"), "right")

    assert "right" == identity(find_origin(MADE, made))


def test_a_folder_that_is_none_is_refused_also_where_the_neighbour_is_known(made, tmp_path):
    leave(made.with_name("made.record.json"), "right")
    with pytest.raises(InvalidInput, match="absent"):
        find_origin(MADE, made, [tmp_path / "absent"])


@pytest.mark.parametrize(("limit", "value"), [("MAX_RECORDS", 3), ("MAX_NAMES", 4), ("MAX_BYTES", 1)])
def test_a_crowded_folder_is_not_read_whole_and_that_is_said(made, monkeypatch, limit, value):
    for number in range(8):
        leave(made.with_name(f"other{number}.record.json"), f"other{number}", OTHER)
    leave(made.with_name("z.record.json"), "right")
    said = []
    assert ("right", []) == (identity(find_origin(MADE, made, tell=said.append)), said)

    monkeypatch.setattr(lineage, limit, value)
    found = find_origin(MADE, made, tell=said.append)

    if limit != "MAX_NAMES":  # which names come first there is the file system's choice
        assert None is found
    assert 1 == len(said)
    assert "--records" in said[0]
    assert "right" == identity(find_origin(MADE, made, [made.parent]))


@pytest.mark.skipif(sys.platform == "win32", reason="no named pipes here")
def test_neither_a_pipe_nor_a_giant_is_read(made):
    os.mkfifo(made.with_name("a.record.json"))
    with made.with_name("b.record.json").open("wb") as giant:
        giant.truncate(10 << 30)
    leave(made.with_name("c.record.json"), "right")
    said = []

    assert "right" == identity(find_origin(MADE, made, [made.parent], said.append))


# — the links of a chain —


def child(tmp_path, derived_from=None, checksum=MADE, **fields):
    source = DataSource(uri="made.tif", checksum=checksum)
    path = tmp_path / "child.record.json"
    return leave(path, "child", OTHER, source=source, derived_from=derived_from, created_at=LATE, **fields)


def test_id_and_content_lead_to_a_record_that_was_moved_and_renamed(tmp_path):
    leave(tmp_path / "archive" / "any.record.json", "parent", created_at=EARLY)
    leave(tmp_path / "archive" / "a.record.json", "twin", created_at="2025-01-01T00:00:00Z")

    link = Index([tmp_path / "archive"]).origin(child(tmp_path, "parent"))

    assert (tmp_path / "archive" / "any.record.json", "parent", "id and content") == (
        link.path,
        link.experiment_id,
        link.by,
    )


def test_content_leads_where_no_id_was_noted_or_its_record_is_gone(tmp_path):
    leave(tmp_path / "archive" / "a.record.json", "parent", created_at=EARLY)
    leave(tmp_path / "archive" / "b.record.json", "second", created_at="2026-01-02T00:00:00Z")
    leave(tmp_path / "archive" / "c.record.json", "copy", created_at=EARLY, reproduces="parent")
    index = Index([tmp_path / "archive"])

    for noted in (None, "gone"):
        link = index.origin(child(tmp_path, noted))

        assert ("parent", "content", 2) == (link.experiment_id, link.by, link.others)


def test_an_id_without_the_content_is_a_link_that_says_so(tmp_path):
    leave(tmp_path / "archive" / "a.record.json", "parent", OTHER)

    assert "id" == Index([tmp_path / "archive"]).origin(child(tmp_path, "parent")).by


def test_of_two_records_with_the_id_the_one_that_has_the_content_counts(tmp_path):
    leave(tmp_path / "archive" / "a.record.json", "parent", OTHER, created_at=EARLY)
    leave(tmp_path / "archive" / "b.record.json", "parent", created_at=EARLY)

    assert "b.record.json" == Index([tmp_path / "archive"]).origin(child(tmp_path, "parent")).path.name


def test_no_link_to_what_came_later_failed_or_is_the_run_itself(tmp_path):
    leave(tmp_path / "archive" / "a.record.json", "later", created_at="2026-03-01T00:00:00Z")
    leave(tmp_path / "archive" / "b.record.json", "failed", created_at=EARLY, status="failed")
    index = Index([tmp_path])
    itself = child(tmp_path, artifacts={"output": MADE})
    index.look_in(tmp_path)

    assert None is index.origin(itself)


def test_an_input_without_a_digest_links_to_nothing(tmp_path):
    leave(tmp_path / "archive" / "a.record.json", "parent", "", created_at=EARLY)

    assert None is Index([tmp_path / "archive"]).origin(child(tmp_path, checksum=""))


def test_a_folder_is_looked_into_once_and_one_that_is_none_never(tmp_path):
    leave(tmp_path / "archive" / "a.record.json", "parent", created_at=EARLY)
    (tmp_path / "archive" / "b.record.json").write_text("{")
    index = Index([tmp_path / "archive"])
    for folder in (tmp_path / "archive", tmp_path / "archive", tmp_path / "absent", Path("x" * 5000)):
        index.look_in(folder)

    assert ["b.record.json"] == [one.path.name for one in index.unreadable]
    assert 0 == index.origin(child(tmp_path)).others
