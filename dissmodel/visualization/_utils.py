"""Where a figure can be shown: names that packages import."""

from __future__ import annotations

from dissmodel.visualization.screen import has_windows
from dissmodel.watching import in_notebook

__all__ = ["is_interactive_backend", "is_notebook"]


def is_notebook() -> bool:
    """Tell whether this process is the kernel of a notebook."""
    return in_notebook()


def is_interactive_backend() -> bool:
    """Tell whether matplotlib's backend opens windows."""
    return has_windows()
