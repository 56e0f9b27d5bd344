"""A model on a raster that keeps the past state."""

from __future__ import annotations

from dissmodel.geo.raster.raster_model import RasterModel
from dissmodel.geo.synchronized import Synchronized

_STATIC = 2  # dimensions: rows and columns


class SyncRasterModel(Synchronized, RasterModel):
    """A `RasterModel` that finds the state at the step's start in arrays called ``<name>_past``.

    A temporal array's past is its first slice: what such a model writes has no time axis.

    Examples
    --------
    >>> from dissmodel.core import Environment
    >>> from dissmodel.geo.raster.raster_grid import raster_grid
    >>> class Clearing(SyncRasterModel):
    ...     def setup(self, backend):
    ...         super().setup(backend)
    ...         self.land_use_types = ["forest", "field"]
    ...     def execute(self):
    ...         arrays = self.backend.arrays
    ...         arrays["forest"] = arrays["forest_past"] / 2
    ...         arrays["field"] = arrays["field_past"] + arrays["forest_past"] / 2
    >>> env = Environment(start_time=1, end_time=2)
    >>> backend = raster_grid(1, 1, attrs={"forest": 1.0, "field": 0.0})
    >>> model = Clearing(backend=backend)
    >>> env.run()
    >>> float(backend.get("field")[0, 0])
    0.75
    """

    def _copy(self, name: str, past: str) -> None:
        array = self.backend.get(name)
        self.backend.set(past, array[0] if array.ndim > _STATIC else array)
