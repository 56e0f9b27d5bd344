"""Where a figure can be shown: names that packages import."""

from dissmodel.visualization.screen import has_windows as is_interactive_backend
from dissmodel.watching import in_notebook as is_notebook

__all__ = ["is_interactive_backend", "is_notebook"]
