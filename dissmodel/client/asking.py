"""From what a user asks for to the body of a job."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tomlkit

from dissmodel.client.arrival import Sent
from dissmodel.client.server import Server
from dissmodel.client.upload import uploaded
from dissmodel.errors import UsageError
from dissmodel.executor.named_files import is_class_map_file
from dissmodel.progress import Reporter
from dissmodel.record.plain import plain
from dissmodel.registry.spec import load_spec
from dissmodel.running.model import one_name
from dissmodel.running.prepare import RunRequest

UNNAMED = "*"
"""How the server knows an input that is of no field."""


def body_of(
    request: RunRequest, server: Server, reporter: Reporter
) -> tuple[str, dict[str, Any], list[Sent]]:
    """Upload the inputs; return the path and the body of the POST, and what was sent.

    Raises
    ------
    DissmodelError
        If the request can't be a job's, or an input can't be sent.
    """
    model = _model(request)
    maps = dict(request.class_map)
    if request.toml is not None:
        spec = load_spec(request.toml)
        of_spec = {name: one for name, one in spec.class_map.items() if is_class_map_file(one)}
        maps = {name: str(request.toml.parent / one) for name, one in of_spec.items()} | maps
    body = {
        **model,
        "class_map": {name: _sent_map(name, one) for name, one in maps.items()},
        "parameters": plain(request.parameters),
        "band_map": request.band_map,
        "column_map": request.column_map,
        "input_format": "tiff" if request.format == "raster" else request.format,
        "layer": request.layer,
        "resample": next((one.method for one in request.others), None),
        "seed": request.seed,
        "cog": request.cog,
        "input_fields": request.fields,
        "output_suffix": _suffix(request.output),
    }
    uri, first = uploaded(server, request.input, reporter)
    body["input_dataset"], sent, inputs = uri, [first], {}
    for number, one in enumerate(request.others):
        uri, what = uploaded(server, one.place, reporter)
        name, band = next(iter(one.fields.items()), (f"{UNNAMED}{number}", ""))
        inputs[name] = f"{uri}:{band}" if band else uri
        sent.append(what)
    path = "/submit_job" if request.toml is None else "/submit_job_inline"
    return path, {**body, "inputs": inputs}, sent


def _model(request: RunRequest) -> dict[str, str]:
    """Return the model as a job names it: by its name, or by the text of a TOML with the name in it."""
    name = request.model
    if name is not None and (name.endswith(".py") or ".py:" in name):
        raise UsageError(
            f"{name}: a server runs the models that are installed there, or in its registries, not a file.",
            f"Run it here: dissmodel run {name}",
        )
    if request.toml is None:
        if name is None:
            raise UsageError("Which model?", "Name a model, or a TOML that does.")
        return {"model_name": name}
    document = tomlkit.parse(request.toml.read_text(encoding="utf-8-sig"))
    document["model"]["class"] = one_name(name, load_spec(request.toml))
    return {"model_spec_toml": tomlkit.dumps(document)}


def _sent_map(name: str, given: Any) -> Any:
    """Return a class map as a job has it: a file's codes, not its path."""
    if not is_class_map_file(given):
        return given
    from dissmodel.cells.class_map import NONE, read_class_map  # noqa: PLC0415  (it loads NumPy)

    return {str(old): NONE if new is None else new for old, new in read_class_map(given, name).items()}


def _suffix(output: str | None) -> str | None:
    if output is None:
        return None
    is_folder = output.endswith(("/", "\\")) or Path(output).is_dir()
    return "/" if is_folder else Path(output).suffix
