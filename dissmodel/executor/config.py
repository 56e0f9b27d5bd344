"""The context of a run: where a model writes if no path was given, how many threads it may use."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class RunContext:
    """What a run may use.

    Attributes
    ----------
    base : Path
        Where outputs without a path go.
    threads : int or None
        How many threads a model may use; None: all there are.
    seed : int or None
        For the random numbers of Python and NumPy.
    hashes : bool
        Whether whoever runs the model hashes its result, so that the model need not.
    memory : int or None
        How many bytes of memory the process may take; None: all there are.
    tiles : Path or None
        The folder for the working files of a run that does not fit into memory.
    resume : bool
        Whether the run goes on from what a run that was killed left there.
    """

    base: Path
    threads: int | None = None
    seed: int | None = None
    hashes: bool = False
    memory: int | None = None
    tiles: Path | None = None
    resume: bool = False


_current: ContextVar[RunContext | None] = ContextVar("dissmodel_run_context", default=None)


class Settings:
    """The settings that executor packages read."""

    @property
    def default_output_base(self) -> str:
        """The folder for outputs without a path.

        A run's scratch folder during a run, else the variable ``DEFAULT_OUTPUT_BASE``, else ``./outputs``.
        """
        context = _current.get()
        return str(context.base) if context else os.environ.get("DEFAULT_OUTPUT_BASE") or "./outputs"

    @property
    def in_run(self) -> bool:
        """Whether a run decides where outputs go."""
        return _current.get() is not None

    @property
    def hashes(self) -> bool:
        """Whether whoever runs the model hashes its result."""
        context = _current.get()
        return context is not None and context.hashes

    @property
    def threads(self) -> int | None:
        """How many threads a model may use; None: all there are."""
        context = _current.get()
        return context.threads if context else None

    @property
    def memory(self) -> int | None:
        """How many bytes of memory the process may take; None: all there are."""
        context = _current.get()
        return context.memory if context else None

    @property
    def tiles(self) -> Path | None:
        """The folder for the working files of a run that does not fit into memory."""
        context = _current.get()
        return context.tiles if context else None

    @property
    def resume(self) -> bool:
        """Whether the run goes on from what a run that was killed left there."""
        context = _current.get()
        return context is not None and context.resume


settings = Settings()


@contextmanager
def within(context: RunContext) -> Iterator[None]:
    """Use `context` in the block."""
    token = _current.set(context)
    try:
        yield
    finally:
        _current.reset(token)
