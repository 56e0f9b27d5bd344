"""What comes out of a sweep: statistics over its replicates, and what a design says of sensitivity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from dissmodel import temporary
from dissmodel.errors import DissmodelError
from dissmodel.record.plain import plain
from dissmodel.service.documents import Sweep
from dissmodel.sweeping.designs import Design
from dissmodel.sweeping.plan import Plan

_COMPLETED = "completed"


def summary_of(sweep: Sweep, runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what ``dissmodel sweep summary`` has as tables, of the runs that completed.

    `runs` are all rows of the plan, as the HTTP API lists them. ``rows`` has for each metric the statistics
    of the replicates of a row of the plan, or of all runs where there are none; ``indices`` those of a metric
    over a Sobol or Morris design, and ``refused`` why a metric has none.
    """
    import numpy as np  # noqa: PLC0415  (few requests need it)

    from dissmodel.metrics.samples import STATISTICS, statistics  # noqa: PLC0415  (as above)
    from dissmodel.sweeping.sensitivity import indices  # noqa: PLC0415  (as above)

    plan = _plan(sweep)
    completed = {one["experiment_id"]: one for one in runs if one["status"] == _COMPLETED}
    metrics = list(dict.fromkeys(name for one in completed.values() for name in one["metrics"] or ()))
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for one in completed.values():
        groups.setdefault(repr(one["values"]) if plan.replicates > 1 else "", []).append(one)
    rows = [
        {
            "values": group[0]["values"] if plan.replicates > 1 else {},
            "metric": name,
            **dict(zip(STATISTICS, statistics(_column(np, group, name)), strict=True)),
        }
        for group in groups.values()
        for name in metrics
    ]
    found: dict[str, Any] = {}
    refused: dict[str, str] = {}
    design = plan.design
    if isinstance(design, Design) and design.kind in {"sobol", "morris"}:
        shape = (len(design), plan.replicates)
        keys = np.reshape([one["experiment_id"] for one in runs], shape)
        for name in metrics:
            try:
                made = indices(design, name, np.reshape(_column(np, runs, name), shape), keys)
                found[name] = [asdict(one) for one in made]
            except DissmodelError as error:
                refused[name] = error.message
    summary: dict[str, Any] = plain({"rows": rows, "indices": found, "refused": refused})
    return {"runs": len(sweep.jobs), "completed": len(completed), **summary}


def _column(np: Any, runs: Sequence[Mapping[str, Any]], metric: str) -> Any:
    """Return a metric of each run, NaN where a run has none."""
    return np.array([_number((one["metrics"] or {}).get(metric)) for one in runs], np.float64)


def _number(value: Any) -> float:
    return float("nan") if value is None else float(value)


def _plan(sweep: Sweep) -> Plan:
    with temporary.new_folder() as folder:
        path = folder / "sweep.toml"
        path.write_text(sweep.plan, encoding="utf-8")
        return Plan.from_toml(path)
