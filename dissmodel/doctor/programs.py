"""The programs that some commands start."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from packaging.version import Version

from dissmodel.executor.findings import Collector
from dissmodel.process import Ended, finished, installed_program
from dissmodel.progress import Heard, reporting
from dissmodel.record import ExperimentRecord
from dissmodel.record.git import checkout_of
from dissmodel.record.identity import code_of

SECONDS = 5.0
# Since then a fetch can leave no FETCH_HEAD.
_OLDEST_GIT = Version("2.29")
_SSH = "Install OpenSSH; on Debian and Ubuntu: apt install openssh-client"
_GIT = "Install it: https://git-scm.com/downloads"


def look_at_git(found: Collector) -> None:
    """Find out whether there is a git, which fetches registries and packages and knows the state of code."""
    ended = _answer(found, "git", ("--version",), "no registry can be fetched, no commit noted", _GIT)
    if ended is None:
        return
    said = ended.out.decode(errors="replace").strip()
    number = re.search(r"\d+(?:\.\d+)+", said)
    if ended.code != 0 or number is None:
        found.add("warning", f"git --version says: {_last(ended)}", _GIT)
    elif Version(number.group()) < _OLDEST_GIT:
        found.add("warning", f"{number.group()}, and a sync needs {_OLDEST_GIT}", _GIT)
    else:
        found.add("ok", number.group())
        _look_at_checkouts(found)


def look_at_ssh_keygen(found: Collector) -> None:
    """Find out whether there is an ssh-keygen that signs and checks signatures (OpenSSH 8.2)."""
    # It has no option that tells its version; without its files this one only complains.
    ended = _answer(found, "ssh-keygen", ("-Y", "find-principals"), "nothing can be signed or checked", _SSH)
    if ended is None:
        return
    if "Too few arguments for find-principals" in ended.err:
        found.add("ok", "signs and checks")
    else:
        found.add("warning", "it is too old: signatures need OpenSSH 8.2", _SSH)


def look_at_uv(found: Collector) -> None:
    """Find out whether there is a uv, which installs the packages of models."""
    ended = _run(found, [sys.executable, "-m", "uv", "--no-config", "--version"])
    if ended is None:
        return
    if ended.code == 0:
        found.add("ok", ended.out.decode(errors="replace").strip().removeprefix("uv "))
    else:
        found.add(
            "error",
            f"python -m uv says: {_last(ended)}; no model's package can be installed",
            "python -m pip install --force-reinstall uv",
        )


def _look_at_checkouts(found: Collector) -> None:
    """Find out whether the commit of the code in the current folder, and of dissmodel's own, can be told."""
    with contextlib.suppress(FileNotFoundError):  # the current folder was removed
        checkout = checkout_of(Path.cwd())
        if checkout is not None and checkout.problem:
            found.add("warning", checkout.problem, checkout.hint)
    with reporting(Heard()) as heard:
        code_of(ExperimentRecord, "dissmodel")
    for message in heard.warnings:
        found.add("warning", message)


def _answer(found: Collector, name: str, words: Sequence[str], without: str, hint: str) -> Ended | None:
    program = installed_program(name)
    if program is None:
        found.add("warning", f"not installed: {without}", hint)
        return None
    return _run(found, [program, *words])


def _run(found: Collector, words: Sequence[str]) -> Ended | None:
    try:
        return finished(words, env={**os.environ, "LC_ALL": "C"}, patience=SECONDS, folder=Path(sys.prefix))
    except subprocess.TimeoutExpired:
        found.add("warning", f"{words[0]} gave no answer within {SECONDS:g} s")
        return None


def _last(ended: Ended) -> str:
    lines = (ended.err or ended.out.decode(errors="replace")).split("\n")
    return next(
        (line.strip() for line in reversed(lines) if line.strip()), f"nothing (it ended with {ended.code})"
    )
