"""What maps and charts of a running model have in common."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dissmodel.core import Model
from dissmodel.visualization.screen import Files, Notebook, Screen, Streamlit, Window, has_windows

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


class LiveFigure(Model, ABC):
    """A component that draws a figure in each step and changes nothing else.

    Make it after the models whose state it shows: components are ticked in the order they were made.
    """

    _screen: Screen
    _drawn: tuple[Figure, Axes] | None = None
    _out = None
    """The public package's widget for notebooks; always None, because these figures need no widget."""

    def _open(  # noqa: PLR0917  (each is one of a published name)
        self,
        folder: str,
        figsize: tuple[float, float] | None,
        pause: bool,  # noqa: FBT001
        interval: float,
        plot_area: Any,
        save_frames: bool,  # noqa: FBT001
        notebook: bool,  # noqa: FBT001
    ) -> None:
        self.figsize, self.pause, self.interval = figsize, pause, interval
        self.plot_area, self.save_frames = plot_area, save_frames
        if plot_area is not None:
            self._screen = Streamlit(figsize, plot_area)
        elif notebook:
            self._screen = Notebook(figsize)
        elif save_frames or not has_windows():
            self._screen = Files(figsize, Path(folder))
        else:
            self._screen = Window(figsize, interval if pause else None)

    @property
    def fig(self) -> Figure:
        """The figure of the latest step, an empty one before the first."""
        return self._latest()[0]

    @property
    def ax(self) -> Axes:
        """The axes of `fig`."""
        return self._latest()[1]

    def execute(self) -> None:
        """Draw the state and show it."""
        figure, axes = self._drawn = self._blank()
        self._draw(axes)
        now = self.env.now()
        end = math.inf if self.env.end_time is None else self.env.end_time
        self._screen.show(figure, self._frame, now, last=now + self._step > min(self.end_time, end))

    def _latest(self) -> tuple[Figure, Axes]:
        if self._drawn is None:
            self._drawn = self._blank()
        return self._drawn

    def _blank(self) -> tuple[Figure, Axes]:
        figure = self._screen.figure()
        return figure, figure.add_subplot()

    @property
    @abstractmethod
    def _frame(self) -> str:
        """The first part of the names of the figure's files."""

    @abstractmethod
    def _draw(self, axes: Axes) -> None: ...
