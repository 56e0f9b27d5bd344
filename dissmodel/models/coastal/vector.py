"""The executors that work on polygons: `coastal_vector`, `flood_vector` and `mangrove_vector`."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from dissmodel.errors import DissmodelWarning
from dissmodel.executor import ExperimentRecord
from dissmodel.executor.findings import Collector, Finding
from dissmodel.io import open_dataset
from dissmodel.models.coastal.cell_space import Cells, read_cells, with_state
from dissmodel.models.coastal.contract import CoastalExecutor
from dissmodel.models.coastal.inspect import described, inspect_run
from dissmodel.models.coastal.model import simulate
from dissmodel.models.coastal.parameters import FloodParameters, MangroveParameters, SeaParameters
from dissmodel.models.coastal.style import polygon_qml, write_style

_SHAPEFILE_NAME = 10  # bytes
# What a number, the name of its field and the marks around them take in GeoJSON, the largest of the formats.
_FIELD_BYTES, _COORDINATE_BYTES, _FEATURE_BYTES = 40, 25, 200


class CoastalVector(CoastalExecutor):
    """Sea-level rise and mangrove migration on a coast of polygons (BR-MANGUE).

    Reads polygons of any shape with the fields ``uso``, ``alt`` and ``solo``; writes the same features, in
    the same order, with these fields as they are after the last step and ``passo``, which says which it was.
    """

    name = "coastal_vector"
    substrate = "vector"
    output_suffix = ".gpkg"
    output_suffixes = (".gpkg", ".parquet", ".fgb", ".geojson", ".json", ".shp")

    def validate(self, record: ExperimentRecord) -> None:
        """Check parameters, maps and that there is an input to read.

        Raises
        ------
        UsageError
            If a map names what the model doesn't read, or there is no input.
        pydantic.ValidationError
            If a parameter is unknown or out of bounds.

        Warns
        -----
        DissmodelWarning
            If there is a resolution, which polygons don't have.
        """
        super().validate(record)
        _warn_of_resolution(self.parameters(record))

    def inspect(self, record: ExperimentRecord) -> Iterable[Finding]:
        """Read the input and say everything that is wrong with it, and whether the result has room."""
        return inspect_run(record, self.Parameters, _examine)

    def load(self, record: ExperimentRecord) -> Cells:
        """Read the input; note its digest. Refuse what the output's format can't hold before the run."""
        source = record.source
        with open_dataset(source.uri, fmt=record.input_format, layer=source.layer) as (data, checksum):
            cells = read_cells(data, self.parameters(record), record.column_map)
        assert cells is not None  # where problems are raised there is a space or an error
        source.checksum = checksum
        _refuse_unsavable(cells, record, losses=False)
        return cells

    def run(self, data: Cells, record: ExperimentRecord) -> Cells:
        """Simulate up to ``end_time``, in place; write the states to be kept."""
        keep = self.snapshots(data.state, record, lambda path: self._write(data, path)[0])
        simulate(data.state, self.parameters(record), record, keep)
        return data

    def save(self, result: Cells, record: ExperimentRecord) -> ExperimentRecord:
        """Write the features in the format of the output's suffix, and their style; note the digests."""
        output, style = self._write(result, self.output(record))
        record.add_artifact("output", output)
        record.add_artifact("style", style)
        record.status = "completed"
        return record

    def _write(self, cells: Cells, path: Path) -> tuple[str, str]:
        """Write the features as they are now and their style; return the digests of both files."""
        # Imported here: a model is defined without pandas.
        from dissmodel.io.vector import save_gdf  # noqa: PLC0415  (as above)

        output = save_gdf(with_state(cells), path, layer=self.name)
        return output, write_style(path, polygon_qml(_field_name(cells.found["uso"], path)))


class FloodVector(CoastalVector):
    """Sea-level rise on a coast of polygons: the flood of BR-MANGUE alone."""

    name = "flood_vector"
    Parameters = FloodParameters


class MangroveVector(CoastalVector):
    """Mangrove migration on a coast of polygons: the mangrove of BR-MANGUE alone."""

    name = "mangrove_vector"
    Parameters = MangroveParameters


def _warn_of_resolution(parameters: SeaParameters) -> None:
    if parameters.resolution is not None:
        warnings.warn(
            f"resolution = {parameters.resolution:g} changes nothing: polygons are not resampled.",
            DissmodelWarning,
            stacklevel=3,
        )


def _refuse_unsavable(cells: Cells, record: ExperimentRecord, *, losses: bool) -> None:
    """Refuse features that the output's format can't hold; warn of what it changes, if `losses`."""
    if record.output_path is None:
        return
    # Imported here: a model is defined without pandas.
    from dissmodel.io.vector import check_savable  # noqa: PLC0415  (as above)

    check_savable(with_state(cells), record.output_path, losses=losses)


def _field_name(column: str, path: Path) -> str:
    """Return what a column is called in the file; a Shapefile cuts names."""
    if path.suffix.lower() != ".shp":
        return column
    return column.encode()[:_SHAPEFILE_NAME].decode(errors="ignore")


def _examine(data: Any, parameters: SeaParameters, record: ExperimentRecord, collector: Collector) -> int:
    """Look at the input of a run that writes polygons; return how many bytes these take, at most."""
    cells = None
    with collector.at():
        _warn_of_resolution(parameters)
        cells = read_cells(data, parameters, record.column_map, collector)
        if cells is not None:
            collector.add("ok", described("polygons, ", cells.state, parameters))
            _refuse_unsavable(cells, record, losses=True)
    written = 1 + (0 if cells is None else parameters.kept_after(cells.state.step))
    return written * _bytes(data) if hasattr(data, "geometry") else 0


def _bytes(frame: Any) -> int:
    fields = frame.drop(columns=frame.geometry.name)
    names = sum(len(str(name)) + _FIELD_BYTES for name in fields)
    coordinates = int(frame.geometry.count_coordinates().sum())
    values = int(fields.memory_usage(index=False, deep=True).sum())
    return values + 2 * _COORDINATE_BYTES * coordinates + (_FEATURE_BYTES + names) * len(frame)
