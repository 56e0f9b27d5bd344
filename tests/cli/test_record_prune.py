"""`dissmodel record prune`: the records of runs that did not complete go, and nothing else ever."""

import os
import select
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dissmodel.record import Artifact, ExperimentRecord, Replacement, store
from dissmodel.record.digest import sha256_bytes
from support import records

NOW = datetime.now(UTC)
WINDOWS = sys.platform == "win32"


def leave(name, status="failed", days=1, **fields):
    told = {
        "experiment_id": sha256_bytes(name.encode())[:32],
        "created_at": NOW - timedelta(days=days),
        "logs": ["it went wrong"],
    }
    return records.leave(Path(f"{name}.record.json"), status=status, **{**told, **fields})


def there():
    return sorted(path.as_posix() for path in Path().rglob("*") if not path.is_dir())


@pytest.fixture
def runs(dissmodel):
    """Two runs that did not complete, and one in each state that has to stay."""
    digest = sha256_bytes(b"x")
    leave("one.11111111")
    leave("below/two.22222222", "interrupted", days=40)
    for status in ("completed", "running", "pending", "tainted"):
        leave(status, status)
    leave("journal", "replacing", replacing=Replacement(scratch=".dissmodel-journal", old={}, new={}))
    Path("r.tif").write_bytes(b"x")
    leave("r", files={"output": Artifact(path="r.tif", size=1, sha256=digest)}, artifacts={"output": digest})
    leave("signed.33333333")
    Path("signed.33333333.record.json.sig").write_text("a signature")
    leave("stated.44444444")
    Path("stated.44444444.attest-abc.json").write_text("{}")
    Path("broken.record.json").write_text('{"status": "failed"}')
    Path("notes.log").write_text("mine")
    Path("experiment_record.json").write_bytes(Path("one.11111111.record.json").read_bytes())
    return dissmodel


GONE = {"one.11111111.record.json", "below/two.22222222.record.json"}


def test_only_records_of_runs_that_did_not_complete_go(runs):
    before = there()

    said = runs("record", "prune", ".", "--yes", "--json")

    assert (0, "") == (said.code, said.err)
    assert GONE == set(before) - set(there())
    assert set(there()) == set(before) - GONE
    shown = {Path(one["record"]).relative_to(Path.cwd()).as_posix() for one in said.json["removed"]}
    assert GONE == shown
    assert {"failed", "interrupted"} == {one["status"] for one in said.json["removed"]}
    assert said.json["freed_bytes"] == sum(one["size_bytes"] for one in said.json["removed"]) > 0
    kept = {Path(one["record"]).name: one["why"] for one in said.json["kept"]}
    assert {
        "r.record.json": "it names a result",
        "signed.33333333.record.json": "it has a signature or a statement",
        "stated.44444444.record.json": "it has a signature or a statement",
    } == kept


def test_a_person_reads_what_went(runs):
    said = runs("record", "prune", ".", "-y")
    again = runs("record", "prune", ".")
    quiet = runs("record", "prune", ".", "-q")

    lines = said.out.splitlines()
    assert (0, "") == (said.code, said.err)
    assert 2 == sum(line.startswith("removed ") for line in lines)
    assert lines[-1].startswith("2 records removed, ")
    assert (0, "0 records removed, 0 bytes freed", "") == (again.code, again.out.splitlines()[-1], again.err)
    assert (0, "", "") == (quiet.code, quiet.out, quiet.err)


@pytest.mark.parametrize("more", [[], ["--json"], ["-q"]])
def test_without_a_terminal_nothing_goes_without_consent(runs, more):
    before = there()

    said = runs("record", "prune", ".", *more)

    assert 2 == said.code
    assert before == there()
    assert "one.11111111.record.json  (coast, failed, " in said.err
    if more == ["--json"]:
        error = said.json["error"]
        assert "consent_required" == error["code"]
        assert error["message"].startswith(
            "2 records of runs that did not complete would be removed from .: "
        )
        assert "--yes" in error["hint"]


def test_only_old_ones_go_where_that_is_asked(runs):
    said = runs("record", "prune", ".", "--older-than", "30", "--yes", "--json")

    assert ["two.22222222.record.json"] == [Path(one["record"]).name for one in said.json["removed"]]
    assert Path("one.11111111.record.json").is_file()


