"""``python -m dissmodel.service.describe``: what models are, for a process that loads no model.

Reads a list of models as JSON from standard input, and writes a list: ``summary`` and ``schema`` of each, and
what else a page shows of a model.
"""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from dissmodel.errors import DissmodelError
from dissmodel.record.redact import redact
from dissmodel.running.model import ModelRequest, open_model
from dissmodel.service.child import model_of, own_output

_BOUNDS = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum"}


def main() -> None:
    """Describe the models of standard input."""
    asked = json.load(sys.stdin)
    with own_output() as answer:
        json.dump([_described(one) for one in asked], answer)


def _described(asked: Mapping[str, Any]) -> dict[str, Any]:
    try:
        with open_model(ModelRequest(**model_of(asked))) as model:
            info = model.host.info
            legends = {name: list(map(asdict, one)) for name, one in info.legends.items()}
            fields = {**dict.fromkeys(legends, ""), **info.input_fields}
            return {
                "summary": info.summary,
                "schema": _standard(model.host.schema()),
                "about": _about(model.host),
                "fields": [
                    {"name": name, "takes": takes, "classes": legends.get(name, [])}
                    for name, takes in fields.items()
                ],
                "substrate": info.substrate,
                "suffixes": list(info.output_suffixes),
                "ends_early": info.ends_early,
            }
    except Exception as error:  # noqa: BLE001  (a model is foreign code: whatever it raises, the others are described)
        said = error.message if isinstance(error, DissmodelError) else f"{type(error).__name__}: {error}"
        return {"problem": redact(said)}


def _about(host: object) -> str:
    """Return what the module of a model says, such as its sources; of an isolated model, nothing."""
    executor = getattr(host, "executor", None)
    module = sys.modules.get(getattr(executor, "__module__", ""))
    return (inspect.getdoc(module) or "") if module is not None else ""


def _standard(schema: Any) -> Any:
    """Return a schema with standard names of bounds: pydantic calls those of optional numbers ge or lt."""
    if isinstance(schema, list):
        return [_standard(one) for one in schema]
    if not isinstance(schema, Mapping):
        return schema
    return {
        _BOUNDS[name] if name in _BOUNDS and isinstance(value, int | float) else name: _standard(value)
        for name, value in schema.items()
    }


if __name__ == "__main__":
    main()
