"""Libraries and models that may be broken: each is tried in a process of its own."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import dissmodel
from dissmodel.environments.process import Ended, finished
from dissmodel.executor.findings import Collector, Severity, nearest_folder

_SECONDS = 10.0
_GRACE_S = 3.0
_DATA_VARIABLES = ("PROJ_DATA", "PROJ_LIB", "GDAL_DATA", "GDAL_DRIVER_PATH")
_SLOWER = "The models compute the same without it, slower."
_START = (
    "import sys; sys.path.append(sys.argv.pop(1)); from dissmodel.actions.health.probe import main; main()"
)


@dataclass(frozen=True)
class _Probed:
    """What a probe said: findings, what it was doing when it ended too early, and how that was."""

    said: tuple[dict[str, str], ...]
    doing: str = ""
    end: str = ""


def look_at_library(found: Collector) -> None:
    """Find out whether the library that the collector names works: import it, and have it do a little."""
    probed = _probe(found.subject)
    for one in probed.said:
        hint = _library_hint(found.subject) if one["hint"] else ""
        found.add(cast("Severity", one["severity"]), one["message"], hint)
    if probed.doing and found.subject == "numba":
        found.add("warning", f"{probed.doing}: {probed.end}. {_SLOWER}", _library_hint(found.subject))
    elif probed.doing:
        found.add("error", f"{probed.doing}: {probed.end}", _library_hint(found.subject))


def look_at_models(found: Collector) -> None:
    """Find out which of the models that installed packages offer can't be loaded."""
    loaded: list[str] = []
    broken: list[str] = []
    while True:
        probed = _probe("models", *loaded, *broken)
        for one in probed.said:
            if one["severity"] == "ok":
                loaded.append(one["message"])
            else:
                broken.append(one["doing"])
                found.add("error", one["message"], one["hint"])
        if not probed.doing:
            break
        broken.append(probed.doing)
        package = probed.doing.partition("/")[0]
        hint = "" if package == "builtin" else f"Mend or remove the package: pip uninstall {package}"
        found.add("error", f"The model {probed.doing} can't be loaded: {probed.end}.", hint)
        if "answer" in probed.end or not probed.doing:  # the others would wait for as long
            break
    if loaded:
        found.add("ok", f"{len(loaded)} can be loaded: {', '.join(loaded)}")
    elif not broken:
        found.add("warning", "no package offers one", "Install dissmodel again, from where you had it.")


def look_at_numba_cache(found: Collector) -> None:
    """Find out whether compiled kernels can be kept, and whether some are."""
    from platformdirs import user_cache_dir  # noqa: PLC0415  (help doesn't need it)

    # The built-in models' own folder: they are plugins, and nothing of theirs is imported here.
    given = os.environ.get("NUMBA_CACHE_DIR")
    folder = Path(given or Path(user_cache_dir("dissmodel", appauthor=False)) / "numba").absolute()
    try:
        tempfile.TemporaryFile(dir=nearest_folder(folder)).close()
    except OSError as error:
        found.add(
            "warning",
            f"{folder} can't be written ({error.strerror or error}): each long run compiles anew",
            "Set NUMBA_CACHE_DIR to a folder of yours.",
        )
        return
    kept = next(folder.glob("dissmodel-*/*/*.nbi"), None) is not None
    state = "compiled kernels are kept there" if kept else "no kernel there yet, the first long run compiles once"
    found.add("ok", f"{folder}: {state}")


def _probe(kind: str, *left_out: str) -> _Probed:
    root = str(Path(dissmodel.__file__).parents[1])
    words = [sys.executable, "-P", "-c", _START, root, str(_SECONDS), kind, *left_out]
    try:
        ended = finished(words, env=os.environ, patience=_SECONDS + _GRACE_S, folder=Path())
    except subprocess.TimeoutExpired:
        return _Probed((), kind, _no_answer())
    said: list[dict[str, str]] = []
    doing = ""
    for line in ended.out.splitlines():
        with contextlib.suppress(ValueError):  # it was killed in mid-line
            told: dict[str, Any] = json.loads(line)
            if "severity" in told:
                said.append({"hint": "", "doing": doing, **told})
                doing = doing if ended.code and kind != "models" else ""
            else:
                doing = told["doing"]
    return _Probed(tuple(said), "" if ended.code == 0 else doing or "start", _end_of(ended))


def _end_of(ended: Ended) -> str:
    lines = [line.strip() for line in ended.err.splitlines() if line.strip()]
    if any(line.startswith("Timeout (") for line in lines):
        return _no_answer()
    if lines and not lines[0].startswith("Fatal Python error"):
        return lines[-1].rstrip(".")
    return f"the process ended with {ended.code}" + (f", {lines[0]}" if lines else "")


def _no_answer() -> str:
    return f"no answer within {_SECONDS:.0f} s"


def _library_hint(library: str) -> str:
    named = [f"{name} ({os.environ[name]})" for name in _DATA_VARIABLES if os.environ.get(name)]
    if named and library != "numba":
        return f"Unset {', '.join(named)}: {library} brings data of its own."
    return f"python -m pip install --force-reinstall --no-deps {library}"
