# ruff: noqa: SLF001  (the clock and what it ticks are two halves of one thing)
"""What the clock ticks."""

from __future__ import annotations

import math
from typing import Any

from dissmodel.core.environment import Environment


class Model:
    """A component of a simulation; subclass it and override `setup` and `execute`.

    It belongs to the environment that is active when it is made.

    Parameters
    ----------
    step : float, default 1
        The time between two ticks.
    start_time, end_time : float, optional
        The model's own first and last time, both included; the environment's by default.
    name : str, optional
        A name for people.
    **kwargs
        Handed to `setup`.

    Attributes
    ----------
    env : Environment
        Where it belongs; ``self.env.now()`` is the time.

    Raises
    ------
    RuntimeError
        If there is no active environment.
    ValueError
        If `step` is not a positive number.

    Examples
    --------
    >>> env = Environment(end_time=10)
    >>> class Growth(Model):
    ...     def setup(self, rate):
    ...         self.size, self.rate = 1.0, rate
    ...     def execute(self):
    ...         self.size += self.rate
    >>> growth = Growth(start_time=4, step=2, rate=0.5)
    >>> env.run()
    >>> growth.size
    3.0
    """

    env: Environment
    name: str

    def __init__(
        self,
        step: float = 1,
        start_time: float | None = None,
        end_time: float | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        env = Environment._current
        if env is None:
            raise RuntimeError("No active Environment: make one before you make a Model.")
        if not step > 0:
            raise ValueError(f"step={step!r} is not a positive number.")
        self.env = env
        self.name = name or ""
        self._start_time = start_time
        self._end_time = end_time
        self._step = step
        self._next_time = max(self.start_time, env.start_time)
        env._register(self)
        self.setup(**kwargs)

    @property
    def start_time(self) -> float:
        """The first time at which the model is ticked, its own or the environment's."""
        return self.env.start_time if self._start_time is None else self._start_time

    @start_time.setter
    def start_time(self, value: float | None) -> None:
        self._start_time = value

    @property
    def end_time(self) -> float:
        """The model's own last time; infinite where it has none and the environment's end is its end."""
        return math.inf if self._end_time is None else self._end_time

    @end_time.setter
    def end_time(self, value: float | None) -> None:
        self._end_time = value

    def setup(self, **kwargs: Any) -> None:
        """Prepare the model; called once, when it is made, with the keywords it doesn't know itself."""

    def pre_execute(self) -> None:
        """Do what comes before `execute` in each tick, such as keeping the past state."""

    def execute(self) -> None:
        """Do one step."""

    def post_execute(self) -> None:
        """Do what comes after `execute` in each tick."""

    def _tick(self, now: float) -> None:
        self.pre_execute()
        self.execute()
        self.post_execute()
        self._next_time = now + self._step

    def __setattr__(self, name: str, value: Any) -> None:
        # `_plot_info` is what the decorator `track_plot` leaves on a class: lower-case name -> label, data, …
        info = getattr(type(self), "_plot_info", {}).get(name.lower())
        if info is not None:
            env = self.__dict__.get("env", Environment._current)
            if env is not None and env._plot_metadata.get(info["label"]) is not info:
                info["data"].clear()  # it stands on the class, and so has what an earlier environment tracked
                env._plot_metadata[info["label"]] = info
            info["data"].append(value)
        super().__setattr__(name, value)
