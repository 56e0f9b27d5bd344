"""Models that read the state at the start of a step while they change it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from dissmodel.core import Model


class Synchronized(Model, ABC):
    """Keeps a copy ``<name>_past`` of each name in `land_use_types`, as TerraME's ``synchronize`` does.

    The copies are made before the first step and after each, so that a step finds the state at its own
    start in them.

    Attributes
    ----------
    land_use_types : sequence of str
        What to copy; a model sets it in its `setup`.
    """

    land_use_types: Sequence[str] = ()
    _begun = False

    def pre_execute(self) -> None:
        """Make the first copies before the first step."""
        if not self._begun:
            self.synchronize()
            self._begun = True

    def post_execute(self) -> None:
        """Make the copies that the next step reads."""
        self.synchronize()

    def synchronize(self) -> None:
        """Make the copies now; a model may also ask for it within a step.

        Raises
        ------
        KeyError
            If one of `land_use_types` isn't there.
        """
        for name in self.land_use_types:
            self._copy(name, f"{name}_past")

    @abstractmethod
    def _copy(self, name: str, past: str) -> None: ...
