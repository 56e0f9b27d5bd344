"""A town that grows by as many cells as are needed, where land is suitable and the town is near.

Source: R. White, G. Engelen and I. Uljee, "The use of constrained cellular automata for high-resolution
modelling of urban land-use dynamics", Environment and Planning B 24(3), 1997, pp. 323-343,
doi:10.1068/b240323; here with one active land use.

The potential of a cell to be urban is v s (1 + Σ m_d n_d) + H: its suitability s, the number n_d of urban
cells in each ring d around it with the ring's weight m_d, the inertia H if it is urban already, and a
perturbation v = 1 + (-ln u)^alpha with a random number u. Each year the cells with the highest potential are
urban, as many as the demand says; of equal ones those that come first in visiting order.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dissmodel.cells import CellModel, CellSpace, Classes, Numbers, Parameter, Table
from dissmodel.errors import InvalidInput
from dissmodel.executor import ExperimentRecord

OPEN, URBAN, FIXED = 0, 1, 2


class UrbanGrowth(CellModel):
    """A town grows where land is suitable and the town is near, by as many cells as are needed."""

    name = "urban_growth"
    land = Classes({0: "open", 1: "urban", 2: "fixed"}, colours={0: "#e6e2c3", 1: "#b2182b", 2: "#7fa6c9"})
    suitability = Numbers(ge=0, le=1, changes=False)
    demand: Table = Table(
        columns={"year": int, "cells": int},
        key="year",
        unit="cells",
        ge=0,
        description="Urban cells at the end of each year",
    )
    start_year: int = Parameter(2020, description="The year of the input")
    weights: tuple[float, ...] = Parameter(
        (1.0, 0.5, 0.25, 0.1, 0.05, 0.02),
        description="Of an urban cell in each ring, up to 1, 2, … cells away; negative where it repels",
    )
    alpha: float = Parameter(1.0, ge=0, le=10, description="Size of the perturbation")
    inertia: float = Parameter(1000.0, ge=0, description="H: added to the potential of urban cells")

    def validate(self, record: ExperimentRecord) -> None:
        """Check that the demand reaches to the last year too."""
        super().validate(record)
        given = self.parameters(record)
        given.demand.at(given.start_year + given.end_time, "cells")

    def step(self, cells: CellSpace, now: int) -> None:
        """Make the cells with the highest potential urban."""
        year = self.start_year + now
        demand = int(self.demand.at(year, "cells"))
        may_be_urban = np.flatnonzero(self.land != FIXED)
        if demand > len(may_be_urban):
            raise InvalidInput(
                f"The demand of {year} is {demand} cells, and {len(may_be_urban)} cells may be urban.",
                f"Lower it: {self.demand.name} has the column cells; or make fewer cells fixed.",
            )
        best_first = np.argsort(-self._potential(cells)[may_be_urban], kind="stable")
        self.next.land[may_be_urban] = OPEN
        self.next.land[may_be_urban[best_first[:demand]]] = URBAN

    def _potential(self, cells: CellSpace) -> NDArray[np.float64]:
        urban = self.land == URBAN
        near = np.ones(cells.size)
        nearer = np.zeros(cells.size, np.int64)
        for radius, weight in enumerate(self.weights, 1):
            within = cells.neighbors(urban, kind="circle", radius=radius).count()
            near += weight * (within - nearer)
            nearer = within
        perturbation = 1 + (-np.log(1 - cells.random())) ** self.alpha
        return perturbation * self.suitability * near + self.inertia * urban
