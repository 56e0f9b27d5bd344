"""Conway's Game of Life and all rules of its kind, on rasters and polygons.

Source: M. Gardner, "Mathematical games: the fantastic combinations of John Conway's new solitaire game
'life'", Scientific American 223(4), 1970, pp. 120-123. The notation ``B3/S23`` of a rule is that of Golly.
"""

from __future__ import annotations

import re

import numpy as np

from dissmodel.cells import CellModel, CellSpace, Classes, Parameter
from dissmodel.errors import UsageError
from dissmodel.executor import ExperimentRecord

_RULE = re.compile(r"B([0-8]*)/S([0-8]*)", re.IGNORECASE)


class GameOfLife(CellModel):
    """A cell is born or survives by the number of its living neighbours: any rule such as B3/S23."""

    name = "game_of_life"
    alive = Classes({0: "dead", 1: "alive"}, colours={0: "#ffffff", 1: "#1b3a5b"})
    rule: str = Parameter(
        "B3/S23", description="Numbers of living neighbours with which a cell is born (B) or survives (S)"
    )

    def validate(self, record: ExperimentRecord) -> None:
        """Check the rule too."""
        super().validate(record)
        _tables(self.parameters(record).rule)

    def step(self, cells: CellSpace, now: int) -> None:  # noqa: ARG002  (every step is like the others)
        """Give each cell its next state."""
        born, survives = _tables(self.rule)
        near = cells.neighbors(self.alive == 1).sum()
        self.next.alive = np.where(self.alive == 1, survives[near], born[near])


def _tables(rule: str) -> tuple[np.ndarray[tuple[int], np.dtype[np.bool_]], ...]:
    """Return whether a cell is born, and whether one survives, by its number of living neighbours."""
    found = _RULE.fullmatch(rule.strip())
    if found is None:
        raise UsageError(f"rule = {rule!r} is not a rule of life.", "--param rule=B3/S23", code="parameter")
    tables = np.zeros((2, 256), np.bool_)
    for table, numbers in zip(tables, found.groups(), strict=True):
        table[[int(number) for number in numbers]] = True
    return tables[0], tables[1]
