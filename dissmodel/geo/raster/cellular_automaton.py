"""A cellular automaton on a raster."""

from __future__ import annotations

from abc import ABC, abstractmethod

from dissmodel.geo.raster.backend import Array, RasterBackend
from dissmodel.geo.raster.raster_model import RasterModel


class RasterCellularAutomaton(RasterModel, ABC):
    """A model whose `rule` returns the whole grid's next state, given its past state; subclass it.

    Parameters
    ----------
    backend : RasterBackend
        The arrays.
    state_attr : str, default "state"
        The array that holds the state. It is kept for the subclass: the rule may change any array.

    Examples
    --------
    A blinker in the game of life:

    >>> import numpy as np
    >>> from dissmodel.core import Environment
    >>> class Life(RasterCellularAutomaton):
    ...     def rule(self, arrays):
    ...         alive = arrays["state"] == 1
    ...         near = self.backend.focal_sum_mask(alive)
    ...         return {"state": np.where((near == 3) | (alive & (near == 2)), 1, 0)}
    >>> env = Environment(start_time=1, end_time=1)
    >>> backend = RasterBackend(shape=(3, 3))
    >>> backend.set("state", [[0, 1, 0], [0, 1, 0], [0, 1, 0]])
    >>> life = Life(backend=backend)
    >>> env.run()
    >>> backend.get("state")
    array([[0, 0, 0],
           [1, 1, 1],
           [0, 0, 0]])
    """

    def setup(  # type: ignore[override]  # each model has its own keywords
        self, backend: RasterBackend, state_attr: str = "state"
    ) -> None:
        """Take the backend to work on."""
        super().setup(backend)
        self.state_attr = state_attr

    @abstractmethod
    def rule(self, arrays: dict[str, Array]) -> dict[str, Array]:
        """Return the arrays that change, by name.

        Parameters
        ----------
        arrays : dict of str to numpy.ndarray
            Copies of all arrays, (rows, columns) or (time, rows, columns), as they are at the step's start.
        """

    def execute(self) -> None:
        """Put the arrays that `rule` returns in the place of those of the same names."""
        self.backend.arrays.update(self.rule(self.backend.snapshot()))
