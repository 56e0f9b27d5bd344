"""``python -m dissmodel.service.describe``: what models are, for a process that loads no model.

Reads a list of models as JSON from standard input, and writes a list with ``summary`` and ``schema`` each.
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Mapping
from typing import Any

from dissmodel.consent import Consent
from dissmodel.errors import DissmodelError
from dissmodel.record.redact import redact
from dissmodel.running.model import GivenSpec, ModelRequest, open_model

_BOUNDS = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum"}


def main() -> None:
    """Describe the models of standard input."""
    asked = json.load(sys.stdin)
    with contextlib.redirect_stdout(sys.stderr):
        found = [_described(one) for one in asked]
    json.dump(found, sys.stdout)


def _described(asked: Mapping[str, Any]) -> dict[str, Any]:
    spec = GivenSpec(asked["spec"], asked["name"], asked["commit"]) if asked["spec"] else None
    request = ModelRequest(
        model=asked["name"] if spec is None else None, spec=spec, consent=Consent(offline=True)
    )
    try:
        with open_model(request) as model:
            return {"summary": model.host.info.summary, "schema": _standard(model.host.schema())}
    except Exception as error:  # noqa: BLE001  (a model is foreign code: whatever it raises, the others are described)
        said = error.message if isinstance(error, DissmodelError) else f"{type(error).__name__}: {error}"
        return {"problem": redact(said)}


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
