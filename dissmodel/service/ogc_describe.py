"""Models as processes of OGC API - Processes: their summaries, inputs and outputs."""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from dissmodel import __version__
from dissmodel.errors import did_you_mean
from dissmodel.service import models, openapi30
from dissmodel.service.bodies import Job
from dissmodel.service.models import Model
from dissmodel.service.refusals import refused
from dissmodel.service.schemas import Schemas, is_path

JSON = "application/json"
BOTH = ("value", "reference")
_COMMON: Mapping[str, tuple[str, str, str]] = {
    "input": ("input_dataset", "Input", "The dataset: a URI that a job may read, or a link to it"),
    "format": ("input_format", "Format", "Of the input"),
    "layer": ("layer", "Layer", "Of the input that the model reads"),
    "seed": ("seed", "Seed", "Of the random numbers"),
    "band_map": ("band_map", "Bands", "A field of the model → the band of the input, by its name or number"),
    "column_map": ("column_map", "Columns", "A field of the model → the column of the input"),
    "class_map": ("class_map", "Classes", "A field of classes → the name of a table, or old code → new code"),
    "inputs": ("inputs", "Other inputs", "A field that is read from another dataset → its URI, or URI:BAND"),
    "resample": ("resample", "Resampling", "Of the other inputs, where their grid is another one"),
}
FIELDS: Mapping[str, str] = {name: field for name, (field, *_) in _COMMON.items()}
"""The inputs that every process has, and what a job calls them."""

_OUTPUTS = {
    "output": {
        "title": "Result",
        "description": "The map or table that the run wrote, always by reference",
        "schema": {"type": "string", "format": "binary", "contentMediaType": "application/octet-stream"},
    },
    "record": {
        "title": "Record",
        "description": "The proof: input, parameters, code, runtime and the digest of each file",
        "schema": {"type": "object", "contentMediaType": JSON},
    },
}
_PARAMETER = "parameters."


def input_of(parameter: str) -> str:
    """Return what the input of a parameter is called.

    >>> input_of("end_time"), input_of("layer")
    ('end_time', 'parameters.layer')
    """
    return f"{_PARAMETER}{parameter}" if parameter in FIELDS else parameter


def parameter_of(name: str) -> str:
    """Return which parameter an input is.

    >>> parameter_of("end_time"), parameter_of("parameters.layer")
    ('end_time', 'layer')
    """
    rest = name.removeprefix(_PARAMETER)
    return rest if rest in FIELDS else name


def link(href: str, rel: str, title: str | None = None, kind: str = JSON) -> dict[str, Any]:
    """Return a link."""
    return {"href": href, "rel": rel, "type": kind, "title": title}


def summaries(schemas: Schemas, base: str) -> list[dict[str, Any]]:
    """Return the summary of each process: of each model that has a spec that can be read."""
    return [_summary(row, base) for row in models.list_models(schemas.summary) if row["class"] is not None]


def process(name: str, schemas: Schemas, base: str) -> dict[str, Any]:
    """Return the description of a process; errors as for `models.find_model`."""
    model = models.find_model(name)
    schema, problem = schemas.of(model), schemas.problem(model)
    rows = models.list_models(schemas.summary)
    row = next(one for one in rows if name in {one["name"], f"{one['registry']}/{one['name']}"})
    said = _summary({**row, "name": name}, base)
    if problem:
        said["description"] = f"{said['description'] or ''} Its parameters are not known: {problem}".strip()
    return {**said, "inputs": dict(_inputs(model, schema or {})), "outputs": _OUTPUTS}


def check(model: Model, schema: Mapping[str, Any] | None, parameters: Mapping[str, Any]) -> None:
    """Refuse parameters that are not as the process is described.

    Raises
    ------
    UsageError
        If there is no such parameter, a value does not fit, or a required one is missing (code
        ``"bad_process_input"``).
    """
    from jsonschema import Draft202012Validator  # noqa: PLC0415  (only where a job is submitted)
    from jsonschema.exceptions import best_match  # noqa: PLC0415
    from referencing import Registry  # noqa: PLC0415
    from referencing.exceptions import Unresolvable  # noqa: PLC0415

    if schema is None:
        return
    known = schema.get("properties") or {}
    for name, value in parameters.items():
        if name not in known and not schema.get("additionalProperties"):
            there = [*FIELDS, *map(input_of, known)]
            what = f"The process {model.name} has no input {name[:80]!r}. {did_you_mean(name, there)}"
            raise refused("bad_process_input", what)
        whole = {"$defs": schema.get("$defs", {}), "allOf": [known.get(name, {})]}
        try:
            # An empty registry: a schema makes no request.
            wrong = best_match(Draft202012Validator(whole, registry=Registry()).iter_errors(value))
        except (Unresolvable, re.error):  # a pattern of pydantic may be none of Python: the run checks it
            continue
        if wrong is not None:
            raise refused("bad_process_input", f"{input_of(name)}: {wrong.message[:500]}.")
    missing = set(schema.get("required") or ()) - set(parameters) - set(_given(model))
    if missing:
        raise refused("bad_process_input", f"{input_of(min(missing))}: this input is required.")


def _summary(row: Mapping[str, Any], base: str) -> dict[str, Any]:
    at = f"{base}/processes/{quote(row['name'])}"
    return {
        "id": row["name"],
        "version": row["commit"] or _version(row["registry"]),
        "title": row["title"] or row["name"],
        "description": row["description"] or None,
        "keywords": [row["group"]] if row["group"] else None,
        "jobControlOptions": ["async-execute", "dismiss"],
        "outputTransmission": BOTH,
        "links": [
            link(at, "self", "Description"),
            link(f"{at}/execution", "http://www.opengis.net/def/rel/ogc/1.0/execute", "Execution"),
        ],
    }


def _version(origin: str) -> str:
    if origin == "builtin":
        return __version__
    try:
        return importlib.metadata.version(origin)
    except importlib.metadata.PackageNotFoundError:  # a registry that is no repository
        return "unknown"


def _given(model: Model) -> Mapping[str, Any]:
    """Return the parameters that a model's spec sets."""
    found = models.shown_spec(model).get("model", {}).get("parameters", {})
    return found if isinstance(found, Mapping) else {}


def _inputs(model: Model, schema: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the inputs that every process has, then the parameters of this one."""
    fields = Job.model_json_schema()
    for name, (field, title, text) in _COMMON.items():
        shown = openapi30.schema_of(fields["properties"][field], fields.get("$defs", {}))
        shown = {key: value for key, value in shown.items() if key not in {"title", "description"}}
        is_needed = field in fields["required"]
        yield name, _input({"title": title, "description": text}, shown, is_needed)
    given, required = _given(model), set(schema.get("required") or ())
    for name, one in (schema.get("properties") or {}).items():
        if name == "seed" or is_path(one, schema):  # the input seed is the same; no path may be given
            continue
        shown = openapi30.schema_of(one, schema.get("$defs", {}))
        if name in given:
            shown["default"] = given[name]
        about: dict[str, Any] = {key: shown.pop(key) for key in ("title", "description") if key in shown}
        if isinstance(one, Mapping) and one.get("unit"):
            about["description"] = f"{about.get('description', '')} ({one['unit']})".strip()
        yield input_of(name), _input(about, shown, name in required and name not in given)


def _input(about: Mapping[str, Any], schema: Mapping[str, Any], is_needed: bool) -> dict[str, Any]:  # noqa: FBT001
    return {**about, "minOccurs": int(is_needed), "maxOccurs": 1, "schema": schema}
