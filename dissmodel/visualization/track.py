"""Attributes of a model whose history a chart shows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

Class = TypeVar("Class", bound=type[Any])


def track_plot(label: str, color: str, plot_type: str = "line") -> Callable[[Class], Class]:
    """Return a class decorator: a `Chart` shows each value that is assigned to an attribute.

    Parameters
    ----------
    label : str
        The attribute's name in any case, as the legend shows it: ``"Infected"`` is ``self.infected``.
    color : str
        Its colour, anything matplotlib reads.
    plot_type : {"line", "scatter"}
        Joined points, or points alone.

    Examples
    --------
    >>> from dissmodel.core import Environment, Model
    >>> @track_plot("Infected", "red")
    ... class Epidemic(Model):
    ...     def setup(self):
    ...         self.infected = 1
    ...     def execute(self):
    ...         self.infected = 2 * self.infected
    >>> env = Environment(start_time=1, end_time=3)
    >>> model = Epidemic()
    >>> env.run()
    >>> Epidemic._plot_info["infected"]["data"]
    [2, 4, 8]
    """

    def decorate(cls: Class) -> Class:
        info = {"plot_type": plot_type, "label": label, "color": color, "data": []}
        # A dict of its own: what a subclass tracks, its parent doesn't.
        cls._plot_info = {**getattr(cls, "_plot_info", {}), label.lower(): info}
        return cls

    return decorate
