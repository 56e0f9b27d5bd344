"""Polygons, and who is whose neighbour."""

from dissmodel.geo.vector.neighborhood import neighborhood_of
from dissmodel.geo.vector.sparse import Neighborhood

__all__ = ["Neighborhood", "neighborhood_of"]
