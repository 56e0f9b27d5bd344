"""A cellular automaton on features."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from dissmodel.geo.vector.spatial_model import SpatialModel

if TYPE_CHECKING:
    import geopandas as gpd


class CellularAutomaton(SpatialModel, ABC):
    """A model whose `rule` returns each cell's next state, given the past one; subclass it.

    The rule is called for one cell at a time. On a regular grid a `RasterCellularAutomaton` does the same
    many times faster.

    Parameters
    ----------
    gdf : geopandas.GeoDataFrame
        The cells.
    state_attr : str, default "state"
        The column that holds the state.
    step, start_time, end_time, name, **kwargs
        As `SpatialModel` takes them.
    dim : tuple of (int, int), optional
        Columns and rows, kept for the subclass.

    Examples
    --------
    >>> from dissmodel.core import Environment
    >>> from dissmodel.geo.vector.vector_grid import vector_grid
    >>> class Life(CellularAutomaton):
    ...     def setup(self):
    ...         self.create_neighborhood()
    ...     def rule(self, idx):
    ...         near = self.neighbor_values(idx, "state").sum()
    ...         return int(near == 3 or (near == 2 and self.gdf.at[idx, "state"] == 1))
    >>> env = Environment(start_time=1, end_time=1)
    >>> grid = vector_grid(dimension=(3, 3), resolution=1.0, attrs={"state": 0})
    >>> grid.loc[["1-0", "1-1", "1-2"], "state"] = 1
    >>> life = Life(gdf=grid)
    >>> env.run()
    >>> grid.index[grid["state"] == 1].tolist()
    ['0-1', '1-1', '2-1']
    """

    def __init__(  # noqa: PLR0917  (a published order)
        self,
        gdf: gpd.GeoDataFrame,
        state_attr: str = "state",
        step: float = 1,
        start_time: float | None = None,
        end_time: float | None = None,
        name: str | None = None,
        dim: tuple[int, int] | None = None,
        **kwargs: Any,
    ) -> None:
        self.state_attr = state_attr
        self.dim = dim
        super().__init__(gdf, step, start_time, end_time, name, **kwargs)

    def initialize(self) -> None:
        """Set the first state: for a subclass to override, and for the code that makes the model to call."""

    @abstractmethod
    def rule(self, idx: Any) -> Any:
        """Return the next state of the cell with this label; ``self.gdf`` holds the past of all cells."""

    def execute(self) -> None:
        """Ask `rule` for each cell, then change all of them at once."""
        self.gdf[self.state_attr] = [self.rule(idx) for idx in self.gdf.index]
