"""What one attempt at a job has to do, as its child process reads it from a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from pydantic import TypeAdapter

from dissmodel.environments import Resolved
from dissmodel.experiment.at_hand import AtHand


@dataclass(frozen=True, kw_only=True)
class Task:
    """One attempt at a job.

    Attributes
    ----------
    experiment_id : str
        Of the run, whichever attempt it is.
    folder : Path
        Where the result and its record go.
    source : AtHand
        The input on this machine, and what is known of where it was fetched from.
    model : str
        The name of an installed model; with `spec`, what people call the spec.
    spec : Mapping
        The tables of the model's TOML; empty for an installed model.
    commit : str
        Of the registry that the spec is from.
    package : Resolved or None
        The package of the spec, which is installed.
    parameters, column_map, band_map, input_format, layer, seed
        As `dissmodel.running.run.RunRequest` has them.
    threads, memory : int or None
        How many threads, and how many bytes of memory, the run may use.
    recorded : Path or None
        The record of the run to reproduce; what is above from `model` on is its business then.
    """

    experiment_id: str
    folder: Path
    source: AtHand
    model: str = ""
    spec: Mapping[str, Any] = field(default_factory=dict)
    commit: str = ""
    package: Resolved | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    column_map: Mapping[str, str] = field(default_factory=dict)
    band_map: Mapping[str, str] = field(default_factory=dict)
    input_format: str = "auto"
    layer: str | None = None
    seed: int | None = None
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
