"""How work reports its progress, without knowing the listener.

The caller enters `reporting`; the work calls `current`. A thread that reports needs the reporter, because a
context variable does not reach other threads.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol, TypeVar

from dissmodel.errors import DissmodelWarning


class Reporter(Protocol):
    """Who hears of the progress of work."""

    def phase(self, name: str) -> None:
        """A phase begins: ``validate``, ``load``, ``run`` or ``save``."""

    def step(self, done: int, total: int, cells: int = 0) -> None:
        """`done` of `total` steps of this phase are done; each works on `cells` cells (0: not known)."""

    def transferred(self, done: int, total: int) -> None:
        """`done` of `total` bytes of this phase are read or written."""

    def warn(self, message: str) -> None:
        """A warning to the user; the work goes on."""

    def output(self, line: str) -> None:
        """A line that the model printed."""


class Silent:
    """A reporter that shows nothing."""

    def phase(self, name: str) -> None:
        """Show nothing."""

    def step(self, done: int, total: int, cells: int = 0) -> None:
        """Show nothing."""

    def transferred(self, done: int, total: int) -> None:
        """Show nothing."""

    def warn(self, message: str) -> None:
        """Show nothing."""

    def output(self, line: str) -> None:
        """Show nothing."""


class Heard(Silent):
    """A reporter that keeps the warnings."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warn(self, message: str) -> None:
        """Keep it."""
        self.warnings.append(message)


_R = TypeVar("_R", bound=Reporter)
_NOBODY = Silent()
_current: ContextVar[Reporter] = ContextVar("dissmodel_reporter", default=_NOBODY)


def current() -> Reporter:
    """Return the reporter of the work that is going on, a silent one by default."""
    return _current.get()


def note(text: str, reporter: Reporter | None = None) -> None:
    """Say what a long step is doing, where the reporter has a method ``note`` that shows it."""
    show = getattr(reporter or current(), "note", None)
    if show is not None:
        show(text)


def is_reported() -> bool:
    """Tell whether a caller has entered `reporting`."""
    return current() is not _NOBODY


@contextmanager
def reporting(reporter: _R) -> Iterator[_R]:
    """Make `reporter` the current one within the block."""
    token = _current.set(reporter)
    try:
        yield reporter
    finally:
        _current.reset(token)


@contextmanager
def reporting_warnings(reporter: _R) -> Iterator[_R]:
    """As `reporting`; the reporter also hears warnings: those for a user, and others as printed lines."""

    def show(message: Warning | str, category: type[Warning], *_where: Any, **_kw: Any) -> None:
        if issubclass(category, DissmodelWarning):
            reporter.warn(str(message))
        else:
            reporter.output(f"{category.__name__}: {message}")

    with reporting(reporter), warnings.catch_warnings():
        warnings.simplefilter("always", DissmodelWarning)
        warnings.showwarning = show
        yield reporter
