"""Remove the records of runs that did not complete: they describe no result."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from dissmodel.consent import Consent
from dissmodel.errors import ConsentRequired
from dissmodel.experiment.statements import attestations
from dissmodel.record import sign
from dissmodel.record.digest import sha256_bytes, sha256_file
from dissmodel.record.scan import Summary, scan

_OVER = frozenset({"failed", "interrupted"})


@dataclass(frozen=True)
class PruneRequest:
    """What to remove.

    Attributes
    ----------
    folder : Path
        The records are in it or below; folders that are links are not followed.
    older_than : timedelta
        Only those of runs that began so long ago; 0: all.
    consent : Consent
        What the user agrees to: `yes` to whatever is found, or exactly what was shown.
    """

    folder: Path
    older_than: timedelta = timedelta()
    consent: Consent = field(default_factory=Consent)


@dataclass(frozen=True)
class Leftover:
    """The record of a run that did not complete, with its log: its bytes, and its sha256 as it was found."""

    path: Path
    record: Summary
    size: int
    sha256: str


@dataclass(frozen=True)
class Leftovers:
    """What may be removed; and of the records of runs that did not complete those that stay, and why."""

    found: tuple[Leftover, ...]
    kept: tuple[tuple[Path, str], ...]

    @property
    def size(self) -> int:
        """Bytes of all that may be removed."""
        return sum(one.size for one in self.found)


@dataclass(frozen=True)
class Pruned:
    """What was removed; and what was left, and why."""

    removed: tuple[Leftover, ...]
    kept: tuple[tuple[Path, str], ...]
    failures: tuple[tuple[Path, str], ...] = ()

    @property
    def freed(self) -> int:
        """Bytes that were removed."""
        return sum(one.size for one in self.removed)


def leftovers(request: PruneRequest) -> Leftovers:
    """Return the records that `prune` would remove; nothing is changed.

    Raises
    ------
    InvalidInput
        If there is no such folder.
    """
    latest = datetime.now(UTC) - request.older_than
    found: list[Leftover] = []
    kept: list[tuple[Path, str]] = []
    for one in scan(request.folder):
        record = one.record
        if record is None or record.status not in _OVER:
            continue
        if request.older_than and (record.created_at is None or record.created_at > latest):
            continue
        why = next(_reasons(one.path, record), None)
        if why is None:
            found.append(Leftover(one.path, record, one.path.stat().st_size, sha256_file(one.path)))
        else:
            kept.append((one.path, why))
    return Leftovers(tuple(found), tuple(kept))


def prune(request: PruneRequest) -> Pruned:
    """Remove the records of runs that did not complete, if the user agrees; no other file.

    A record that changes before its removal stays.

    Raises
    ------
    ConsentRequired
        If the user has not agreed to remove exactly these.
    InvalidInput
        If there is no such folder.
    """
    there = leftovers(request)
    what = sha256_bytes(b"\n".join(one.sha256.encode() + os.fsencode(one.path) for one in there.found))
    if there.found and not (request.consent.yes or what in request.consent.agreed):
        count = len(there.found)
        refused = ConsentRequired(
            f"{count} record{'s' * (count != 1)} of runs that did not complete would be removed from"
            f" {request.folder}: {there.size:,} bytes.",
        )
        refused.what = what
        raise refused
    removed: list[Leftover] = []
    kept, failures = list(there.kept), []
    for one in there.found:
        try:
            if _is_regular(one.path) and sha256_file(one.path) == one.sha256:
                one.path.unlink()
                removed.append(one)
            else:
                kept.append((one.path, "it has changed"))
        except FileNotFoundError:
            continue
        except OSError as error:
            failures.append((one.path, f"can't be removed: {error.strerror or error}"))
    return Pruned(tuple(removed), tuple(kept), tuple(failures))


def _reasons(path: Path, record: Summary) -> Iterator[str]:
    """Yield why a record stays."""
    if not _is_regular(path):
        yield "it is a link, not a file"
    if record.digests or record.output_path:
        yield "it names a result"
    if os.path.lexists(sign.signature_path(path)) or attestations(path):
        yield "it has a signature or a statement"


def _is_regular(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False
