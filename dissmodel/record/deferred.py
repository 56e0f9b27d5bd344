"""Data whose validators are built on first use, which may be in several threads at once."""

from __future__ import annotations

import threading
from typing import Any

from pydantic import BaseModel, ConfigDict

_building = threading.RLock()  # of all classes, for a class builds what it holds


class Deferred(BaseModel):
    """Data of a class that is built on first use: what only others hold needs no validator of its own."""

    model_config = ConfigDict(defer_build=True)

    @classmethod
    def model_rebuild(cls, *, force: bool = False, **given: Any) -> bool | None:
        """Build the class as pydantic does, one thread at a time: older versions of it do not."""
        with _building:
            if cls.__pydantic_complete__ and not force:
                return None
            return super().model_rebuild(force=force, **given)
