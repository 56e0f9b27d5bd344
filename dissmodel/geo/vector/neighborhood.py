"""All that says who is whose neighbour."""

from dissmodel.geo.vector.cells import grid
from dissmodel.geo.vector.contiguity import queen, rook
from dissmodel.geo.vector.labelled import attach_neighbors
from dissmodel.geo.vector.proximity import distance_band, k_nearest
from dissmodel.geo.vector.sparse import Neighborhood
from dissmodel.geo.vector.strategies import Strategy, neighborhood_of
from dissmodel.geo.vector.table import from_table

__all__ = [
    "Neighborhood",
    "Strategy",
    "attach_neighbors",
    "distance_band",
    "from_table",
    "grid",
    "k_nearest",
    "neighborhood_of",
    "queen",
    "rook",
]
