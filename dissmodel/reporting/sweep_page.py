"""The report of a sweep: what varied, every run, and what `dissmodel sweep summary` finds in them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dissmodel import temporary
from dissmodel.errors import DissmodelError
from dissmodel.experiment.files import name_of
from dissmodel.experiment.source import InFolder
from dissmodel.experiment.verify import checks
from dissmodel.markup import number, value_text
from dissmodel.printable import count
from dissmodel.reporting.page import Cell, Chart, Code, Page, Table, facts, rendered, table
from dissmodel.reporting.sweep_maps import maps_over_runs
from dissmodel.sweeping.folder import SweepFolder, SweptRun
from dissmodel.sweeping.plan import Plan
from dissmodel.sweeping.summary import Summary, SummaryRequest, summary_in
from dissmodel.sweeping.values import is_input

_MOST_RUNS = 100
_MOST_METRICS = 6  # in the table of runs
_MOST_VALUES = 12
_STATISTICS = ("mean", "sd", "q05", "q50", "q95")
_WRONG = ("differs", "missing")
_KINDS = {
    "tornado": "Sensitivity of {}",
    "convergence": "{} over replicates",
    "steps": "{} over steps, all runs of a group",
}


def sweep_page(folder: SweepFolder) -> tuple[bytes, list[str]]:
    """Return the report of a sweep, and what it lacks.

    Raises
    ------
    DissmodelError
        If the plan or the table can't be read.
    """
    page, plan, runs = Page(), folder.plan, list(folder.runs())
    wrong = _wrong(folder, page)
    with temporary.new_folder() as scratch:
        summary = _summary(folder, scratch, page)
        content: dict[str, Any] = {
            "charts": [] if summary is None else _charts(folder, summary, scratch, page),
            "maps": [] if summary is None else maps_over_runs(scratch / "maps", page),
        }
    name = folder.path.resolve().name
    states = Counter(run.status for run in {one.key: one for one in runs}.values())
    said = ", ".join(f"{number} {status}" for status, number in sorted(states.items()))
    model = Path(plan.model).name if plan.model else "the model of its TOML"
    content |= {
        "title": f"Sweep of {model}: {name}",
        "lede": f"{count(len(runs), 'row')} of the plan, {count(states.total(), 'run')}: {said}.",
        "states": dict(sorted(states.items())),
        "wrong": wrong,
        "at_a_glance": _at_a_glance(plan, folder, model),
        "varied": _varied(plan),
        "fixed": _fixed(plan),
        "metrics": None if summary is None else _metrics(summary),
        "indices": None if summary is None else _indices(summary),
        "failed": _failed(runs),
        "runs": _runs(plan, runs),
    }
    return rendered("sweep.html", page, **content), page.told


def _wrong(folder: SweepFolder, page: Page) -> Sequence[tuple[str, str, str]]:
    """Return what is not as the record of the sweep says; the records of its runs are checked, too."""
    if not folder.record_path.exists():
        page.told.append("The sweep has not ended: it has no record of the whole, so nothing was checked.")
        return []
    try:
        found = list(checks(InFolder(folder.record_path)))
    except DissmodelError as error:
        return [("record", "differs", error.message)]
    return [(one.name, one.verdict, one.note or one.found) for one in found if one.verdict in _WRONG][:20]


def _summary(folder: SweepFolder, scratch: Path, page: Page) -> Summary | None:
    try:
        summary = summary_in(scratch, folder, SummaryRequest(folder=folder.path, maps="mean"))
    except DissmodelError as error:
        page.told.append(f"There is no summary of the runs: {error.message}")
        return None
    page.told += summary.notes
    if summary.refused is not None:
        page.told.append(summary.refused.message)
    return summary


def _at_a_glance(plan: Plan, folder: SweepFolder, model: str) -> dict[str, object]:
    inputs = [f"{name} = {name_of(place)}" if name else name_of(place) for name, place in plan.inputs]
    return facts(
        {
            "Model": model,
            "Inputs": ", ".join(inputs),
            "Design": "all combinations" if plan.design is None else str(plan.design),
            "Replicates": str(plan.replicates),
            "Seed of the sweep": str(plan.seed),
            "Ends a run": plan.until,
            "Kept": "the records only" if plan.keep == "records" else "",
            "Digest of the plan": Code(plan.digest),
            "Record": folder.record_path.name if folder.record_path.exists() else "",
        }
    )


def _varied(plan: Plan) -> Table | None:
    known: dict[str, list[str]] = {name: [] for name in plan.names}
    factors = getattr(plan.design, "factors", None)
    for grid in plan.grids if factors is None else [factors]:
        for name, values in grid.items():
            said = [value_text(one) for one in values] if isinstance(values, tuple) else [str(values)]
            more = [f"… {len(said)} values"] if len(said) > _MOST_VALUES else []
            known[name].append(", ".join([*said[:_MOST_VALUES], *more]))
    rows = [(name, "; ".join(values) or "as in the design's file") for name, values in known.items()]
    return table("What varies", ("name", "values"), rows) if rows else None


def _fixed(plan: Plan) -> Table | None:
    rows = [(name, value_text(value)) for name, value in plan.parameters.items()]
    return table("Parameters that are the same in all runs", ("parameter", "value"), rows) if rows else None


def _metrics(summary: Summary) -> Table | None:
    head = (*(summary.grouped_by or ("runs of",)), "metric", "runs", *_STATISTICS)
    rows = [
        (
            *(map(value_text, row.group) if row.group else ("all",)),
            row.metric,
            number(row.statistics["runs"]),
            *(_finite(row.statistics[one]) for one in _STATISTICS),
        )
        for row in summary.rows
    ]
    return (
        table("Metrics over runs", head, rows, most=200, texts=len(head) - 1 - len(_STATISTICS))
        if rows
        else None
    )


def _finite(value: float) -> str:
    return number(value) if math.isfinite(value) else ""


def _indices(summary: Summary) -> Table | None:
    rows = [
        (metric, one.parameter, one.name, number(one.value), number(one.half_width))
        for metric, several in summary.indices.items()
        for one in several
    ]
    head = ("metric", "parameter", "index", "value", "± (95 %)")
    return table("Sensitivity", head, rows, most=200, texts=3) if rows else None


def _charts(folder: SweepFolder, summary: Summary, scratch: Path, page: Page) -> list[Chart]:
    from dissmodel.visualization.page_charts import on_page  # noqa: PLC0415  (it loads matplotlib)

    charts = []
    for file in summary.files:
        kind, _, rest = file.name.partition(".")
        if file.suffix == ".svg" and kind in _KINDS:
            said = _KINDS[kind].format(rest.removesuffix(".svg").replace("_", " "))
            svg = on_page((scratch / file.relative_to(folder.summary_path)).read_bytes(), page.number())
            charts.append(Chart(svg, said, f"{said}; the tables have the numbers.", wide=True))
    return charts


def _failed(runs: list[SweptRun]) -> Table | None:
    rows = [
        (str(number), run.key[:16], run.status, run.error) for number, run in enumerate(runs, 1) if run.error
    ]
    return table("Runs that failed", ("run", "key", "status", "error"), rows, most=50) if rows else None


def _runs(plan: Plan, runs: list[SweptRun]) -> Table:
    metrics = list(dict.fromkeys(name for run in runs for name in run.metrics))[:_MOST_METRICS]
    rows: list[tuple[Cell, ...]] = []
    for place, run in enumerate(runs[:_MOST_RUNS], 1):
        values = {name: value_text(value) for name, value in run.values.items()}
        inputs = {f"input.{name}" if name else "input": name_of(uri) for name, uri in run.inputs.items()}
        given = [(inputs if is_input(name) else values).get(name, "") for name in plan.names]
        measured = [number(run.metrics.get(name)) for name in metrics]
        rows.append((str(place), *given, str(run.replicate), run.seed, run.status, *measured))
    head = ("run", *plan.names, "replicate", "seed", "status", *metrics)
    caption, texts = f"Runs, {len(rows)} of {len(runs):,}", len(head) - len(metrics)
    return Table(caption, head, tuple(rows), texts=texts, more=len(runs) - len(rows))
