"""The interface of a step of the coastal models: its terms and its kernel."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol, TypeVar

from dissmodel.models.coastal.metrics import StepMetrics
from dissmodel.models.coastal.parameters import RiseParameters, TideParameters
from dissmodel.models.coastal.state import CellState, CoastalState

State_contra = TypeVar("State_contra", bound=CoastalState | CellState, contravariant=True)


@dataclass(frozen=True, slots=True)
class Terms:
    """The numbers of one step."""

    step: int  # t
    rise: float  # of the sea level per step, r, m
    sea_level: float  # L = t · r, m
    reach: float  # up to where mangrove migrates, Z = tide height + L, m; -inf without the mangrove model
    accretion: float | None = None  # what sediment adds to mangrove soil, m; None where accretion is off
    floor: float = 0.0  # from which elevation on a flooded cell sends water, m; inf without the flood model

    @classmethod
    def at(cls, step: int, parameters: RiseParameters) -> Terms:
        """Return the terms of `step` for the models that take such parameters.

        Accretion is Alongi's law (2008) as published with the model: written for millimetres, applied to a
        level in metres.

        >>> Terms.at(3, TideParameters(sea_level_rise_rate=0.5))
        Terms(step=3, rise=0.5, sea_level=1.5, reach=7.5, accretion=None, floor=0.0)
        >>> from dissmodel.models.coastal.parameters import FloodParameters
        >>> Terms.at(3, FloodParameters(sea_level_rise_rate=0.5)).reach
        -inf
        """
        rise = parameters.sea_level_rise_rate
        level = step * rise
        floor = 0.0 if parameters.flood else math.inf
        if not isinstance(parameters, TideParameters):
            return cls(step, rise, level, reach=-math.inf, floor=floor)
        sediment = 1.693 / 1000 + 0.939 * level if parameters.accretion_enabled else None
        return cls(step, rise, level, parameters.tide_height + level, sediment, floor)


class Kernel(Protocol[State_contra]):
    """Computes steps on one kind of cell space; a record has its name and its number of threads."""

    @property
    def name(self) -> str: ...  # noqa: D102  (see above)

    @property
    def threads(self) -> int: ...  # noqa: D102  (see above)

    def step(self, state: State_contra, now: Terms) -> StepMetrics:
        """Advance `state` in place, its ``step`` too, by one step and return the measures.

        A kernel may keep what it knows of a state: what others write between its steps is a new state.
        """
