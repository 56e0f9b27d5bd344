"""Where a figure that changes is shown: a window, a notebook, a page of Streamlit, or files."""

from __future__ import annotations

import io
import re
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from dissmodel.errors import StorageError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_DPI = 100


class Screen(Protocol):
    """Gives an empty figure for each step, and shows it when it is drawn."""

    def figure(self) -> Figure:
        """Return an empty figure."""

    def show(self, figure: Figure, name: str, step: float, *, last: bool) -> None:
        """Show the figure of a step; `name` tells it from others at the same place."""


def open_screen(
    folder: str,
    figsize: tuple[float, float] | None,
    *,
    pause: float | None,
    plot_area: Any,
    save_frames: bool,
    notebook: bool,
) -> Screen:
    """Return the place where figures are seen.

    Parameters
    ----------
    folder : str
        Where PNG files go if there is nowhere to show a figure.
    figsize : tuple of (float, float), optional
        In inches; matplotlib's own by default.
    pause : float, optional
        For how many seconds a window is shown before the model goes on; None: only when it ends.
    plot_area : optional
        What ``st.empty()`` returned.
    save_frames : bool
        Write files even if a window could be opened.
    notebook : bool
        Whether this process is the kernel of a notebook.
    """
    if plot_area is not None:
        return _Streamlit(figsize, plot_area)
    if notebook:
        return _Notebook(figsize)
    if save_frames or not has_windows():
        return _Files(figsize, Path(folder))
    return Window(figsize, pause)


def step_text(step: float) -> str:
    """Return a step as titles and files call it.

    >>> step_text(3.0), step_text(2.5)
    ('3', '2.5')
    """
    return str(int(step)) if step == int(step) else str(step)


class _Drawn:
    """Figures that no window and no list of pyplot's holds: they are gone when they were shown."""

    def __init__(self, figsize: tuple[float, float] | None) -> None:
        self._figsize = figsize

    def figure(self) -> Figure:
        from matplotlib.figure import Figure  # noqa: PLC0415  (loaded when something is drawn)

        return Figure(figsize=self._figsize, layout="constrained")


class _Files(_Drawn):
    """One PNG a step, in a folder."""

    def __init__(self, figsize: tuple[float, float] | None, folder: Path) -> None:
        super().__init__(figsize)
        self._folder = folder

    def show(self, figure: Figure, name: str, step: float, *, last: bool) -> None:
        del last
        # A band may be called anything, and this is a part of a path.
        plain = re.sub(r"[^\w-]", "_", name)[:80]
        path = self._folder / f"{plain}_step_{step_text(step):>03}.png"
        try:
            self._folder.mkdir(exist_ok=True)
            figure.savefig(path, dpi=_DPI)
        except OSError as error:
            raise StorageError(
                f"{path} could not be written: {error.strerror or error}.",
                "Check the space on the disk and the rights of the folder.",
            ) from error


class _Notebook(_Drawn):
    """One picture below the cell, which changes."""

    _handle: Any = None

    def show(self, figure: Figure, name: str, step: float, *, last: bool) -> None:
        del name, step, last
        shows = import_module("IPython.display")  # there in a notebook only

        content = io.BytesIO()
        figure.savefig(content, format="png", dpi=_DPI)
        picture = shows.Image(data=content.getvalue())
        if self._handle is None:
            self._handle = shows.display(picture, display_id=True)
        else:
            self._handle.update(picture)


class _Streamlit(_Drawn):
    """A place on a page."""

    def __init__(self, figsize: tuple[float, float] | None, area: Any) -> None:
        super().__init__(figsize)
        self._area = area

    def show(self, figure: Figure, name: str, step: float, *, last: bool) -> None:
        del name, step, last
        self._area.pyplot(figure)


class Window:
    """A window of its own, one for all steps; it needs pyplot, which knows the windows."""

    def __init__(self, figsize: tuple[float, float] | None, pause: float | None) -> None:
        self._figsize = figsize
        self._pause = pause
        self._figure: Figure | None = None

    def figure(self) -> Figure:
        """Return the window's figure, emptied; a window that was closed opens again."""
        import matplotlib.pyplot as plt  # noqa: PLC0415  (loaded when a window is opened)

        if self._figure is None or not plt.fignum_exists(self._figure.number):
            self._figure = plt.figure(figsize=self._figsize, layout="constrained")
        self._figure.clear()
        return self._figure

    def show(self, figure: Figure, name: str, step: float, *, last: bool) -> None:
        """Show the figure for a moment, after the last step until it is closed."""
        import matplotlib.pyplot as plt  # noqa: PLC0415  (loaded when a window is opened)

        del figure, name, step
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
