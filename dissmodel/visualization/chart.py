"""A chart of what models track, while they run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from dissmodel.visualization._utils import is_notebook
from dissmodel.visualization.screen import LiveFigure
from dissmodel.visualization.track import track_plot

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Chart", "track_plot"]


class Chart(LiveFigure):
    """The history of the attributes that `track_plot` names, drawn again in each step.

    It is shown in a window, a notebook or on a page of Streamlit; where there is none of them, as on a
    server, ``chart_frames/chart_step_<step>.png`` is written.

    Parameters
    ----------
    select : sequence of str, optional
        The labels to show; all by default.
    pause : bool, default True
        Show each step in a window; if False, only the last one.
    plot_area : optional
        What Streamlit's ``st.empty()`` returned.
    show_legend : bool, default True
        Draw a legend of the lines.
    show_grid : bool, default False
        Draw a grid behind the lines.
    title : str, default "Variable History"
        Above them.
    save_frames : bool, default False
        Write the files also where a window could be opened.

    Examples
    --------
    After the models, before the run::

        Chart(select=["Infected"], show_grid=True)
        env.run()
    """

    def setup(  # type: ignore[override]  # noqa: PLR0917  # each model has its own keywords; published names
        self,
        select: Sequence[str] | None = None,
        pause: bool = True,  # noqa: FBT001, FBT002  (a published order)
        plot_area: Any = None,
        show_legend: bool = True,  # noqa: FBT001, FBT002  (a published order)
        show_grid: bool = False,  # noqa: FBT001, FBT002  (a published order)
        title: str = "Variable History",
        save_frames: bool = False,  # noqa: FBT001, FBT002  (a published order)
    ) -> None:
        """Take what to show, and where."""
        self.select = select
        self.show_legend = show_legend
        self.show_grid = show_grid
        self.title = title
        self.time_points: list[float] = []
        self._open("chart_frames", None, pause, 0.1, plot_area, save_frames, is_notebook())

    def execute(self) -> None:
        """Draw what was tracked until now."""
        now = self.env.now()
        if self.time_points and now <= self.time_points[-1]:
            self.time_points.clear()  # the environment runs again
        self.time_points.append(now)
        super().execute()

    @property
    def _frame(self) -> str:
        return "chart"

    def _draw(self, axes: Axes) -> None:
        tracked = [
            info
            for label, info in self.env._plot_metadata.items()  # noqa: SLF001  (where models leave it for charts)
            if self.select is None or label in self.select
        ]
        for info in tracked:
            marks: dict[str, Any] = {"linestyle": "", "marker": "o"} if info["plot_type"] == "scatter" else {}
            axes.plot(
                self._times(len(info["data"])),
                info["data"],
                label=info["label"],
                color=info["color"],
                **marks,
            )
        axes.set_xlabel("Time")
        axes.set_title(self.title, parse_math=False)
        axes.grid(self.show_grid)
        if tracked and self.show_legend:
            axes.legend()

    def _times(self, count: int) -> Sequence[float]:
        """Return the times of `count` values: a value for each step, or equally many."""
        if count <= len(self.time_points):
            return self.time_points[:count]
        evenly: list[float] = np.linspace(self.time_points[0], self.time_points[-1], count).tolist()
        return evenly
