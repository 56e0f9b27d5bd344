"""``python -m dissmodel.service.expand``: the runs of a sweep's plan, for a process that loads no model.

Reads what a client sent and the model as JSON from standard input, and writes ``plan``, the TOML of the plan
as it was resolved, and ``rows``: of each row the key of its run, the run's seed, the number of the replicate,
the varied parameters and the varied inputs. What is wrong with the plan is written as ``error``.
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dissmodel.consent import Consent
from dissmodel.errors import DissmodelError, UsageError
from dissmodel.record.plain import plain
from dissmodel.record.redact import redact
from dissmodel.running.model import GivenSpec, ModelRequest, open_model
from dissmodel.running.prepare import check_until
from dissmodel.sweeping.keys import named_runs
from dissmodel.sweeping.plan import Plan
from dissmodel.sweeping.values import Bounds, is_input, varied

_SHORT = 32  # of a key's 64 digits


def main() -> None:
    """Write the runs of the plan on standard input."""
    asked = json.load(sys.stdin)
    with contextlib.redirect_stdout(sys.stderr):
        found = expanded(asked)
    json.dump(found, sys.stdout)


def expanded(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `main` writes."""
    try:
        plan = _plan(asked)
        if len(plan) > asked["most"]:
            raise UsageError(
                f"The plan has {len(plan):,} runs; a sweep may have {asked['most']:,} here.",
                "Vary less, or run it on a machine of your own: dissmodel sweep",
                code="many_runs",
            )
        spec = GivenSpec(asked["spec"], asked["name"], asked["commit"]) if asked["spec"] else None
        name = asked["name"] if spec is None else None
        with open_model(ModelRequest(model=name, spec=spec, consent=Consent(offline=True))) as model:
            check_until(plan.until, model.host.info)
            runs = named_runs(plan, model)
            rows = [[one.key[:_SHORT], one.seed, one.replicate, one.values, one.inputs] for one in runs]
            return {"plan": runs.plan.to_toml(), "rows": plain(rows)}
    except DissmodelError as error:
        return {"error": _told(error)}
    except Exception as error:  # noqa: BLE001  (a model is foreign code: whatever it raises, the client is told)
        what = f"The model could not check the plan: {type(error).__name__}: {redact(str(error))}"
        return {"error": _told(UsageError(what, "Ask the model's author.", code="parameter"))}


def _told(error: DissmodelError) -> dict[str, Any]:
    said = {"message": redact(error.message), "hint": redact(error.hint)}
    return {**said, "code": error.code, "exit_code": error.exit_code}


def _plan(asked: Mapping[str, Any]) -> Plan:
    grids = [{name: varied(one, name) for name, one in grid.items()} for grid in asked["vary"]]
    for grid in grids:
        for name, values in grid.items():
            if is_input(name) and (isinstance(values, Bounds) or not all(isinstance(v, str) for v in values)):
                raise UsageError(f"{name}: its values are inputs.", f'"{name}": "a.tif,b.tif"')
    design = asked["design"]
    if design is not None and design.lower().endswith(".csv"):
        what = f"design = {design[:80]!r}: a file of the server is no design here"
        raise UsageError(f"{what}.", "Give a row each: vary may be a list of tables.", code="bad_design")
    names = ("parameters", "replicates", "seed", "until")
    fields = {"model": asked["name"], **{name: asked[name] for name in names}}
    return Plan.from_settings({**fields, "design": design, "grids": grids, "folder": Path()})


if __name__ == "__main__":
    main()
