"""What a killed command leaves of its own, the next command removes."""

import shutil
import subprocess
import sys
from pathlib import Path

import make_coast
import pytest

from support.cases import mostly_slow

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")

# Kill this process when it is about to give a temporary file its final name.
KILLED = """
import os, signal, sys
def hook(event, arguments):
    named = event in {"os.rename", "os.link"} and str(arguments[0]).endswith(".tmp")
    unpacked = event == "open" and "dissmodel-tmp-" in str(arguments[0])
    if (named and str(arguments[1]).endswith(target)) or (unpacked and str(arguments[0]).endswith(target)):
        os.kill(os.getpid(), signal.SIGKILL)
target = sys.argv.pop(1)
sys.addaudithook(hook)
from dissmodel.cli.app import main
main()
"""
NAME = ".dissmodel-*"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with a result and its record."""
    folder = tmp_path_factory.mktemp("made")
    make_coast.main(["--rows", "20", "--cols", "30", "--output", str(folder / "grid.zip")])
    words = ("run", "coastal_raster", "-i", "grid.zip", "-o", "r.tif", "-p", "end_time=1")
    assert 0 == command(*words, cwd=folder)
    return folder


@pytest.fixture
def pair(made, tmp_path, monkeypatch):
    """A copy of it, in which commands run."""
    folder = Path(shutil.copytree(made, tmp_path / "work"))
    monkeypatch.chdir(folder)
    monkeypatch.setenv("DISSMODEL_CONFIG", str(folder / "settings" / "config.toml"))
    return folder


def command(*words, cwd=None):
    words = [sys.executable, "-m", "dissmodel", *words, "-q"]
    return subprocess.run(words, cwd=cwd, check=False, capture_output=True).returncode


def killed(target, *words):
    done = subprocess.run([sys.executable, "-c", KILLED, target, *words], check=False, capture_output=True)
    return done.returncode


def left(folder):
    return sorted(path.name for path in folder.rglob(NAME))


def make_key():
    program = shutil.which("ssh-keygen")
    if program is None:
        pytest.skip("OpenSSH is not installed")
    subprocess.run([program, "-q", "-t", "ed25519", "-N", "", "-f", "key"], check=True)


RUN = ("run", "coastal_raster", "-i", "grid.zip", "-o", "r.tif", "-p", "end_time=2", "--overwrite")
UNPACKED = ("r.tif", "record", "verify", "b.zip")
CASES = {
    "bundle": ("b.zip", ("record", "bundle", "r.record.json", "-o", "b.zip")),
    "sign": (".sig", ("record", "sign", "r.record.json", "--key", "key")),
    "push": (".tif", ("push", "r.record.json", "--to", "place")),
    "config": ("config.toml", ("config", "set", "storage.bucket", "results")),
    "preview": ("r.preview.png", ("record", "show", "r.record.json", "--preview")),
}


@pytest.mark.fast_cases("config", "push")
@pytest.mark.parametrize("case", mostly_slow([*CASES], "sign", "push", "config"))
def test_the_same_command_removes_what_it_left_when_it_was_killed(pair, case):
    target, words = CASES[case]
    Path("place").mkdir()
    if case == "sign":
        make_key()
    code = killed(target, *words)
    after_kill = left(pair)
    again = command(*words)

    assert -9 == code
    assert 1 == len(after_kill)
    assert (0, []) == (again, left(pair))


@pytest.mark.slow
def test_a_run_removes_what_a_killed_bundle_left_in_its_folder(pair):
    killed(*[CASES["bundle"][0], *CASES["bundle"][1]])
    after_kill = left(pair)
    code = command(*RUN)

    assert 1 == len(after_kill)
    assert (0, []) == (code, left(pair))


def test_a_bundle_that_a_killed_command_unpacked_goes_with_the_next_command(pair, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    command("record", "bundle", "r.record.json", "-o", "b.zip")
    code = killed(*UNPACKED)
    after_kill = [path.name for path in tmp_path.glob("dissmodel-tmp-*")]
    again = command("record", "verify", "b.zip")

    assert -9 == code
    assert 1 == len(after_kill)
    assert (0, []) == (again, list(tmp_path.glob("dissmodel-tmp-*")))
