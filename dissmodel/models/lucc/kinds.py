"""The kinds of potentials and allocations that come with dissmodel; importing them makes them known."""

from __future__ import annotations

from dissmodel.models.lucc.allocations import clue, clue_s, ordering, saturation
from dissmodel.models.lucc.potentials import (
    inverse_distance,
    linear,
    logistic,
    neigh_attract,
    neighbours,
    spatial_lag,
)

OURS = (
    *(linear, spatial_lag, logistic, neigh_attract, inverse_distance, neighbours),
    *(clue, saturation, clue_s, ordering),
)
