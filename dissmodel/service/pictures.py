"""Pictures of results, drawn once each: a cache that can be deleted."""

from __future__ import annotations

import threading
from pathlib import Path

from dissmodel.errors import StorageError, UsageError
from dissmodel.experiment.layout import RECORD
from dissmodel.experiment.source import placed
from dissmodel.record.store import write_atomically
from dissmodel.service import foreign
from dissmodel.service.refusals import refused
from dissmodel.service.service import Service

_MOST = 1000
_MOST_BYTES = 1 << 30
_ONE = threading.Lock()  # drawing takes a processor and much memory
_UNDRAWN: set[Path] = set()  # what this process could not draw, which it does not try again


def picture(service: Service, experiment: str) -> bytes:
    """Return the picture of an experiment's result as a PNG: before, after and change.

    Raises
    ------
    DissmodelError
        If there is no such experiment, it did not complete, or there is nothing to draw
        (code ``"no_picture"``).
    """
    record = service.completed(experiment)
    folder = service.settings.data_dir / "pictures"
    file = folder / f"{experiment}.png"
    if sum(one.size or 0 for one in record.files.values()) > _MOST_BYTES:
        raise _none(experiment, "the result is too large to be drawn here")
    found = _known(file)
    if found is None:
        with _ONE:
            found = _known(file)  # who waited may find it
            if found is None:
                found = _draw(service, experiment, file)
    if not found:
        raise _none(experiment, "its result is no map that can be drawn")
    return found


def _known(file: Path) -> bytes | None:
    """Return the picture that is kept in a file; nothing if it can't be drawn, None if nobody tried."""
    if file in _UNDRAWN:
        return b""
    try:
        return file.read_bytes()
    except FileNotFoundError:
        return None


def _draw(service: Service, experiment: str, file: Path) -> bytes:
    with placed(service.truth.experiment(experiment), RECORD) as source:
        source.bring()
        try:
            foreign.run("dissmodel", "record", "show", str(source.path), "--preview", "--json")
        except StorageError:
            if len(_UNDRAWN) >= _MOST:
                _UNDRAWN.clear()
            _UNDRAWN.add(file)
            return b""
        drawn = next(source.path.parent.glob("*.preview.png")).read_bytes()
    keep(file, drawn)
    return drawn


def keep(file: Path, made: bytes) -> None:
    """Keep what was made of an experiment, and of its kind the latest thousand."""
    file.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(file, made)
    found = sorted(file.parent.glob(f"*{file.suffix}"), key=lambda one: one.stat().st_mtime)
    for one in found[:-_MOST]:
        one.unlink(missing_ok=True)


def _none(experiment: str, why: str) -> UsageError:
    return refused("no_picture", f"There is no picture of {experiment}: {why}.")
