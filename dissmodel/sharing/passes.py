"""The same for each of several experiments: every one is looked at before the first is moved."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from dissmodel.errors import ConsentRequired, DissmodelError
from dissmodel.storage.transfer import Pool


class Sized(Protocol):
    """What has bytes to move."""

    @property
    def size(self) -> int:
        """The bytes."""


Key = TypeVar("Key")
Looked = TypeVar("Looked", bound=Sized)
Moved = TypeVar("Moved")


def in_two_passes(
    pool: Pool,
    phase: str,
    keys: Sequence[Key],
    *,
    look: Callable[[Key], Looked],
    move: Callable[[Looked], Moved],
) -> tuple[tuple[Moved, ...], dict[Key, DissmodelError], tuple[Key, ...]]:
    """Return what was moved; the error of each that was not; and those that were not tried.

    Raises
    ------
    ConsentRequired
        If `look` raised it for any.
    DissmodelError
        If there is one key only, and it failed.
    """
    pool.expect("verify")
    looked = pool.each(look, keys)
    for one in looked:
        if isinstance(one, ConsentRequired):
            raise one
    ready = [one for one in looked if one is not None and not isinstance(one, DissmodelError)]
    pool.expect(phase, sum(one.size for one in ready))
    moved = iter(pool.each(move, ready))
    outcomes = [one if one is None or isinstance(one, DissmodelError) else next(moved) for one in looked]
    failures = {key: one for key, one in zip(keys, outcomes, strict=True) if isinstance(one, DissmodelError)}
    if len(keys) == 1 and failures:
        raise failures[keys[0]]
    return (
        tuple(one for one in outcomes if one is not None and not isinstance(one, DissmodelError)),
        failures,
        tuple(key for key, one in zip(keys, outcomes, strict=True) if one is None),
    )
