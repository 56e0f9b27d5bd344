"""Designs: rows of values that are sampled, or read from a CSV."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from dissmodel.sweeping.values import Varied

Kind = Literal["lhs", "sobol", "morris", "file"]


@dataclass(frozen=True, kw_only=True)
class Design:
    """A sampled design.

    `size` is the number of rows of a Latin hypercube, of base samples of Sobol, of trajectories of Morris.
    `factors` is name → its bounds, or its levels.
    """

    kind: Kind
    size: int
    factors: Mapping[str, Varied] = field(default_factory=dict)
    seed: int = 0

    @property
    def names(self) -> tuple[str, ...]:
        """The factors, in the order in which they were given."""
        return tuple(self.factors)

    def __len__(self) -> int:
        return 0

    def rows(self) -> Iterator[Mapping[str, Any]]:
        """Yield the values of each row."""
        yield from ()
