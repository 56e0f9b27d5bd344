"""A forest fire that spreads with the wind, uphill and through dense vegetation.

Source: A. Alexandridis, D. Vakalis, C. I. Siettos and G. V. Bafas, "A cellular automata model for forest fire
spread prediction: the case of the wildfire that swept through Spetses Island in 1990", Applied Mathematics
and Computation 204(1), 2008, pp. 191-201, doi:10.1016/j.amc.2008.06.046. Without its spotting.

A cell burns for one step. In this step it sets each of its neighbours that has fuel alight with the
probability p_h (1 + p_veg) (1 + p_den) p_w p_s, at most 1, where p_veg and p_den are of the neighbour,
p_w = exp(c1 V) exp(c2 V (cos θ - 1)) with the wind's speed V and the angle θ between wind and spread, and
p_s = exp(a θ_s) with the slope θ_s to the neighbour, which is negative downhill.
"""

from __future__ import annotations

import math

import numpy as np

from dissmodel.cells import CellModel, CellSpace, Classes, Numbers, Parameter

UNBURNED, BURNING, BURNED = 2, 3, 4
P_VEG = np.array([-1.0, -0.3, 0.0, 0.4])  # of the codes of vegetation; -1: nothing burns
P_DEN = np.array([-1.0, -0.4, 0.0, 0.3])  # of the codes of density


class FireSpread(CellModel):
    """A forest fire spreads with the wind, uphill and through dense vegetation."""

    name = "fire_spread"
    fire = Classes(
        {1: "no fuel", 2: "unburned", 3: "burning", 4: "burned"},
        colours={1: "#c8c4b7", 2: "#4a8e3c", 3: "#f03b20", 4: "#2b2b2b"},
    )
    vegetation = Classes({0: "none", 1: "agricultural", 2: "thickets", 3: "pine"}, changes=False)
    density = Classes({0: "none", 1: "sparse", 2: "normal", 3: "dense"}, changes=False)
    elevation = Numbers(unit="m", changes=False)
    wind_speed: float = Parameter(0.0, ge=0, le=100, unit="m/s", description="V")
    wind_from: float = Parameter(
        0.0, ge=0, le=360, unit="degree", description="Where the wind comes from, clockwise from north"
    )
    p_h: float = Parameter(0.58, ge=0, le=1, description="Probability without wind and slope, in thickets")
    a: float = Parameter(0.078, ge=0, le=1, unit="1/degree", description="Effect of the slope")
    c1: float = Parameter(0.045, ge=0, le=1, unit="s/m", description="Effect of the wind's speed")
    c2: float = Parameter(0.131, ge=0, le=1, unit="s/m", description="Effect of the wind's direction")

    def step(self, cells: CellSpace, now: int) -> None:  # noqa: ARG002  (every step is like the others)
        """Let the burning cells set their neighbours alight, and burn out."""
        cell, source = cells.links().T
        is_tried = (self.fire[cell] == UNBURNED) & (self.fire[source] == BURNING)
        cell, source = cell[is_tried], source[is_tried]
        east, north = cells.way(source, cell)
        length = np.sqrt(east * east + north * north)
        wind = math.radians(self.wind_from + 180)
        cos_theta = (east * math.sin(wind) + north * math.cos(wind)) / length
        slope = np.degrees(np.arctan((self.elevation[cell] - self.elevation[source]) / length))
        p_w = np.exp(self.wind_speed * (self.c1 + self.c2 * (cos_theta - 1)))
        fuel = (1 + P_VEG[self.vegetation[cell]]) * (1 + P_DEN[self.density[cell]])
        p = np.minimum(self.p_h * fuel * p_w * np.exp(self.a * slope), 1)
        spared = np.ones(cells.size)  # the probability that no neighbour sets a cell alight
        np.multiply.at(spared, cell, 1 - p)
        self.next.fire[(self.fire == UNBURNED) & (cells.random() < 1 - spared)] = BURNING
        self.next.fire[self.fire == BURNING] = BURNED
