"""A model on features that keeps the past state."""

from __future__ import annotations

from dissmodel.geo.synchronized import Synchronized
from dissmodel.geo.vector.spatial_model import SpatialModel


class SyncSpatialModel(Synchronized, SpatialModel):
    """A `SpatialModel` that finds the state at the step's start in columns called ``<name>_past``.

    Examples
    --------
    >>> from dissmodel.core import Environment
    >>> from dissmodel.geo.vector.vector_grid import vector_grid
    >>> class Clearing(SyncSpatialModel):
    ...     def setup(self):
    ...         self.land_use_types = ["forest", "field"]
    ...     def execute(self):
    ...         self.gdf["forest"] = self.gdf["forest_past"] / 2
    ...         self.gdf["field"] = self.gdf["field_past"] + self.gdf["forest_past"] / 2
    >>> env = Environment(start_time=1, end_time=2)
    >>> grid = vector_grid(dimension=(1, 1), resolution=1.0, attrs={"forest": 1.0, "field": 0.0})
    >>> model = Clearing(gdf=grid)
    >>> env.run()
    >>> grid["field"].tolist()
    [0.75]
    """

    def _copy(self, name: str, past: str) -> None:
        self.gdf[past] = self.gdf[name]  # a frame copies what it is given
