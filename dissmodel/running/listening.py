"""What a model says while it runs: where it is, what it warns of, what it prints."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Iterator, Mapping

from dissmodel import progress
from dissmodel.progress import Reporter, reporting_warnings
from dissmodel.record.redact import redact

MAX_LINES = 10_000
MAX_LINE = 2_000


class Listener:
    """A reporter that passes everything on and keeps what belongs in the record.

    `shown_as` has texts that mean nothing to a reader, such as the path of the scratch folder → what replaces
    them. `current` is the phase that the run is in; `lines` are warnings and printed lines, bounded.
    """

    def __init__(self, reporter: Reporter, shown_as: Mapping[str, str]) -> None:
        self._reporter = reporter
        self._shown_as = shown_as
        self.current = "open"
        self.lines: list[str] = []

    def phase(self, name: str) -> None:
        """Keep and pass on."""
        self.current = name
        self._reporter.phase(name)

    def step(self, done: int, total: int, cells: int = 0) -> None:
        """Pass on."""
        self._reporter.step(done, total, cells)

    def note(self, text: str) -> None:
        """Pass on."""
        progress.note(text, self._reporter)

    def transferred(self, done: int, total: int) -> None:
        """Pass on."""
        self._reporter.transferred(done, total)

    def warn(self, message: str) -> None:
        """Keep and pass on."""
        message = self.fit(message)
        self._keep(f"warning: {message}")
        with contextlib.suppress(OSError):  # nobody reads it any more, or the disk with the log is full
            self._reporter.warn(message)

    def output(self, line: str) -> None:
        """Keep and pass on."""
        line = self.fit(line)
        self._keep(line)
        with contextlib.suppress(OSError):
            self._reporter.output(line)

    def fit(self, text: str) -> str:
        """Return a text as it may be shown and kept: without secrets and without the scratch folder."""
        for hidden, shown in self._shown_as.items():
            text = text.replace(hidden, shown)
        return redact(text)

    def _keep(self, line: str) -> None:
        if len(self.lines) < MAX_LINES:
            self.lines.append(line[:MAX_LINE])
        elif len(self.lines) == MAX_LINES:
            self.lines.append(f"… more than {MAX_LINES} lines: the rest was not kept")


class _WholeLines(io.TextIOBase):
    """A text stream that hands over whole lines."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._rest = ""

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            self._listener.output(line)
        if len(self._rest) > MAX_LINE:  # a model that never ends its line must not fill the memory
            # Between words, for half a secret would not be recognised.
            whole, _, self._rest = self._rest.rpartition(" ")
            if not whole:
                whole, self._rest = self._rest, ""
            self._listener.output(whole)
        return len(text)

    def finish(self) -> None:
        if self._rest:
            self._listener.output(self._rest)
            self._rest = ""


@contextlib.contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Within the block, progress, warnings and what is printed go to `listener`.

    What a model prints must not mix with the result on standard output; what libraries in C and processes of
    its own print goes to standard error.
    """
    stream = _WholeLines(listener)
    with _diverted(), reporting_warnings(listener), contextlib.redirect_stdout(stream):
        try:
            yield
        finally:
            stream.finish()


@contextlib.contextmanager
def _diverted() -> Iterator[None]:
    """Within the block, the system's standard output is standard error; then both are what they were."""
    kept: dict[int, int] = {}
    _flush()
    try:
        with contextlib.suppress(OSError):  # a process may have none
            kept = {number: os.dup(number) for number in (1, 2)}
            os.dup2(2, 1)
        yield
    finally:
        _flush()
        for number, copy in kept.items():
            os.dup2(copy, number)
            os.close(copy)


def _flush() -> None:
    for stream in (sys.__stdout__, sys.__stderr__):
        if stream is not None:
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
