"""What one attempt of a job has to do, as its child process reads it from a file."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from pydantic import TypeAdapter

from dissmodel.environments import Resolved
from dissmodel.experiment.at_hand import AtHand
from dissmodel.service.documents import Request


@dataclass(frozen=True, kw_only=True)
class Task:
    """One attempt of a job.

    Attributes
    ----------
    request : Request
        What was asked for.
    folder : Path
        Where the result and its record go.
    source : AtHand
        The input on this machine, and what is known of where it was fetched from.
    others : dict of str to AtHand
        The other inputs by name.
    package : Resolved or None
        The package of the spec, which is installed.
    threads, memory : int or None
        How many threads, and how many bytes of memory, the run may use.
    recorded : Path or None
        The record of the run to reproduce.
    """

    request: Request
    folder: Path
    source: AtHand
    others: dict[str, AtHand] = field(default_factory=dict)
    package: Resolved | None = None
    threads: int | None = None
    memory: int | None = None
    recorded: Path | None = None

    def write(self, path: Path) -> None:
        """Write the task to a file."""
        path.write_bytes(TypeAdapter(type(self)).dump_json(self))

    @classmethod
    def read(cls, path: Path) -> Self:
        """Return the task in a file."""
        return TypeAdapter(cls).validate_json(path.read_bytes())
