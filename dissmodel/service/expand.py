"""``python -m dissmodel.service.expand``: the runs of a sweep's plan, for a process that loads no model.

Reads what a client sent and the model as JSON from standard input, and writes ``plan``, the TOML of the plan
as it was resolved, and ``rows``: of each row the key of its run, the run's seed, the number of the replicate,
the varied parameters and the varied inputs. What is wrong with the plan is written as ``error``.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from dissmodel.errors import DissmodelError, UsageError
from dissmodel.record.plain import plain
from dissmodel.record.redact import redact
from dissmodel.running.model import ModelRequest, open_model
from dissmodel.running.prepare import check_until
from dissmodel.service.child import limit_memory, model_of, own_output
from dissmodel.sweeping.keys import named_runs
from dissmodel.sweeping.plan import Plan
from dissmodel.sweeping.values import Bounds, Varied, is_input, varied

_SHORT = 32  # of a key's 64 digits


def main() -> None:
    """Write the runs of the plan on standard input."""
    asked = json.load(sys.stdin)
    limit_memory(asked["memory"])
    with own_output() as answer:
        json.dump(expanded(asked), answer)


def expanded(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `main` writes."""
    try:
        plan = _plan(asked)
        _refuse_many(len(plan), asked["most"])
        with open_model(ModelRequest(**model_of(asked))) as model:
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
    grids, design = list(_grids(asked)), asked["design"]
    if design is not None and design.lower().endswith(".csv"):
        what = f"design = {design[:80]!r}: a file of the server is no design here"
        raise UsageError(f"{what}.", "Give a row each: vary may be a list of tables.", code="bad_design")
    names = ("parameters", "replicates", "seed", "until")
    fields = {"model": asked["name"], **{name: asked[name] for name in names}}
    return Plan.from_settings({**fields, "design": design, "grids": grids, "folder": Path()})


def _grids(asked: Mapping[str, Any]) -> Iterator[dict[str, Varied]]:
    """Yield the values of each table of `vary`, as long as they do not make too many runs."""
    before = 0
    for given in asked["vary"]:
        grid: dict[str, Varied] = {}
        runs = 1
        for name, one in given.items():
            grid[name] = values = varied(one, name)
            are_texts = not isinstance(values, Bounds) and all(isinstance(value, str) for value in values)
            if is_input(name) and not are_texts:
                raise UsageError(f"{name}: its values are inputs.", f'"{name}": "a.tif,b.tif"')
            count = 1 if isinstance(values, Bounds) else len(values)
            runs = max(runs, count) if asked["design"] is not None else runs * count
            _refuse_many(before + runs, asked["most"])
        before += runs
        yield grid


def _refuse_many(runs: int, most: int) -> None:
    if runs > most:
        raise UsageError(
            f"The plan has {runs:,} runs or more; a sweep may have {most:,} here.",
            "Vary less, or run it on a machine of your own: dissmodel sweep",
            code="many_runs",
        )


if __name__ == "__main__":
    main()
