"""What is the same for many runs of a process, observed once."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

T = TypeVar("T")

_found: ContextVar[dict[Hashable, Any] | None] = ContextVar("dissmodel_observed", default=None)
_latest: tuple[str, dict[Hashable, Any]] = ("", {})


@contextmanager
def kept(work: str) -> Iterator[None]:
    """For the block, take files of code, checkouts and packages as they were first observed in this `work`.

    The work is many runs, such as those of a sweep, and `work` is a text that no other work has. Blocks of
    the same work in this process, one after the other, share what they observed: the process has loaded the
    code of the first run, whatever became of its files since. The next work observes anew. Outside of such
    blocks every run observes for itself: somebody in a notebook may install a package between two runs.
    """
    global _latest  # noqa: PLW0603  (the observations of a process)
    if _latest[0] != work:
        _latest = (work, {})
    token = _found.set(_latest[1])
    try:
        yield
    finally:
        _found.reset(token)


def once(what: Hashable, observe: Callable[[], T]) -> T:
    """Return what `observe` returns, in a `kept` block what it returned there first; nobody may change it.

    `what` names the observation and all that it depends on.
    """
    found = _found.get()
    if found is None:
        return observe()
    if what not in found:
        found[what] = observe()
    value: T = found[what]
    return value
