"""The classes that a band or a column may hold, as a map shows them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class CellClass:
    """A class of cells: its code in the data, its name and its colour on a map (``#rrggbb``)."""

    code: int
    name: str
    colour: str


Legend: TypeAlias = tuple[CellClass, ...]
"""Every class of a band or a column, in the order of the legend."""
