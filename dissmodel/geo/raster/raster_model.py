"""A model on a raster."""

from __future__ import annotations

from dissmodel.core import Model
from dissmodel.geo.raster.backend import DIRS_MOORE, RasterBackend


class RasterModel(Model):
    """A model that works on the arrays of a `RasterBackend`.

    Attributes
    ----------
    backend : RasterBackend
        The arrays. Models of one environment most often share one; it may be exchanged between steps.
    shift : callable
        `RasterBackend.shift2d`.
    dirs : list of (int, int)
        The offsets (rows, columns) of the Moore neighbourhood.

    Examples
    --------
    >>> import numpy as np
    >>> from dissmodel.core import Environment
    >>> class Spread(RasterModel):
    ...     def execute(self):
    ...         fire = self.backend.get("fire")
    ...         self.backend.arrays["fire"] = self.backend.neighbor_contact(fire)
    >>> env = Environment(start_time=1, end_time=1)
    >>> backend = RasterBackend(shape=(3, 3))
    >>> backend.set("fire", np.array([[1, 0, 0], [0, 0, 0], [0, 0, 0]], dtype=bool))
    >>> model = Spread(backend=backend)
    >>> env.run()
    >>> int(backend.get("fire").sum())
    4
    """

    shift = staticmethod(RasterBackend.shift2d)
    dirs = DIRS_MOORE

    def setup(self, backend: RasterBackend) -> None:  # type: ignore[override]  # each model has its own keywords
        """Take the backend to work on."""
        self.backend = backend

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns: the backend's, whichever it is now, unless the model was given its own."""
        own: tuple[int, int] | None = self.__dict__.get("_shape")
        return self.backend.shape if own is None else own

    @shape.setter
    def shape(self, value: tuple[int, int]) -> None:
        self._shape = value
