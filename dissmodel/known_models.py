"""The models of this environment and what they take, as commands last found them: a shell completes them.

They are in a file of the cache, which can be removed at any time. What is in it holds only as long as the
files where it was found are as they were: nothing is used once a package, a registry or a model changed.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import site
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from dissmodel import __version__
from dissmodel.bounded import contents
from dissmodel.config import UserSettings, load_settings
from dissmodel.errors import DissmodelError

_GROUPS = ("dissmodel.executors", "dissmodel.aliases")
_MAX_BYTES = 8 << 20
_MOST = 500
_LONGEST = 200

Stamp: TypeAlias = "list[int] | None"
"""When a file was changed last, in nanoseconds, and its size; None where there is no file."""

# What was in the file when it was looked at last: its path, its stamp, and the entries of models.
_seen: tuple[str, Stamp, dict[str, Any]] = ("", None, {})


@dataclass(frozen=True)
class KnownParameter:
    """A parameter by one of its names: what it is, and the texts that it takes, if these are declared."""

    name: str
    description: str = ""
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class KnownModel:
    """A model as it was asked for, by its name, its TOML or both, and what it takes.

    That holds as long as the `files` where it is declared don't change; `version` is that of an environment.
    """

    model: str | None
    toml: Path | None
    parameters: tuple[KnownParameter, ...]
    files: frozenset[str]
    version: str = ""

    def entry(self) -> dict[str, Any]:
        """Return it as the file has it."""
        return {
            "version": self.version,
            "files": {path: _stamp(path) for path in sorted(self.files)},
            "rows": [[one.name, one.description[:_LONGEST], [*one.choices]] for one in self.parameters],
        }


def models() -> Mapping[str, str]:
    """Return the names of all models → what each is; those of packages only where the file is out of date.

    Raises DissmodelError if the settings can't be read.
    """
    settings = load_settings()
    part = _read(settings).get("models")
    if isinstance(part, dict) and part.get("state") == _state(settings):
        return _texts(part.get("names"))
    from importlib.metadata import entry_points  # noqa: PLC0415  (it takes half of the time of a completion)

    return {point.name: "" for group in _GROUPS for point in entry_points(group=group)}


def parameters(model: str | None, toml: Path | None = None) -> tuple[KnownParameter, ...]:
    """Return the parameters of a model; none if it was not used yet, or has changed since.

    Raises DissmodelError if the settings can't be read.
    """
    entries = _read(load_settings()).get("parameters")
    entry = entries.get(_key(model, toml)) if isinstance(entries, dict) else None
    if not isinstance(entry, dict) or not _holds(entry.get("files")):
        return ()
    rows = entry.get("rows")
    return tuple(
        KnownParameter(row[0], row[1], tuple(row[2]))
        for row in (rows if isinstance(rows, list) else ())
        if isinstance(row, list) and len(row) == len(("name", "description", "choices"))
    )


def is_noted(model: str | None, toml: Path | None, version: str) -> bool:
    """Tell whether the parameters of a model are kept, as they are now; `version` is its environment's."""
    global _seen  # noqa: PLW0603  (a run is not to read the file each time)
    path, stamp, entries = _seen
    if stamp is None or _stamp(path) != stamp:
        with contextlib.suppress(DissmodelError):
            settings = load_settings()
            path = str(_path(settings))
            stamp, found = _stamp(path), _read(settings).get("parameters")
            entries = found if isinstance(found, dict) else {}
            _seen = path, stamp, entries
    entry = entries.get(_key(model, toml))
    return isinstance(entry, dict) and entry.get("version") == version and _holds(entry.get("files"))


def note(found: Iterable[KnownModel], names: Mapping[str, str] | None = None) -> None:
    """Keep what models take, and the names of all models → what each is, empty if that was not looked at."""
    with contextlib.suppress(DissmodelError, OSError):  # without the file a shell completes less
        settings = load_settings()
        document = _read(settings)
        before = json.dumps(document)
        if names is not None:
            part = document.get("models")
            known = _texts(part.get("names")) if isinstance(part, dict) else {}
            texts = {name: text[:_LONGEST] or known.get(name, "") for name, text in names.items()}
            document["models"] = {"state": _state(settings), "names": texts}
        entries = document.get("parameters")
        entries = entries if isinstance(entries, dict) else {}
        for one in found:
            key = _key(one.model, one.toml)
            entries.pop(key, None)  # the latest comes last
            entries[key] = one.entry()
        document["parameters"] = dict(list(entries.items())[-_MOST:])
        if json.dumps(document) != before:
            _write(settings, document)


def _key(model: str | None, toml: Path | None) -> str:
    file, is_file, name = (model or "").partition(".py")
    named = f"{os.path.realpath(file)}.py{name}" if is_file else file
    return named if toml is None else f"{named} {os.path.realpath(toml)}"


def _state(settings: UserSettings) -> dict[str, Any]:
    """Return all that determines which models there are."""
    registries = settings.data_dir / "registries"
    places = [*site.getsitepackages(), site.getusersitepackages()]
    places += [place for place in os.environ.get("PYTHONPATH", "").split(os.pathsep) if place]
    places.append(str(registries))
    with contextlib.suppress(OSError):
        places += [str(registries / name / "state.json") for name in sorted(os.listdir(registries))]  # noqa: PTH208
    named = {name: one.url for name, one in settings.registries.items()}
    places += [os.path.join(url, "models") for url in named.values() if os.path.isabs(url)]  # noqa: PTH117, PTH118
    # A URL may hold a token.
    digest = hashlib.sha256(json.dumps(named, sort_keys=True).encode()).hexdigest()
    return {"dissmodel": __version__, "set": digest, "files": {place: _stamp(place) for place in places}}


def _stamp(path: str) -> Stamp:
    try:
        status = os.stat(path)  # noqa: PTH116  (a text, many times)
    except (OSError, ValueError):
        return None
    return [status.st_mtime_ns, status.st_size]


def _holds(files: object) -> bool:
    return isinstance(files, dict) and all(_stamp(path) == stamp for path, stamp in files.items())


def _texts(found: object) -> dict[str, str]:
    return {name: str(text) for name, text in found.items()} if isinstance(found, dict) else {}


def _path(settings: UserSettings) -> Path:
    environment = hashlib.sha256(sys.prefix.encode()).hexdigest()[:16]
    return settings.cache_dir / "completion" / f"{environment}.json"


def _read(settings: UserSettings) -> dict[str, Any]:
    with contextlib.suppress(OSError, ValueError, RecursionError):
        document = json.loads(contents(_path(settings), _MAX_BYTES))
        if isinstance(document, dict):
            return document
    return {}


def _write(settings: UserSettings, document: Mapping[str, Any]) -> None:
    from dissmodel.record.store import write_atomically  # noqa: PLC0415  (completion only reads)

    path = _path(settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, json.dumps(document).encode())
