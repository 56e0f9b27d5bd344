"""A run that is killed with SIGKILL, at any moment, costs nothing and leaves no lie."""

import json
import subprocess
import sys
from pathlib import Path

import make_coast
import pytest

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork and no SIGKILL")


def killings(folder, kind, count):
    make_coast.write(make_coast.make_coast(60, 80), folder / "grid.zip", "tiff")
    done = subprocess.run(
        [sys.executable, Path(__file__).with_name("killing.py"), folder, kind, str(count)],
        check=False,
        capture_output=True,
        text=True,
        timeout=3000,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def check(result):
    known = result["known"]
    for trial in result["trials"]:
        over_nothing = trial["over"] == "nothing"
        old = None if over_nothing else known["old"]
        where = (trial["over"], trial["steps"][-1:])

        for moment in ("after_kill", "after_settle", "after_run"):
            state = trial[moment]
            # A final name never holds a part of a file, and a record that says completed tells the truth.
            assert state["output"] in {None, known["old"], known["new"]}, (where, moment)
            assert state["holds"] is not False, (where, moment)
        # To look changes nothing, and tells of a pair that is being replaced.
        assert trial["is_unchanged"], where
        is_under_way = trial["after_kill"]["status"] == "replacing"
        missing = trial["after_kill"]["status"] is None
        assert trial["looked"] == [3 if missing else 0, 4 if missing or is_under_way else 0, 0], where
        # The next command that writes it brings back a whole pair, the old or the new, or nothing at all.
        settled = trial["after_settle"]
        assert settled["status"] in {None, "completed"}, where
        if settled["status"] == "completed":
            assert settled["output"] in {old, known["new"]}, where
        elif not over_nothing:
            pytest.fail(f"the old pair is lost: {where}")
        # The next run sweeps and delivers.
        assert trial["again"] == 0, where
        after = trial["after_run"]
        assert (known["new"], "completed", True) == (after["output"], after["status"], after["holds"]), where
        assert ["r.qml", "r.record.json", "r.tif"] == after["names"], where


def test_killed_before_some_steps_on_a_file(tmp_path):
    result = killings(tmp_path, "steps", 25)

    check(result)
    assert sum(trial["killed"] for trial in result["trials"]) > 3


@pytest.mark.slow
def test_killed_before_each_step_on_a_file(tmp_path):
    result = killings(tmp_path, "steps", 1)

    check(result)
    killed = [trial for trial in result["trials"] if trial["killed"]]
    steps = {trial["steps"][-1] for trial in killed}
    assert len(killed) > 60
    # Locking, journalling, promoting each file and writing the record were among them.
    for step in (
        "open .dissmodel-r.lock",
        "os.mkdir .dissmodel-r",
        "os.rename journal.json",
        "os.rename r.tif",
        "os.rename r.qml",
        "os.rename r.record.json",
        "os.rmdir .dissmodel-r",
    ):
        assert step in steps
    if sys.platform == "linux":  # the making of the key
        assert any(step.startswith("open journal.key") for step in steps)
    for over in ("nothing", "a pair"):
        last = [trial for trial in result["trials"] if trial["over"] == over][-1]
        assert (False, 0) == (last["killed"], last["code"])


@pytest.mark.parametrize("count", [2, pytest.param(200, marks=pytest.mark.slow)])
def test_killed_at_many_instants(tmp_path, count):
    result = killings(tmp_path, "times", count)

    check(result)
    assert 2 * count == len(result["trials"])
    assert sum(trial["killed"] for trial in result["trials"]) > 1.5 * count