def test_a_record_that_a_failed_run_really_left(dissmodel, executor_file):
    Path("data.bin").write_bytes(b"1")
    assert 1 == dissmodel("run", executor_file(run="1 / 0"), "-i", "data.bin", "-o", "r.bin").code
    (path,) = Path().glob("r.*.record.json")

    said = dissmodel("record", "prune", ".", "--yes")

    assert (0, False) == (said.code, path.exists())
    assert ["data.bin"] == there()


@pytest.mark.skipif(WINDOWS, reason="links need rights on Windows")
def test_no_link_is_followed(dissmodel, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    kept = leave("kept.11111111").rename(elsewhere / "kept.11111111.record.json")
    Path("folder").symlink_to(elsewhere)
    Path("file.11111111.record.json").symlink_to(kept)

    said = dissmodel("record", "prune", ".", "--yes", "--json")

    assert (0, []) == (said.code, said.json["removed"])
    assert ["it is a link, not a file"] == [one["why"] for one in said.json["kept"]]
    assert kept.is_file()
    assert Path("file.11111111.record.json").is_symlink()


@pytest.mark.skipif(WINDOWS, reason="Windows has no read-only folders")
def test_what_can_not_be_removed_is_told(dissmodel, request):
    leave("one.11111111")
    assert 0 == dissmodel("record", "prune", ".", "--yes").code  # what it imports may be closed to others
    read_only_folder = request.getfixturevalue("read_only_folder")
    record = ExperimentRecord(experiment_id="a" * 32, status="failed")
    target = read_only_folder / "one.aaaaaaaa.record.json"
    nobody = os.geteuid()
    if os.getuid() == 0:
        os.seteuid(0)
    read_only_folder.chmod(0o755)
    store.write(record, target)
    target.chmod(0o644)
    read_only_folder.chmod(0o555)
    os.seteuid(nobody)

    said = dissmodel("record", "prune", read_only_folder, "--yes")

    assert 5 == said.code
    assert "can't be removed: " in said.err
    assert target.is_file()


@pytest.mark.parametrize(("place", "code"), [("nowhere", 3), ("file", 3)])
def test_a_place_that_is_none(dissmodel, place, code):
    Path("file").write_text("")

    assert code == dissmodel("record", "prune", place, "--yes").code


@pytest.fixture
def at_terminal(runs):
    """Return a function that prunes at a pseudo-terminal and answers; gives code and screen."""
    if WINDOWS:
        pytest.skip("a pseudo-terminal is POSIX")
    import pty

    def run(answer, before=None):
        screen, other = pty.openpty()
        process = subprocess.Popen(
            [sys.executable, "-m", "dissmodel", "record", "prune", "."],
            stdin=other,
            stdout=other,
            stderr=other,
            env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2]), "TERM": "xterm"},
            start_new_session=True,
        )
        os.close(other)
        text, asked, until = "", 0, time.monotonic() + 60
        while time.monotonic() < until:
            if select.select([screen], [], [], 0.05)[0]:
                try:
                    text += os.read(screen, 4096).decode()
                except OSError:  # the other side is closed
                    break
            if text.count("[y/N]:") > asked:
                asked += 1
                if before is not None and asked == 1:
                    before()
                os.write(screen, f"{answer}\n".encode())
        os.close(screen)
        return process.wait(20), text

    return run


def test_at_a_terminal_it_lists_and_asks(at_terminal):
    before = there()

    code, screen = at_terminal("n")

    assert (2, 1) == (code, screen.count("[y/N]:"))
    assert "one.11111111.record.json  (coast, failed, " in screen
    assert "2 records of runs that did not complete would be removed from .: " in screen
    assert before == there()


def test_yes_at_a_terminal_removes_them(at_terminal):
    code, screen = at_terminal("y")

    assert (0, 1) == (code, screen.count("[y/N]:"))
    assert "2 records removed, " in screen
    assert not GONE & set(there())


def test_a_word_is_for_what_was_shown(at_terminal):
    code, screen = at_terminal("y", before=lambda: leave("third.55555555"))

    assert (0, 2) == (code, screen.count("[y/N]:"))
    assert "3 records of runs that did not complete would be removed" in screen
