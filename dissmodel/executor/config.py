"""What surrounds an executor: where it writes if nobody said where, how many threads it may use."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

_output_base: ContextVar[str | None] = ContextVar("dissmodel_output_base", default=None)
_threads: ContextVar[int | None] = ContextVar("dissmodel_threads", default=None)


class Settings:
    """The settings that executor packages read."""

    @property
    def default_output_base(self) -> str:
        """The folder for outputs without a path.

        A run's scratch folder during a run, else the variable ``DEFAULT_OUTPUT_BASE``, else ``./outputs``.
        """
        return _output_base.get() or os.environ.get("DEFAULT_OUTPUT_BASE") or "./outputs"

    @property
    def in_run(self) -> bool:
        """Whether a run says where outputs go."""
        return _output_base.get() is not None

    @property
    def threads(self) -> int | None:
        """How many threads a model may use; None: all there are."""
        return _threads.get()


settings = Settings()


@contextmanager
def output_base(folder: Path) -> Iterator[None]:
    """Make `folder` the default output base within the block."""
    token = _output_base.set(str(folder))
    try:
        yield
    finally:
        _output_base.reset(token)


@contextmanager
def thread_limit(threads: int | None) -> Iterator[None]:
    """Let models use that many threads within the block."""
    token = _threads.set(threads)
    try:
        yield
    finally:
        _threads.reset(token)
