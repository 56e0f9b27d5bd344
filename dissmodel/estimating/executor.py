"""What the executors have in common that read maps of land use."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar, cast

from pydantic import BaseModel, ConfigDict, Field, field_validator

from dissmodel.cells import names
from dissmodel.cells.class_map import read_class_map
from dissmodel.cells.parameters import CrsText
from dissmodel.errors import UsageError, did_you_mean
from dissmodel.estimating.land_use import USE, LandUse, read_land_use
from dissmodel.executor import ExperimentRecord, ModelExecutor
from dissmodel.executor.findings import RAISED, Collector, Finding, look_at_room
from dissmodel.executor.utils import default_output_uri

_FEWEST_CLASSES = 2
_MOST_BYTES = 8_000_000  # of pages, numbers and pictures


class LandUseParameters(BaseModel):
    """What a user may set wherever maps of land use are read.

    >>> LandUseParameters(land_use_types={"types": ["f", "d"]}).land_use_types
    ('f', 'd')
    """

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)

    land_use_types: tuple[str, ...] = Field(
        default=(),
        description="Names of the classes 1, 2 …, which are the bands or columns of their shares",
        json_schema_extra={"unit": ""},
    )
    crs: CrsText | None = Field(
        default=None,
        description="Coordinate reference system of a map that has none",
        json_schema_extra={"unit": ""},
    )

    @field_validator("land_use_types", mode="before")
    @classmethod
    def _of_a_table(cls, given: Any) -> Any:
        return given.get("types", given) if isinstance(given, dict) else given

    @field_validator("land_use_types")
    @classmethod
    def _are_classes(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        if given and (len(given) < _FEWEST_CLASSES or len(set(given)) < len(given)):
            raise ValueError("two or more names of classes are needed, each once")
        return given


P = TypeVar("P", bound=LandUseParameters)
Result = TypeVar("Result")


class LandUseExecutor(ModelExecutor, Generic[P, Result]):
    """An executor that reads maps of land use, and computes from them; `read` returns what `run` takes."""

    maps: ClassVar[tuple[str, ...]] = ()
    """The maps that it reads, of which each may have a class map of its own."""

    def parameters(self, record: ExperimentRecord) -> P:
        """Return the record's parameters."""
        assert self.Parameters is not None
        found = self.Parameters.model_validate(record.parameters)
        return cast("P", found)

    @abstractmethod
    def read(self, record: ExperimentRecord, parameters: P) -> Any:
        """Read the maps."""

    def validate(self, record: ExperimentRecord) -> None:
        """Check parameters, maps of names, and that there is an input to read."""
        parameters = self.parameters(record)
        fields = (USE, *parameters.land_use_types, *getattr(parameters, "drivers", ()))
        known = (USE, *self.maps)
        for name, given in record.class_map.items():
            if name not in known:
                raise UsageError(
                    f"The class map of {name!r}: there is no such map.", did_you_mean(name, known)
                )
            read_class_map(given, USE)
        names.check_map("band", fields, record.band_map, RAISED)
        names.check_map("column", fields, record.column_map, RAISED)
        if not record.source.uri:
            raise UsageError("There is no input.", "--input FILE")

    def inspect(self, record: ExperimentRecord) -> Iterable[Finding]:
        """Read the maps, and return everything that is wrong with them."""
        collector = Collector(record.source.uri)
        with collector.at():
            self.validate(record)
            self.read(record, self.parameters(record))
            grid = record.grid
            assert grid is not None
            rows, columns = grid.shape
            collector.add("ok", f"{rows} rows × {columns} columns, {grid.cells} cells in the space")
        look_at_room(_MOST_BYTES, record.output_path, collector)
        return collector.findings

    def load(self, record: ExperimentRecord) -> Any:
        """Read the maps."""
        self.validate(record)
        return self.read(record, self.parameters(record))

    def read_map(
        self, role: str, uri: str, record: ExperimentRecord, parameters: P, drivers: Sequence[str] = ()
    ) -> LandUse:
        """Read a map; of the input, note the digest and the grid."""
        is_input = uri == record.source.uri
        found = read_land_use(
            role,
            uri,
            parameters.land_use_types,
            drivers=drivers,
            maps=(record.band_map, record.column_map),
            crs=parameters.crs,
            class_map=record.class_map.get(role, record.class_map.get(USE)),
            fmt=record.input_format if is_input else None,
            layer=record.source.layer if is_input else None,
        )
        if is_input:
            record.source.checksum = found.sha256
            record.grid = found.pixels.grid
        return found

    def output(self, record: ExperimentRecord) -> Path:
        """Return where the result goes; a record without this path gets it."""
        if record.output_path is None:
            record.output_path = default_output_uri(record.experiment_id, self.output_suffix)
        return Path(record.output_path)
