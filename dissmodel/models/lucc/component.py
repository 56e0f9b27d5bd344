"""Parts of a model that a package may bring: found by their kind."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import entry_points
from typing import ClassVar, Self, TypeVar

from dissmodel.errors import UsageError, did_you_mean

T = TypeVar("T")

GROUP = "dissmodel.lucc"
"""The entry points of packages that bring potentials or allocations, each named after its kind."""


class Component:
    """A potential or an allocation.

    A package adds its own as a subclass with a `kind`, in the module of its model or as an entry point of the
    group ``dissmodel.lucc``. `needs_grid`: it asks for neighbours. `called`: what it is, for people.
    """

    called: ClassVar[str]
    kind: ClassVar[str] = ""
    needs_grid: ClassVar[bool] = False

    @classmethod
    def kinds(cls) -> dict[str, type[Self]]:
        """Return the subclasses that are imported, by kind."""
        return {one.kind: one for one in _below(cls) if one.kind}

    @classmethod
    def of_kind(cls, kind: str) -> type[Self]:
        """Return the subclass of a kind.

        Raises
        ------
        UsageError
            If there is none.
        """
        if kind not in cls.kinds():
            for point in entry_points(group=GROUP, name=kind):
                point.load()
        known = cls.kinds()
        if kind not in known:
            raise UsageError(
                f"The model has no {cls.called} {kind!r}.", did_you_mean(kind, known), code="unknown_kind"
            )
        return known[kind]


def _below(cls: type[T]) -> Iterator[type[T]]:
    for one in cls.__subclasses__():
        yield one
        yield from _below(one)
