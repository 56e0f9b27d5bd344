"""Libraries and models that may be broken: each is tried in a separate process."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import dissmodel
from dissmodel.executor.findings import Collector, Severity, nearest_folder
from dissmodel.process import Ended, finished
from dissmodel.registry.plugins import BUILTIN

SECONDS = 30.0  # a busy machine, or a disk on a network, takes a while
_GRACE_S = 3.0
_DATA_VARIABLES = ("PROJ_DATA", "PROJ_LIB", "GDAL_DATA", "GDAL_DRIVER_PATH")
_SLOWER = "The models compute the same results without it, more slowly."
# The dissmodel that asks, wherever else there may be another; all else as Python finds it.
_START = (
    "import sys; sys.path.insert(0, sys.argv.pop(1)); import dissmodel; del sys.path[0]; "
    "from dissmodel.doctor.probe import main; main()"
)


@dataclass(frozen=True)
class _Probed:
    """What a probe found, and, where it ended too early, what it was doing, how it ended, whether it hung."""

    findings: tuple[dict[str, str], ...]
    doing: str = ""
    end: str = ""
    hung: bool = False


def look_at_library(found: Collector) -> None:
    """Find out whether the library that the collector names works: import it, and have it do a little."""
    name = found.subject
    probed = _probe(name)
    for finding in probed.findings:
        severity = cast("Severity", finding["severity"])
        found.add(severity, finding["message"], "" if severity == "ok" else _library_hint(name))
    if probed.end and name == "numba":
        found.add("warning", f"{probed.doing}: {probed.end}. {_SLOWER}", _library_hint(name))
    elif probed.end:
        found.add("error", f"{probed.doing}: {probed.end}", _library_hint(name))


def look_at_models(found: Collector) -> None:
    """Find out which of the models that installed packages offer can't be loaded."""
    seen: set[str] = set()
    loaded: list[str] = []
    while True:
        probed = _probe("models", *seen)
        for finding in probed.findings:
            seen.add(finding["subject"])
            if finding["severity"] == "ok":
                loaded.append(finding["subject"])
            else:
                found.add("error", finding["message"], finding["hint"])
        if not probed.end:
            break
        package, _, model = probed.doing.partition("/")
        if not model:
            found.add("error", f"{probed.doing}: {probed.end}")
            break
        seen.add(probed.doing)
        hint = "" if package == BUILTIN else f"Fix or remove the package: pip uninstall {package}"
        found.add("error", f"The model {probed.doing} can't be loaded: {probed.end}.", hint)
        if probed.hung:  # another may hang too, and waiting for all takes too long
            found.add("warning", "the others were not looked at")
            break
    if loaded:
        found.add("ok", f"{len(loaded)} can be loaded: {', '.join(loaded)}")
    elif not seen:
        found.add("warning", "no package offers a model", "Install dissmodel again, from the same source.")


def look_at_numba_cache(found: Collector) -> None:
    """Find out whether compiled kernels can be kept, and whether some are."""
    from platformdirs import user_cache_dir  # noqa: PLC0415  (help doesn't need it)

    # The built-in models' own folder: they are plugins, and none of their modules is imported here.
    given = os.environ.get("NUMBA_CACHE_DIR")
    folder = Path(given or Path(user_cache_dir("dissmodel", appauthor=False)) / "numba").absolute()
    try:
        tempfile.TemporaryFile(dir=nearest_folder(folder)).close()
    except OSError as error:
        found.add(
            "warning",
            f"{folder} can't be written ({error.strerror or error}): each long run compiles again",
            "Set NUMBA_CACHE_DIR to a folder of yours.",
        )
        return
    kept = next(folder.glob("dissmodel-*/*/*.nbi"), None) is not None
    state = (
        "compiled kernels are kept there" if kept else "no kernel there yet, the first long run compiles once"
    )
    found.add("ok", f"{folder}: {state}")


def _probe(kind: str, *left_out: str) -> _Probed:
    root = str(Path(dissmodel.__file__).parents[1])
    # Unbuffered, so that what a library prints comes before what ends it.
    words = [sys.executable, "-u", "-P", "-c", _START, root, str(SECONDS), kind, *left_out]
    try:
        ended = finished(words, env=os.environ, patience=SECONDS + _GRACE_S, folder=Path())
    except subprocess.TimeoutExpired:
        return _Probed((), kind, _no_answer(), hung=True)
    findings: list[dict[str, str]] = []
    doing = "start"
    for line in ended.out.splitlines():
        with contextlib.suppress(ValueError):  # it was killed in mid-line
            told: dict[str, str] = json.loads(line)
            if "severity" in told:
                findings.append(told)
            doing = told.get("doing", "exit")
    if ended.code == 0 and doing == "done":
        return _Probed(tuple(findings))
    hung = "Timeout (" in ended.err
    return _Probed(tuple(findings), doing, _no_answer() if hung else _end_of(ended), hung)


def _end_of(ended: Ended) -> str:
    lines = [line.strip() for line in ended.err.splitlines() if line.strip()]
    if ended.code == 1 and lines:
        return lines[-1].rstrip(".")
    with contextlib.suppress(ValueError):  # the low byte is what is left of a signal's negative number
        return f"its process was ended by {signal.Signals(256 - ended.code).name}"
    return f"its process ended with {ended.code}"


def _no_answer() -> str:
    return f"no answer within {SECONDS:g} s"


def _library_hint(library: str) -> str:
    named = [f"{name} ({os.environ[name]})" for name in _DATA_VARIABLES if os.environ.get(name)]
    if named and library != "numba":
        return f"Unset {', '.join(named)}: {library} brings its own data."
    return f"python -m pip install --force-reinstall --no-deps {library}"
