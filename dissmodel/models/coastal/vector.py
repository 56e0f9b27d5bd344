"""The executors that work on polygons: `coastal_vector`, `flood_vector` and `mangrove_vector`."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

from dissmodel.cells.style import polygon_qml, write_style
from dissmodel.errors import DissmodelWarning
from dissmodel.executor import ExperimentRecord
from dissmodel.executor.findings import RAISED, Problems
from dissmodel.models.coastal.classes import LAND_USES
from dissmodel.models.coastal.contract import StateExecutor
from dissmodel.models.coastal.parameters import FloodParameters, MangroveParameters, SeaParameters
from dissmodel.models.coastal.polygons import Cells, read_cells, with_state
from dissmodel.models.coastal.state import CellState

_SHAPEFILE_NAME = 10  # bytes
# The bytes of a number, its field name and the marks around them in GeoJSON, the largest format.
_FIELD_BYTES, _COORDINATE_BYTES, _FEATURE_BYTES = 40, 25, 200


class CoastalVector(StateExecutor[Cells]):
    """Sea-level rise and mangrove migration on a coast of polygons (BR-MANGUE).

    Reads polygons of any shape with the fields ``uso``, ``alt`` and ``solo``; writes the same features, in
    the same order, with these fields as they are after the last step and ``passo``, the number of this step.
    """

    name = "coastal_vector"
    substrate = "vector"
    output_suffix = ".gpkg"
    output_suffixes = (".gpkg", ".parquet", ".fgb", ".geojson", ".json", ".shp")

    def check(self, record: ExperimentRecord, problems: Problems = RAISED) -> SeaParameters:
        """Validate the record, and warn of a resolution, which polygons don't have."""
        parameters = super().check(record, problems)
        if parameters.resolution is not None:
            warnings.warn(
                f"resolution = {parameters.resolution:g} changes nothing: polygons are not resampled.",
                DissmodelWarning,
                stacklevel=3,
            )
        return parameters

    def read(
        self, data: Any, parameters: SeaParameters, record: ExperimentRecord, problems: Problems
    ) -> Cells | None:
        """Return a dataset as polygons that are cells."""
        return read_cells(data, parameters, record.column_map, problems)

    def state_of(self, data: Cells) -> CellState:
        """Return the cell space that the polygons are."""
        return data.state

    def layout_of(self, data: Cells) -> str:  # noqa: ARG002  (of any of them)
        """Return that these are polygons."""
        return "polygons"

    def most_bytes(self, data: Any, read: Cells | None, parameters: SeaParameters) -> int:
        """Return the size of all results in the most wordy of the formats."""
        kept = 0 if read is None else parameters.kept_after(read.state.step)
        return (1 + kept) * _bytes(data) if hasattr(data, "geometry") else 0

    def check_savable(self, data: Cells, record: ExperimentRecord, *, losses: bool) -> None:
        """Refuse features that the output's format can't hold; with `losses` warn of what it changes."""
        if record.output_path is not None:
            # Imported here: a model is defined without pandas.
            from dissmodel.io.vector import check_savable  # noqa: PLC0415  (as above)

            check_savable(with_state(data), record.output_path, losses=losses)

    def write(self, data: Cells, path: Path) -> tuple[str, str]:
        """Write the features in the format of the path's suffix, and their style; return both digests."""
        from dissmodel.io.vector import save_gdf  # noqa: PLC0415  (as above)

        output = save_gdf(with_state(data), path, layer=self.name)
        return output, write_style(path, polygon_qml(LAND_USES, _field_name(data.found["uso"], path)))


class FloodVector(CoastalVector):
    """Sea-level rise on a coast of polygons: the flood of BR-MANGUE alone."""

    name = "flood_vector"
    Parameters = FloodParameters


class MangroveVector(CoastalVector):
    """Mangrove migration on a coast of polygons: the mangrove of BR-MANGUE alone."""

    name = "mangrove_vector"
    Parameters = MangroveParameters


def _field_name(column: str, path: Path) -> str:
    """Return what a column is called in the file; a Shapefile cuts names."""
    if path.suffix.lower() != ".shp":
        return column
    return column.encode()[:_SHAPEFILE_NAME].decode(errors="ignore")


def _bytes(frame: Any) -> int:
    fields = frame.drop(columns=frame.geometry.name)
    names = sum(len(str(name)) + _FIELD_BYTES for name in fields)
    coordinates = int(frame.geometry.count_coordinates().sum())
    values = int(fields.memory_usage(index=False, deep=True).sum())
    return values + 2 * _COORDINATE_BYTES * coordinates + (_FEATURE_BYTES + names) * len(frame)
