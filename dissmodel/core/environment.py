# ruff: noqa: SLF001  (the clock and what it ticks are two halves of one thing)
"""The simulation clock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from dissmodel.core.model import Model


class Environment:
    """A clock and the models that it ticks.

    A new environment becomes the active one: models that are made from then on belong to it.

    Parameters
    ----------
    start_time : float, default 0
        The time of the first tick.
    end_time : float, optional
        The last time at which models are ticked; it is included. `run` can set it instead.

    Attributes
    ----------
    start_time, end_time : float
        As given. Times have no unit of their own: they are whatever the models mean by a step.

    Examples
    --------
    >>> from dissmodel.core import Model
    >>> class Count(Model):
    ...     def setup(self):
    ...         self.seen = []
    ...     def execute(self):
    ...         self.seen.append(self.env.now())
    >>> env = Environment(start_time=1, end_time=3)
    >>> count = Count()
    >>> env.run()
    >>> count.seen
    [1, 2, 3]
    """

    # Models that are made without an environment find the active one: that is the contract.
    _current: ClassVar[Environment | None] = None

    def __init__(self, start_time: float = 0, end_time: float | None = None) -> None:
        self.start_time = start_time
        self.end_time = end_time
        self._now = start_time
        self._models: list[Model] = []
        self._plot_metadata: dict[str, Any] = {}
        Environment._current = self

    def now(self) -> float:
        """Return the time of the current tick; before a run, `start_time`."""
        return self._now

    def reset(self) -> None:
        """Put the clock and the models' schedules back to the start, and empty what was tracked for plots.

        Nothing else that the models hold is changed.
        """
        self._now = self.start_time
        for model in self._models:
            model._next_time = max(model.start_time, self.start_time)
        for tracked in self._plot_metadata.values():
            tracked["data"].clear()

    def run(self, till: float | None = None) -> None:
        """Tick every model from `start_time` to `end_time`, both included, in the order they were made.

        A model is ticked at the environment's start, or at its own where that is later, and then every
        `step`, until the environment's end, or its own where that is earlier. A tick is ``pre_execute``,
        ``execute`` and ``post_execute`` of one model, then the same of the next.

        Parameters
        ----------
        till : float, optional
            How long to run from `start_time`; it replaces `end_time`.

        Raises
        ------
        ValueError
            If there is neither `till` nor `end_time`.
        """
        if till is not None:
            self.end_time = self.start_time + till
        if self.end_time is None:
            raise ValueError("An environment needs an end: give it end_time, or give run() till.")
        self.reset()
        upcoming = self._now
        while upcoming <= self.end_time:
            self._now = upcoming
            # Not over a copy: a model that is made during a tick takes part in it.
            for model in self._models:
                if model._next_time <= self._now <= model.end_time:
                    model._tick(self._now)
            pending = [m._next_time for m in self._models if m._next_time <= m.end_time]
            if not pending:
                break
            upcoming = min(pending)

    def _register(self, model: Model) -> None:
        self._models.append(model)
