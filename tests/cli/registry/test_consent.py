"""Who is asked what before a package is installed: at a real terminal, and where there is none."""

import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from .packages import commit, git

END = "\x04"  # Ctrl-D

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a pseudo-terminal is POSIX")


@pytest.fixture
def at_terminal(offered):
    """Return a function that runs the model at a pseudo-terminal and answers; gives code and screen."""

    def run(*answers, words=("run", "flood", "-i", "data.bin", "-o", "r.bin"), before=None):
        screen, other = pty.openpty()
        process = subprocess.Popen(
            [sys.executable, "-m", "dissmodel", *words],
            stdin=other,
            stdout=other,
            stderr=other,
            env=os.environ
            | {"PYTHONPATH": str(Path(__file__).parents[3]), "TERM": "xterm", "COLUMNS": "500"},
            start_new_session=True,
        )
        os.close(other)
        text, waiting, until = "", list(answers), time.monotonic() + 60
        sent, again = None, 0.0
        while time.monotonic() < until:
            if sent is not None and time.monotonic() > again:
                # Python misses a signal that comes just before it waits for input: people press Ctrl-C again.
                process.send_signal(sent)
                again = time.monotonic() + 3
            if select.select([screen], [], [], 0.05)[0]:
                try:
                    text += os.read(screen, 4096).decode()
                except OSError:  # the other side is closed
                    break
            asked = text.count("[y/N]:")
            if waiting and asked > len(answers) - len(waiting):
                if before is not None:
                    before()
                answer = waiting.pop(0)
                if isinstance(answer, signal.Signals):
                    sent = answer
                else:
                    os.write(screen, answer.encode() if answer == END else f"{answer}\n".encode())
        os.close(screen)
        return process.wait(20), text

    return run


def approved(home):
    path = home / "data" / "trust.json"
    return [one["what"] for one in json.loads(path.read_text())["approved"]] if path.exists() else []


def test_yes_at_a_terminal_is_asked_once_per_commit(at_terminal, offered, home):
    code, screen = at_terminal("y")
    again, quiet = at_terminal(words=("run", "flood", "-i", "data.bin", "-o", "s.bin"))

    assert (0, 1) == (code, screen.count("[y/N]:"))
    assert all(
        one in screen
        for one in (
            "A package would be built from",
            offered.package_commit,
            offered.package.as_uri(),
            "default/flood",
            "runs its author's code",
        )
    )
    assert (0, 0) == (again, quiet.count("[y/N]:"))
    assert [f"git+{offered.package.as_uri()}@{offered.package_commit}"] == approved(home)


@pytest.mark.fast_cases("n")
@pytest.mark.parametrize("answer", ["n", ""])
def test_no_at_a_terminal_installs_nothing(at_terminal, home, answer):
    code, screen = at_terminal(answer)

    assert (2, 1) == (code, screen.count("[y/N]:"))
    assert [] == approved(home)
    assert not (home / "data" / "environments").exists()
    assert ["data.bin"] == [path.name for path in Path().iterdir()]


@pytest.mark.fast_cases("2-130")
@pytest.mark.parametrize(("answer", "ended"), [(END, 2), (signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_who_leaves_the_question_open_has_not_agreed(at_terminal, home, answer, ended):
    code, screen = at_terminal(answer)

    assert (ended, 1) == (code, screen.count("[y/N]:")), screen
    assert "bug" not in screen
    assert [] == approved(home)
    assert ["data.bin"] == [path.name for path in Path().iterdir()]


@pytest.mark.slow
def test_what_was_agreed_to_is_what_was_shown(at_terminal, offered, home):
    def move_tag():
        (offered.package / "other.txt").write_text("x")
        git(offered.package, "tag", "-d", "v0.1.0")
        commit(offered.package, "v0.1.0")

    code, screen = at_terminal("y", "n", before=move_tag)

    assert (2, 2) == (code, screen.count("[y/N]:"))
    assert [] == approved(home)


@pytest.mark.fast_cases("show")
@pytest.mark.parametrize("word", ["show", "validate"])
def test_show_and_validate_ask_too(at_terminal, word):
    code, screen = at_terminal("y", words=(word, "flood"))

    assert (0, 1) == (code, screen.count("[y/N]:"))


@pytest.mark.slow
def test_reproduce_asks_too(at_terminal, dissmodel, monkeypatch, home):
    assert 0 == at_terminal("y")[0]
    monkeypatch.setenv("DISSMODEL_DATA", str(home / "other"))
    code, screen = at_terminal("y", words=("reproduce", "r.record.json", "--check"))

    assert (0, 1) == (code, screen.count("[y/N]:"))
