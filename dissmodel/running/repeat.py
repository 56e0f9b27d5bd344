"""What a run takes from the record of the run that it repeats."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dissmodel.errors import UsageError, shell_word
from dissmodel.executor.parameters import ParameterLayer
from dissmodel.experiment.at_hand import AtHand
from dissmodel.record import ExperimentRecord
from dissmodel.running.model import OpenedModel

_HIDDEN = "***"
# How a record writes what JSON lacks.
_NUMBERS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


@dataclass(frozen=True)
class Repeat:
    """A run that is repeated.

    `record` is the repeated run's, which is at `path`; `model` is today's. `others` has the inputs but
    the first, by name.
    """

    record: ExperimentRecord
    path: Path
    model: OpenedModel
    others: Mapping[str, AtHand] = field(default_factory=dict)

    def layers(self) -> list[ParameterLayer]:
        """Return the recorded parameters."""
        refuse_hidden(self.record, str(self.path))
        values = self.record.parameters
        if not self.model.host.info.declared:
            values = {name: as_number(value) for name, value in values.items()}
        dropped = self.dropped()
        return [
            ParameterLayer(
                "record",
                {name: values[name] for name in values if name not in dropped},
                str(self.path),
                files={name: str(one.path) for name, one in self.others.items()},
            )
        ]

    def dropped(self) -> tuple[str, ...]:
        """Return the parameters that the public DisSModel let through and today's model does not know."""
        host = self.model.host
        if self.record.schema_version or not host.info.declared:
            return ()
        given = self.record.parameters
        return tuple(
            name
            for name, value in given.items()
            if host.check([ParameterLayer("record", {name: value}, "")]).names
        )

    def note(self, record: ExperimentRecord) -> None:
        """Write into the new run's record what is from the old record: id, spec, origin of the parameters."""
        record.reproduces = self.record.experiment_id
        record.resolved_spec = copy.deepcopy(self.record.resolved_spec)
        known: Mapping[str, str] = self.record.parameter_origin
        record.parameter_origin = {
            name: known.get(name, origin) if origin == "record" else origin
            for name, origin in record.parameter_origin.items()
        }


def refuse_hidden(record: ExperimentRecord, path: str) -> None:
    """Refuse a record that hides the value of a parameter."""
    hidden = sorted(name for name, value in record.parameters.items() if _hides(value))
    if hidden:
        from dissmodel.experiment.recorded_input import run_again  # noqa: PLC0415  (few runs repeat another)

        raise UsageError(
            f"{path}: it does not hold the value of {', '.join(hidden)}, which was secret.",
            f"Run the model with it again: {run_again(record)}"
            + "".join(f" --param {shell_word(name)}=VALUE" for name in hidden),
            code="parameter_secret",
        )


def _hides(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_hides, value.values()))
    if isinstance(value, list):
        return any(map(_hides, value))
    return isinstance(value, str) and _HIDDEN in value


def as_number(value: Any) -> Any:
    """Return a recorded value with the numbers that JSON lacks, which a record has as text."""
    if isinstance(value, dict):
        return {name: as_number(one) for name, one in value.items()}
    if isinstance(value, list):
        return [as_number(one) for one in value]
    return _NUMBERS.get(value, value) if isinstance(value, str) else value
