"""Figures that a running model draws, and where they are shown.

That is a window, a notebook, a page of Streamlit, or files.
"""

from __future__ import annotations

import io
import math
import re
from abc import ABC, abstractmethod
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dissmodel.core import Model
from dissmodel.errors import StorageError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_DPI = 100


def step_text(step: float) -> str:
    """Return a step as titles and files call it.

    >>> step_text(3.0), step_text(2.5)
    ('3', '2.5')
    """
    return str(int(step)) if step == int(step) else str(step)


class Screen(ABC):
    """Gives an empty figure for each step, and shows it when it is drawn."""

    def __init__(self, figsize: tuple[float, float] | None, place: Any = None) -> None:
        self._figsize = figsize
        self._place = place

    def figure(self) -> Figure:
        """Return an empty figure, which no window and no list of pyplot's holds."""
        from matplotlib.figure import Figure  # noqa: PLC0415  (loaded when something is drawn)

        return Figure(figsize=self._figsize, layout="constrained")

    @abstractmethod
    def show(self, figure: Figure, name: str, step: float, *, last: bool) -> None:
        """Show the figure of a step; `name` tells it from others at the same place."""


class Files(Screen):
    """A PNG for each step, in the folder `place`, where no figure can be shown."""

    def show(self, figure: Figure, name: str, step: float, *, last: bool) -> None:  # noqa: ARG002  (all are alike)
        """Write the figure."""
        # A band may be called anything, and this is a part of a path.
        plain = re.sub(r"[^\w-]", "_", name)[:80]
        path = self._place / f"{plain}_step_{step_text(step):>03}.png"
        try:
            self._place.mkdir(exist_ok=True)
            figure.savefig(path, dpi=_DPI)
        except OSError as error:
            raise StorageError(
                f"{path} could not be written: {error.strerror or error}.",
                "Check the space on the disk and the rights of the folder.",
            ) from error


class Notebook(Screen):
    """A picture below the cell, which changes."""

    _handle: Any = None

    def show(self, figure: Figure, name: str, step: float, *, last: bool) -> None:  # noqa: ARG002  (all are alike)
        """Show the figure in the place of the last one."""
        shows = import_module("IPython.display")  # there in a notebook only

        content = io.BytesIO()
        figure.savefig(content, format="png", dpi=_DPI)
        picture = shows.Image(data=content.getvalue())
        if self._handle is None:
            self._handle = shows.display(picture, display_id=True)
        else:
            self._handle.update(picture)


class Streamlit(Screen):
    """The `place` on a page that ``st.empty()`` returned."""

    def show(self, figure: Figure, name: str, step: float, *, last: bool) -> None:  # noqa: ARG002  (all are alike)
        """Show the figure on the page."""
        self._place.pyplot(figure)


class Window(Screen):
    """One window for all steps, each shown for `pause` seconds; it needs pyplot, which knows the windows."""

    def __init__(self, figsize: tuple[float, float] | None, pause: float | None) -> None:
        super().__init__(figsize)
        self._pause = pause
        self._figure: Figure | None = None

    def figure(self) -> Figure:
        """Return the window's figure, emptied; a window that was closed opens again."""
        import matplotlib.pyplot as plt  # noqa: PLC0415  (loaded when a window is opened)

        if self._figure is None or not plt.fignum_exists(self._figure.number):
            self._figure = plt.figure(figsize=self._figsize, layout="constrained")
        self._figure.clear()
        return self._figure

    def show(self, figure: Figure, name: str, step: float, *, last: bool) -> None:  # noqa: ARG002  (pyplot has it)
        """Show the figure for a moment, after the last step until it is closed."""
        import matplotlib.pyplot as plt  # noqa: PLC0415  (loaded when a window is opened)

        if last:
            plt.show()
        elif self._pause is not None:
            plt.pause(self._pause)


def has_windows() -> bool:
    """Tell whether matplotlib's backend opens windows."""
    import matplotlib as mpl  # noqa: PLC0415  (loaded when something is drawn)
    from matplotlib.backends.registry import backend_registry  # noqa: PLC0415  (the same)

    _, framework = backend_registry.resolve_backend(mpl.get_backend())  # type: ignore[no-untyped-call]  # its own
    return framework is not None


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
