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
    if file.exists():
        return file.read_bytes()
    if sum(one.size or 0 for one in record.files.values()) > _MOST_BYTES:
        raise _none(experiment, "the result is too large to be drawn here")
    with _ONE, placed(service.truth.experiment(experiment), RECORD) as source:
        source.bring()
        try:
            foreign.run("dissmodel", "record", "show", str(source.path), "--preview", "--json")
        except StorageError as error:
            raise _none(experiment, "its result is no map that can be drawn") from error
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
