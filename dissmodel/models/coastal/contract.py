"""What the coastal executors have in common, whatever substrate they work on."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import ClassVar

from dissmodel import progress
from dissmodel.errors import DissmodelWarning
from dissmodel.executor import ExperimentRecord, ModelExecutor
from dissmodel.executor.utils import default_output_uri
from dissmodel.geo.legend import Legend
from dissmodel.models.coastal.classes import LAND_USES, SOILS
from dissmodel.models.coastal.inspect import check_record
from dissmodel.models.coastal.model import AfterStep, Space
from dissmodel.models.coastal.parameters import CoastalParameters, SeaParameters


class CoastalExecutor(ModelExecutor):
    """Runs the flood, the mangrove or both, as its parameters say.

    It has no name: a subclass says what is read and written.
    """

    Parameters: ClassVar[type[SeaParameters]] = CoastalParameters
    legends: ClassVar[Mapping[str, Legend]] = {"uso": LAND_USES, "solo": SOILS}

    @classmethod
    def parameters(cls, record: ExperimentRecord) -> SeaParameters:
        """Return the record's parameters; raise `pydantic.ValidationError` if they are none of the model."""
        return cls.Parameters.model_validate(record.parameters)

    def validate(self, record: ExperimentRecord) -> None:
        """Check parameters, maps and that there is an input to read.

        Raises
        ------
        UsageError
            If a map names what the model doesn't read, or there is no input.
        pydantic.ValidationError
            If a parameter is unknown or out of bounds.
        """
        check_record(record, self.Parameters)

    @classmethod
    def output(cls, record: ExperimentRecord) -> Path:
        """Return where the result goes; where the record doesn't say it, it does from now on."""
        if record.output_path is None:
            record.output_path = default_output_uri(record.experiment_id, cls.output_suffix)
        return Path(record.output_path)

    @classmethod
    def snapshots(
        cls, state: Space, record: ExperimentRecord, write: Callable[[Path], str]
    ) -> AfterStep | None:
        """Return what writes the states beside the result that the parameters ask for; None if none are.

        They are written while the model runs, so that no more than one state is in memory.

        Parameters
        ----------
        state : CoastalState or CellState
            The state that the run advances.
        record : ExperimentRecord
            Takes the digest of each as that of the artifact ``step_N``.
        write : callable
            Writes the state as it is now to a path and returns the file's sha256.
        """
        parameters = cls.parameters(record)
        if not parameters.kept_after(state.step):
            return None
        output = cls.output(record)

        def keep() -> None:
            step = state.step
            if not parameters.keeps(step):
                return
            path = output.with_name(f"{output.stem}.step{step:04d}{output.suffix}")
            # The bar shows steps; and what the format loses, the result's own warnings say.
            with progress.reporting(progress.Silent()), warnings.catch_warnings():
                warnings.simplefilter("ignore", DissmodelWarning)
                record.add_artifact(f"step_{step}", write(path))

        return keep
