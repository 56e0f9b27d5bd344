"""A map of features, while the model runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dissmodel.visualization._utils import is_notebook
from dissmodel.visualization.screen import LiveFigure, step_text

if TYPE_CHECKING:
    import geopandas as gpd
    from matplotlib.axes import Axes


class Map(LiveFigure):
    """A map of a GeoDataFrame in each step.

    It is shown in a window, a notebook or on a page of Streamlit; where there is none of them, as on a
    server, ``map_frames/<column>_step_<step>.png`` is written.

    Parameters
    ----------
    gdf : geopandas.GeoDataFrame
        The features.
    plot_params : mapping, optional
        What ``GeoDataFrame.plot`` takes, such as ``{"column": "state", "cmap": "viridis"}``. A column gets a
        legend unless this has ``"legend": False``.
    figsize : tuple of (float, float), default (10, 6)
        In inches.
    pause : bool, default True
        Show each step in a window; if False, only the last one.
    interval : float, default 0.01
        Seconds for which a window is shown before the model goes on.
    plot_area : optional
        What Streamlit's ``st.empty()`` returned.
    save_frames : bool, default False
        Write the files also where a window could be opened.

    Examples
    --------
    In a model's ``run``::

        Growth(gdf=gdf)
        Map(gdf=gdf, plot_params={"column": "state", "cmap": "Greens"}, save_frames=True)
        env.run()
    """

    def setup(  # type: ignore[override]  # noqa: PLR0917  # each model has its own keywords; published names
        self,
        gdf: gpd.GeoDataFrame,
        plot_params: Mapping[str, Any] | None = None,
        figsize: tuple[float, float] = (10, 6),
        pause: bool = True,  # noqa: FBT001, FBT002  (a published order)
        interval: float = 0.01,
        plot_area: Any = None,
        save_frames: bool = False,  # noqa: FBT001, FBT002  (a published order)
    ) -> None:
        """Take what to show, and where."""
        self.gdf = gdf
        self.plot_params = dict(plot_params or {})
        self._open("map_frames", figsize, pause, interval, plot_area, save_frames, is_notebook())

    @property
    def _frame(self) -> str:
        column = self.plot_params.get("column")
        return column if isinstance(column, str) else "map"

    def _draw(self, axes: Axes) -> None:
        legend = {"legend": True} if "column" in self.plot_params else {}
        self.gdf.plot(ax=axes, **(legend | self.plot_params))
        drawn = axes.get_legend()
        if drawn is not None and "legend_kwds" not in self.plot_params:
            # Beside the map, not on it.
            drawn.set_loc("upper left")
            drawn.set_bbox_to_anchor((1, 1))
        axes.set_title(f"Map — Step {step_text(self.env.now())}")
