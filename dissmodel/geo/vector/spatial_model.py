"""A model on features."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from dissmodel.core import Model
from dissmodel.geo.vector.labelled import COLUMN, LabelledNeighborhood, Links, keep, labelled

if TYPE_CHECKING:
    import geopandas as gpd


class SpatialModel(Model):
    """A model that works on the features of a GeoDataFrame and asks who their neighbours are.

    Parameters
    ----------
    gdf : geopandas.GeoDataFrame
        The features, not a copy: models of one environment most often share them.
    step, start_time, end_time, name, **kwargs
        As `dissmodel.core.Model` takes them.

    Examples
    --------
    >>> from dissmodel.core import Environment
    >>> from dissmodel.geo.vector.vector_grid import vector_grid
    >>> class Spread(SpatialModel):
    ...     def setup(self):
    ...         self.create_neighborhood("rook")
    ...     def execute(self):
    ...         for burning in self.gdf.index[self.gdf["fire"] == 1]:
    ...             self.gdf.loc[self.neighs_id(burning), "fire"] = 1
    >>> env = Environment(start_time=1, end_time=1)
    >>> grid = vector_grid(dimension=(3, 3), resolution=1.0, attrs={"fire": 0})
    >>> grid.loc["1-1", "fire"] = 1
    >>> model = Spread(gdf=grid)
    >>> env.run()
    >>> int(grid["fire"].sum())
    5
    """

    _links: LabelledNeighborhood | None = None

    def __init__(
        self,
        gdf: gpd.GeoDataFrame,
        step: float = 1,
        start_time: float | None = None,
        end_time: float | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        self.gdf = gdf
        super().__init__(step=step, start_time=start_time, end_time=end_time, name=name, **kwargs)

    def create_neighborhood(
        self,
        strategy: Any = "queen",
        neighbors_dict: Links | str | os.PathLike[str] | None = None,
        **kwargs: Any,
    ) -> None:
        """Find the neighbours of all features, and write them into the column ``_neighs`` too.

        Parameters
        ----------
        strategy : str or class, default "queen"
            ``"queen"``, ``"rook"``, ``"k_nearest"`` (with ``k=``), ``"distance_band"`` (with ``radius=``), or
            a class of libpysal's weights, which is then asked.
        neighbors_dict : mapping of label to labels, or path, optional
            The neighbours themselves, or a JSON file that holds them; it overrides `strategy`.
        **kwargs
            For the strategy. ``silence_warnings`` and ``use_index`` are libpysal's.

        Raises
        ------
        UsageError
            If there is no such strategy, or it does not have a given option.
        InvalidInput
            If labels or geometries repeat, a geometry is not a valid polygon or a neighbour is not a feature.
        """
        self._links = labelled(self.gdf, strategy, neighbors_dict, **kwargs)
        keep(self.gdf, self._links)

    def neighs_id(self, idx: Any) -> list[Any]:
        """Return the labels of a feature's neighbours, in feature order.

        Raises
        ------
        KeyError
            If there is no feature `idx`.
        RuntimeError
            If neither `create_neighborhood` nor `attach_neighbors` was called.
        """
        if self._links is not None:
            return self._links.of(idx)
        if COLUMN not in self.gdf.columns:
            raise RuntimeError("There are no neighbours yet: call create_neighborhood() first.")
        return list(self.gdf.at[idx, COLUMN])

    def neighs(self, idx: Any) -> gpd.GeoDataFrame:
        """Return a feature's neighbours as a GeoDataFrame; raises as `neighs_id`."""
        return self.gdf.loc[self.neighs_id(idx)]

    def neighbor_values(self, idx: Any, col: str) -> Any:
        """Return an array of what a column holds for a feature's neighbours; raises as `neighs_id`.

        Many times faster than ``neighs(idx)[col]``, for it makes no frame.
        """
        links = self._links
        if links is not None and self.gdf.index.is_(links.index):
            # Not to_numpy(), which copies a column of text.
            return self.gdf[col].values[links.positions(idx)]
        return self.gdf.loc[self.neighs_id(idx), col].values
