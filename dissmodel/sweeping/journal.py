"""The journal of a sweep: a line for each run that ended. It is a cache of the runs' records."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, BinaryIO

from dissmodel import temporary
from dissmodel.errors import StorageError, disk_errors
from dissmodel.sweeping.runs import COMPLETED, GO_ON, EndedRun

_LONGEST = 1 << 20
_MOST_KEPT = 20_000
# How a line begins; the rest is read when it is asked for.
_LINE = re.compile(rb'\{"key": "([0-9a-f]{64})", "status": "([a-z]{1,20})", [^\n]*\}\n')
_NAMES = tuple(one.name for one in fields(EndedRun))


@dataclass(frozen=True)
class Header:
    """The first line: how many rows and runs the plan has, and the files that determine the runs.

    `asked` is the digest of what was asked for; `files` is what `dissmodel.sweeping.standing.determining`
    returns. `began` is when the command began, in seconds since 1970, with `ended` runs.
    """

    rows: int
    runs: int
    began: float
    ended: int
    asked: str = ""
    files: Mapping[str, str] | None = None


class Journal:
    """The lines of a journal, each found by its run's key; about 200 bytes of memory for each."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.header: Header | None = None
        self._places: dict[bytes, tuple[int, bool]] = {}
        self._stream: BinaryIO | None = None
        self._reader: BinaryIO | None = None
        self._end = 0
        self._kept: dict[str, EndedRun] = {}

    @classmethod
    def read(cls, path: Path) -> Journal:
        """Return the journal at a path; lines that a killed process wrote in part are left out.

        Raises
        ------
        StorageError
            If the file is there and can't be read.
        """
        journal = cls(path)
        if not path.exists():
            return journal
        with (
            disk_errors(f"{path}: can't be read", "Remove it: it is written anew."),
            path.open("rb") as stream,
        ):
            for line in stream:
                journal._note(line)
        return journal

    def _note(self, line: bytes) -> None:
        found = _LINE.fullmatch(line)
        if found is not None:
            self._places[bytes.fromhex(found[1].decode())] = self._end, found[2] == b"completed"
        elif not self._end:
            self.header = _header(line)
        self._end += len(line)

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, key: str) -> bool:
        return bytes.fromhex(key) in self._places

    def has_completed(self, key: str) -> bool:
        """Return whether a run completed."""
        return self._places.get(bytes.fromhex(key), (0, False))[1]

    def completed(self) -> Iterator[str]:
        """Yield the keys of the runs that completed."""
        return (key.hex() for key, (_, is_whole) in self._places.items() if is_whole)

    def count(self) -> tuple[int, int]:
        """Return how many runs completed, and how many did not."""
        whole = sum(is_whole for _, is_whole in self._places.values())
        return whole, len(self._places) - whole

    def get(self, key: str) -> EndedRun | None:
        """Return how a run ended; None if it has not."""
        if key in self._kept:
            return self._kept[key]
        place = self._places.get(bytes.fromhex(key))
        if place is None:
            return None
        with disk_errors(f"{self.path}: can't be read"):
            if self._reader is None:
                self._reader = self.path.open("rb")
            self._reader.seek(place[0])
            return self._keep(_ended(self._reader.readline(_LONGEST)))

    def _keep(self, ended: EndedRun) -> EndedRun:
        if len(self._kept) < _MOST_KEPT or ended.key in self._kept:
            self._kept[ended.key] = ended
        return ended

    def ended(self) -> Iterator[EndedRun]:
        """Yield how each run ended, in the order in which they ended."""
        return filter(None, (self.get(key.hex()) for key in self._places))

    def forget(self, key: str) -> None:
        """Leave a run out: its files are not there any more."""
        self._places.pop(bytes.fromhex(key), None)
        self._kept.pop(key, None)

    def begin(self, header: Header) -> None:
        """Write the journal anew with a header and the lines that count, and let it be added to.

        Raises
        ------
        StorageError
            If it can't be written.
        """
        self.close()
        with disk_errors(f"{self.path}: can't be written", GO_ON):
            with temporary.new_file(self.path.parent) as stream:
                first = _line(asdict(header))
                stream.write(first)
                places, at = {}, len(first)
                if self._places:
                    with self.path.open("rb") as old:
                        for key, (place, is_whole) in self._places.items():
                            old.seek(place)
                            line = old.readline(_LONGEST)
                            places[key] = at, is_whole
                            at += stream.write(line)
                temporary.replace(stream, self.path)
            self._stream = self.path.open("ab")
        self.header, self._places, self._end = header, places, at

    def add(self, ended: EndedRun) -> None:
        """Add how a run ended.

        Raises
        ------
        StorageError
            If it can't be written.
        """
        assert self._stream is not None, "begin comes first"
        line = _line({name: getattr(ended, name) for name in _NAMES})
        try:
            self._stream.write(line)
            self._stream.flush()
        except OSError as error:
            raise StorageError(f"{self.path}: can't be written: {error.strerror}.", GO_ON) from error
        self._places[bytes.fromhex(ended.key)] = self._end, ended.status == COMPLETED
        self._end += len(line)
        self._keep(ended)

    def close(self) -> None:
        """Let the file go."""
        for stream in (self._stream, self._reader):
            if stream is not None:
                stream.close()
        self._stream = self._reader = None


def _line(document: Mapping[str, Any]) -> bytes:
    return f"{json.dumps(document, ensure_ascii=True)}\n".encode()


def _ended(line: bytes) -> EndedRun:
    document = json.loads(line)
    return EndedRun(**{name: document[name] for name in _NAMES if name in document})


def _header(line: bytes) -> Header | None:
    try:
        return header_of(json.loads(line))
    except (ValueError, RecursionError):
        return None


def header_of(document: Any) -> Header | None:
    """Return the header that a document is; None if it is none: a file is not trusted."""
    try:
        header = Header(**{one.name: document[one.name] for one in fields(Header)})
    except (TypeError, KeyError):
        return None
    counts = (header.rows, header.runs, header.began, header.ended)
    numbers = all(isinstance(one, int | float) for one in counts)
    is_one = numbers and isinstance(header.files, dict | None) and isinstance(header.asked, str)
    return header if is_one else None
