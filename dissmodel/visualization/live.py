"""What maps and charts of a running model have in common."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from dissmodel.core import Model
from dissmodel.visualization.screen import Screen, open_screen

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class LiveFigure(Model, ABC):
    """A component that draws a figure in each step and changes nothing else.

    Make it after the models whose state it shows: components are ticked in the order they were made.
    """

    _screen: Screen

    def _open(  # noqa: PLR0917  (each is one of a published name)
        self,
        folder: str,
        figsize: tuple[float, float] | None,
        pause: bool,  # noqa: FBT001
        interval: float,
        plot_area: Any,
        save_frames: bool,  # noqa: FBT001
    ) -> None:
        self._screen = open_screen(
            folder,
            figsize,
            pause=interval if pause else None,
            plot_area=plot_area,
            save_frames=save_frames,
        )

    def execute(self) -> None:
        """Draw the state and show it."""
        figure = self._screen.figure()
        self._draw(figure.add_subplot())
        now = self.env.now()
        end = math.inf if self.env.end_time is None else self.env.end_time
        self._screen.show(figure, self._frame, now, last=now + self._step > min(self.end_time, end))

    @property
    @abstractmethod
    def _frame(self) -> str:
        """What the figure's files are called."""

    @abstractmethod
    def _draw(self, axes: Axes) -> None: ...
