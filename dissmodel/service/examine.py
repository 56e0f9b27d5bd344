"""``python -m dissmodel.service.examine``: what is wrong with a job, for a process that loads no model.

Reads a job and where its inputs are here as JSON from standard input. Writes ``findings``, and as
``parameters`` what is wrong with the value of each.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

from dissmodel.errors import ConsentRequired
from dissmodel.record.redact import redact
from dissmodel.running.model import ModelRequest, open_model, parameter_layers
from dissmodel.running.others import given_inputs
from dissmodel.running.validate import ValidateRequest, validate
from dissmodel.service.child import limit_memory, model_of, own_output


def main() -> None:
    """Examine the job on standard input."""
    asked = json.load(sys.stdin)
    limit_memory(asked["memory"])
    with own_output() as answer:
        json.dump(examined(asked), answer)


def examined(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `main` writes."""
    wrong, findings = _wrong(asked), _findings(asked)
    told = {text for texts in wrong.values() for text in texts}
    left = [one for one in findings if one["severity"] != "ok" and one["message"] not in told]
    return {"findings": left, "parameters": wrong}


def _findings(asked: Mapping[str, Any]) -> list[dict[str, str]]:
    pairs = [tuple(pair) for pair in asked["inputs"]]
    place, fields, others = given_inputs(pairs, asked["resample"]) if pairs else ("", {}, ())
    suffix = asked["output_suffix"]
    request = ValidateRequest(
        **model_of(asked),
        parameters=asked["parameters"],
        parameters_from="request",
        inputs=(place,) if place else (),
        fields={**fields, **asked["input_fields"]},
        others=others,
        output=f"output{suffix}" if suffix else None,
        **{name: asked[name] for name in ("band_map", "column_map", "class_map", "layer")},
        format=asked["input_format"],
    )
    names = ("severity", "subject", "message", "hint")
    try:
        return [{name: getattr(one, name) for name in names} for one in validate(request).findings]
    except ConsentRequired as error:  # nobody is here to be asked: the job would fail
        said = {"message": redact(error.message), "hint": "The setting trust has to name it."}
        return [{"severity": "error", "subject": asked["name"], **said}]


def _wrong(asked: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return what is wrong with each parameter by itself."""
    try:
        with open_model(ModelRequest(**model_of(asked))) as model:

            def told(values: Mapping[str, Any]) -> dict[str, None]:
                layers = parameter_layers(model.spec, values, "request")
                return {redact(one.message): None for one in model.host.check(layers).problems}

            without = told({})
            found = {name: told({name: one}) for name, one in asked["parameters"].items()}
            return {name: [one for one in texts if one not in without] for name, texts in found.items()}
    except Exception:  # noqa: BLE001  (a model is foreign code; that it can't be opened is a finding)
        return {}


if __name__ == "__main__":
    main()
