"""The data that goes between a client, a platform and an executor, under its published names."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field, model_validator

from dissmodel.record import DataSource, ExperimentRecord

__all__ = ["DataSource", "ExperimentRecord", "InlineJobRequest", "JobRequest", "JobResponse"]


class JobRequest(BaseModel):
    """What to run, on what, with what.

    The nested form means the same: ``JobRequest(model={"class", "package", "parameters"},
    source={"type", "uri"})``.

    >>> JobRequest(model={"class": "coastal_raster"}, source={"uri": "grid.zip"}).input_dataset
    'grid.zip'
    """

    model_name: str
    input_dataset: str
    input_format: Literal["tiff", "vector", "auto"] = "auto"
    parameters: dict[str, Any] = Field(default_factory=dict)
    column_map: dict[str, Any] = Field(default_factory=dict)
    band_map: dict[str, Any] = Field(default_factory=dict)
    priority: Literal["low", "normal", "high"] = "normal"
    package: str | None = None
    source_type: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _flatten(cls, given: Any) -> Any:
        if not isinstance(given, Mapping):
            return given
        flat = dict(given)
        model, source = flat.pop("model", None), flat.pop("source", None)
        if isinstance(model, Mapping):
            flat.setdefault("model_name", model.get("class"))
            flat.setdefault("package", model.get("package"))
            flat.setdefault("parameters", model.get("parameters", {}))
        if isinstance(source, Mapping):
            flat.setdefault("input_dataset", source.get("uri"))
            flat.setdefault("source_type", source.get("type"))
        return flat


class JobResponse(BaseModel):
    """What became of a job."""

    job_id: str
    experiment_id: str
    status: str
    model_name: str
    created_at: datetime
    output_path: str | None = None
    output_sha256: str | None = None
    input_sha256: str | None = None
    logs: list[str] = Field(default_factory=list)


class InlineJobRequest(BaseModel):
    """Like `JobRequest`, with the text of a model's TOML in place of its name."""

    input_dataset: str
    model_spec_toml: str
    input_format: Literal["tiff", "vector", "auto"] = "auto"
    parameters: dict[str, Any] = Field(default_factory=dict)
    column_map: dict[str, Any] = Field(default_factory=dict)
    band_map: dict[str, Any] = Field(default_factory=dict)
