"""What the coastal executors have in common, whatever substrate they work on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from dissmodel.executor import ExperimentRecord, ModelExecutor
from dissmodel.geo.legend import Legend
from dissmodel.models.coastal.classes import LAND_USES, SOILS
from dissmodel.models.coastal.inspect import check_record
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
