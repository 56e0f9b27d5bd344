"""The ways to find the neighbours of cells."""

from __future__ import annotations

from typing import Any, Protocol

from dissmodel.geo.vector.cells import grid
from dissmodel.geo.vector.contiguity import queen, rook
from dissmodel.geo.vector.labelled import (
    attach_neighbors,
    export_neighbors,
    get_neighbor_values,
    get_neighbors,
)
from dissmodel.geo.vector.proximity import distance_band, k_nearest
from dissmodel.geo.vector.sparse import Neighborhood
from dissmodel.geo.vector.strategies import Strategy, neighborhood_of

__all__ = [
    "Neighborhood",
    "Strategy",
    "StrategyType",
    "WeightStrategy",
    "attach_neighbors",
    "distance_band",
    "export_neighbors",
    "get_neighbor_values",
    "get_neighbors",
    "grid",
    "k_nearest",
    "neighborhood_of",
    "queen",
    "rook",
]


class WeightStrategy(Protocol):
    """What finds neighbours as libpysal's classes of weights do, such as ``Queen``."""

    @classmethod
    def from_dataframe(cls, gdf: Any, **kwargs: Any) -> Any:
        """Return an object whose ``neighbors`` maps each label to the labels of its neighbours."""


StrategyType = str | WeightStrategy | None
"""What `attach_neighbors` and ``create_neighborhood`` take as `strategy`: a name of ours, or such a class."""
