"""The noun of the project: what a run was."""

from dissmodel.record.schema import (
    MAIN,
    SCHEMA_VERSION,
    Artifact,
    Code,
    ContentDigest,
    DataSource,
    ExperimentRecord,
    Failure,
    FieldRead,
    Grid,
    Note,
    OtherSource,
    Package,
    Replacement,
    Reproduction,
    Runtime,
)

__all__ = [
    "MAIN",
    "SCHEMA_VERSION",
    "Artifact",
    "Code",
    "ContentDigest",
    "DataSource",
    "ExperimentRecord",
    "Failure",
    "FieldRead",
    "Grid",
    "Note",
    "OtherSource",
    "Package",
    "Replacement",
    "Reproduction",
    "Runtime",
]
