"""Which run made an input: found by what records hold, wherever they are and whatever they are called."""

from __future__ import annotations

import contextlib
import itertools
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from dissmodel.bounded import contents
from dissmodel.record import store
from dissmodel.record.scan import FoundRecord, Summary, names, scan, summarise

MAX_NAMES = 20_000
"""How many names of the folder of an input a run looks at."""
MAX_RECORDS = 500
"""How many records there it looks into."""
MAX_BYTES = 64 << 20
"""How many bytes of them it reads."""

_ID = re.compile(r"[0-9A-Za-z_-]{1,64}")
_LONG_AGO = datetime.min.replace(tzinfo=UTC)

By = Literal["id and content", "id", "content"]


def find_origin(
    sha256: str, beside: Path, folders: Iterable[Path], tell: Callable[[str], object]
) -> Summary | None:
    """Return what the record of the run says that made a file; None if none is found.

    Looked at are ``<stem>.record.json`` beside the file; then, up to `MAX_NAMES`, `MAX_RECORDS` and
    `MAX_BYTES`, the others in its folder; then everything below `folders`. The first of these that has one
    decides, and of several there the original, not its reproductions, and the oldest.

    `beside` is the file, `folders` are where else records are; `tell` hears what was not searched.

    Raises InvalidInput if one of `folders` is not a folder.
    """
    elsewhere = itertools.chain.from_iterable([names(folder) for folder in folders])
    own = store.record_path(beside)
    if os.path.lexists(own):
        found = summarise(own)
        if found.record is not None and _made(found.record, sha256):
            return found.record
    return _oldest(_neighbours(beside.parent, tell), sha256) or _oldest(_readable(elsewhere, tell), sha256)


def _made(record: Summary, sha256: str) -> bool:
    return (
        record.status == "completed"
        and sha256 in record.digests
        and _ID.fullmatch(record.experiment_id) is not None
    )


def _oldest(paths: Iterable[Path], sha256: str) -> Summary | None:
    # Most files don't hold the digest at all: to look for it takes a tenth of the time that parsing does.
    found = (summarise(path).record for path in paths if _mentions(path, sha256))
    made = [record for record in found if record is not None and _made(record, sha256)]
    return min(made, key=_by_age, default=None)


def _by_age(record: Summary) -> tuple[bool, datetime]:
    return record.reproduces is not None, record.created_at or _LONG_AGO


def _mentions(path: Path, sha256: str) -> bool:
    with contextlib.suppress(OSError):
        return sha256.encode() in contents(path, store.MAX_BYTES)
    return False


def _neighbours(folder: Path, tell: Callable[[str], object]) -> list[Path]:
    """Return the records in a folder, as many as a run reads without being asked to."""
    try:
        with os.scandir(folder) as entries:
            seen = [entry.name for entry in itertools.islice(entries, MAX_NAMES + 1)]
        records = sorted(name for name in seen if name.endswith(store.SUFFIX))
        sizes = itertools.accumulate((folder / name).lstat().st_size for name in records[:MAX_RECORDS])
        fitting = [folder / name for name, size in zip(records, sizes, strict=False) if size <= MAX_BYTES]
    except OSError:
        return []
    if len(seen) > MAX_NAMES or len(fitting) < len(records):
        tell(
            f"{len(fitting)} of the records in the input's folder were searched for the run that made it, "
            "but not all. To search all of them: --records FOLDER"
        )
    return fitting


def _readable(found: Iterable[FoundRecord], tell: Callable[[str], object]) -> Iterator[Path]:
    for one in found:
        if one.error is not None:
            tell(one.error.message)
        else:
            yield one.path


@dataclass(frozen=True)
class Link:
    """The record of the run that made the input of another run.

    `by` is what the two have in common; `others` counts the other runs that made the same content.
    """

    path: Path
    experiment_id: str
    by: By
    others: int = 0


class Index:
    """The records of some folders, by id and by what their runs made.

    The folders are read at once, with all that is below; `unreadable` is what could not be read.
    """

    def __init__(self, folders: Iterable[Path] = ()) -> None:
        self.unreadable: list[FoundRecord] = []
        self._by_id: dict[str, dict[Path, Summary]] = {}
        self._by_digest: dict[str, dict[Path, Summary]] = {}
        self._seen: set[Path] = set()
        self._folders: set[Path] = set()
        for found in itertools.chain.from_iterable([scan(folder) for folder in folders]):
            self._add(found)

    def look_in(self, folder: Path) -> None:
        """Add the records in a folder, not those below; do nothing where it is none."""
        place = folder.absolute()
        # A record is only text: Path.is_dir would raise for a name that is too long.
        if place not in self._folders and os.path.isdir(place):  # noqa: PTH112
            self._folders.add(place)
            for found in scan(place, below=False):
                self._add(found)

    def origin(self, record: Summary) -> Link | None:
        """Return the record of the run that made a run's input.

        The record with the id that it notes decides. Where there is none, it is a run that made the same
        bytes and began earlier; of several the original, not its reproductions, and the oldest.
        """
        same = {
            path: one
            for path, one in self._by_digest.get(record.source.checksum, {}).items()
            if one.status == "completed" and one.experiment_id != record.experiment_id
        }
        named = self._by_id.get(record.derived_from or "", {})
        both = {path: one for path, one in named.items() if path in same}
        if named:
            best = _original(both or named)
            return Link(best, named[best].experiment_id, "id and content" if both else "id")
        until = record.created_at
        earlier = {
            path: one
            for path, one in same.items()
            if not (until and one.created_at and one.created_at > until)
        }
        if not earlier:
            return None
        best = _original(earlier)
        others = len({one.experiment_id for one in earlier.values()}) - 1
        return Link(best, earlier[best].experiment_id, "content", others)

    def _add(self, found: FoundRecord) -> None:
        path = found.path.absolute()
        if path in self._seen:
            return
        self._seen.add(path)
        if found.record is None:
            self.unreadable.append(found)
            return
        record = found.record
        self._by_id.setdefault(record.experiment_id, {})[found.path] = record
        for digest in record.digests - {""}:
            self._by_digest.setdefault(digest, {})[found.path] = record


def _original(records: Mapping[Path, Summary]) -> Path:
    return min(records, key=lambda path: _by_age(records[path]))
