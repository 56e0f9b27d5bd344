"""Where an executor writes if nobody said where."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

_output_base: ContextVar[str] = ContextVar("dissmodel_output_base", default="./outputs")


class Settings:
    """The settings that executor packages read."""

    @property
    def default_output_base(self) -> str:
        """The folder for outputs without a path: a run's scratch folder during a run, else ``./outputs``."""
        return _output_base.get()


settings = Settings()


@contextmanager
def output_base(folder: Path) -> Iterator[None]:
    """Make `folder` the default output base within the block."""
    token = _output_base.set(str(folder))
    try:
        yield
    finally:
        _output_base.reset(token)
