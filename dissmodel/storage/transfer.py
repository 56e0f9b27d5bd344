"""Many transfers at once: a bounded pool, one count of bytes, and one end for all."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, TypeVar

from dissmodel.errors import ConsentRequired, DissmodelError
from dissmodel.progress import Reporter
from dissmodel.workers import Workers


class Sized(Protocol):
    """An experiment with bytes to move."""

    @property
    def size(self) -> int:
        """The bytes."""


Item = TypeVar("Item")
Key = TypeVar("Key")
Looked = TypeVar("Looked", bound=Sized)
Result = TypeVar("Result")

WORKERS = 16
"""How many transfers go on at once; most of their time they wait for an answer."""

# What is wrong with the place, not with one object in it: the next transfer would only meet it again.
_HOPELESS = frozenset({"storage_denied", "storage_missing", "storage_unreachable", "credentials_missing"})


class _Stopped(BaseException):
    """Raised within a transfer whose result is no longer needed; no error, so nothing retries it."""


class Pool:
    """Applies a function to many items at once, and reports the transferred bytes.

    >>> from dissmodel.progress import Silent
    >>> Pool(Silent()).each(str.upper, ["a", "b"])
    ['A', 'B']
    """

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._done = 0
        self._total = 0

    def expect(self, phase: str, total: int = 0) -> None:
        """Begin a phase of `total` bytes; 0 where they aren't counted."""
        with self._lock:
            self._done, self._total = 0, total
            self._reporter.phase(phase)
            if total:
                self._reporter.transferred(0, total)

    @contextlib.contextmanager
    def moving(self, size: int) -> Iterator[Callable[[int], None]]:
        """Give the function that one transfer of `size` bytes calls with each further number of bytes.

        A transfer that was tried again counts once, and after the block it counts in full.
        """
        counted = 0

        def count(number: int) -> None:
            nonlocal counted
            if self._stop.is_set():
                raise _Stopped
            more = max(0, min(number, size - counted))
            counted += more
            self._add(more)

        yield count
        self._add(size - counted)

    def each(
        self, work: Callable[[Item], Result], items: Sequence[Item]
    ) -> list[Result | DissmodelError | None]:
        """Return the result of `work` for each item, in their order.

        It is the error where there was one, and None for an item that was not tried, because another item had
        shown that the place does not work at all.
        """
        hopeless = threading.Event()

        def one(item: Item) -> Result | DissmodelError | None:
            if hopeless.is_set() or self._stop.is_set():
                return None
            try:
                return work(item)
            except DissmodelError as error:
                if error.code in _HOPELESS:
                    hopeless.set()
                return error

        with Workers(max(1, min(WORKERS, len(items)))) as pool:
            futures = [pool.submit(one, item) for item in items]
            try:
                return [future.result() for future in futures]
            except BaseException:
                self._stop.set()
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def in_two_passes(
        self,
        phase: str,
        keys: Sequence[Key],
        *,
        look: Callable[[Key], Looked],
        move: Callable[[Looked], Result],
    ) -> tuple[tuple[Result, ...], dict[Key, DissmodelError], tuple[Key, ...]]:
        """Look at all experiments before the first is moved.

        Return what was moved; the error of each that was not; and those that were not tried. Raises
        ConsentRequired if `look` raised it for any, and the error of the only key if that failed.
        """
        self.expect("verify")
        looked = self.each(look, keys)
        for one in looked:
            if isinstance(one, ConsentRequired):
                raise one
        ready = [one for one in looked if one is not None and not isinstance(one, DissmodelError)]
        self.expect(phase, sum(one.size for one in ready))
        moved = iter(self.each(move, ready))
        outcomes = [one if one is None or isinstance(one, DissmodelError) else next(moved) for one in looked]
        failures = {
            key: one for key, one in zip(keys, outcomes, strict=True) if isinstance(one, DissmodelError)
        }
        if len(keys) == 1 and failures:
            raise failures[keys[0]]
        return (
            tuple(one for one in outcomes if one is not None and not isinstance(one, DissmodelError)),
            failures,
            tuple(key for key, one in zip(keys, outcomes, strict=True) if one is None),
        )

    def output(self, line: str) -> None:
        """Report a line."""
        with self._lock:
            self._reporter.output(line)

    def _add(self, number: int) -> None:
        with self._lock:
            self._done += number
            if self._total:
                self._reporter.transferred(self._done, self._total)
