"""The models that work on polygons: `coastal_vector`, `flood_vector` and `mangrove_vector`."""

from __future__ import annotations

import warnings
from typing import Any

from dissmodel.cells.writing import VECTORS
from dissmodel.errors import DissmodelWarning
from dissmodel.executor import ExperimentRecord
from dissmodel.executor.findings import RAISED, Problems
from dissmodel.models.coastal.model import CoastalModel
from dissmodel.models.coastal.parameters import FloodParameters, MangroveParameters


class CoastalVector(CoastalModel):
    """Sea-level rise and mangrove migration on a coast of polygons (BR-MANGUE).

    Reads polygons of any shape with the fields ``uso``, ``alt`` and ``solo``; writes the same features, in
    the same order, with these fields as they are after the last step and ``passo``, the number of this step.
    """

    name = "coastal_vector"
    substrate = "vector"
    output_suffix = VECTORS[0]
    output_suffixes = VECTORS

    def check(self, record: ExperimentRecord, problems: Problems = RAISED) -> Any:
        """Validate the record, and warn of a resolution, which polygons don't have."""
        parameters = super().check(record, problems)
        if parameters.resolution is not None:
            warnings.warn(
                f"resolution = {parameters.resolution:g} changes nothing: polygons are not resampled.",
                DissmodelWarning,
                stacklevel=3,
            )
        return parameters


class FloodVector(CoastalVector):
    """Sea-level rise on a coast of polygons: the flood of BR-MANGUE alone."""

    name = "flood_vector"
    Parameters = FloodParameters


class MangroveVector(CoastalVector):
    """Mangrove migration on a coast of polygons: the mangrove of BR-MANGUE alone."""

    name = "mangrove_vector"
    Parameters = MangroveParameters
