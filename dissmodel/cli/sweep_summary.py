"""``dissmodel sweep summary``: what comes out of the runs of a sweep."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from dissmodel.cli import options
from dissmodel.cli.session import session

if TYPE_CHECKING:
    from dissmodel.sweeping.sensitivity import Index
    from dissmodel.sweeping.summary import Row, Summary

_MOST_ROWS = 50
_SHOWN = ("mean", "sd", "q05", "q50", "q95")


def summary(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The --output of a sweep.")],
    metric: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A metric; may be repeated. All of them by default."),
    ] = None,
    group_by: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="What varies and is told apart; may be repeated. By default all, if there are replicates.",
        ),
    ] = None,
    maps: Annotated[
        Literal["all", "mean", "none"],
        typer.Option(help="Maps over runs; with mean, without quantiles, which take most of the time."),
    ] = "all",
    overwrite: options.Overwrite = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Summarise a sweep in DIR/summary: tables (CSV), charts (SVG and PNG) and maps over its runs.

    Mean, standard deviation and quantiles of each metric over replicates, and over runs by step; indices of
    sensitivity where the design was sobol or morris; maps of how often a cell has each class, and of mean and
    quantiles of numbers. Runs that failed are left out, and named.

    Example: dissmodel sweep summary fires --metric fire_burned --group-by p_h
    """
    from dissmodel import api

    with session(quiet=quiet):
        made = api.sweep_summary(
            folder, metrics=metric or (), group_by=group_by or (), maps=maps, overwrite=overwrite
        )
    _render(made, as_json=as_json, quiet=quiet)
    if made.refused is not None and as_json:
        raise typer.Exit(made.refused.exit_code)  # the object says why
    if made.refused is not None:
        raise made.refused


def _render(made: Summary, *, as_json: bool, quiet: bool) -> None:
    from dissmodel.cli import render
    from dissmodel.printable import count

    if as_json:
        render.print_json(_document(made))
        return
    render.print_warnings(made.notes)
    if quiet:
        return
    head = (*made.grouped_by, "metric", "runs", *_SHOWN)
    render.print_table(head, [_cells(row) for row in made.rows[:_MOST_ROWS]])
    if len(made.rows) > _MOST_ROWS:
        render.print_line(f"… {len(made.rows) - _MOST_ROWS} more rows in metrics.csv")
    found = [(metric, one) for metric, several in made.indices.items() for one in several]
    if found:
        render.print_line("")
        rows = [(metric, one.parameter, one.name, _interval(one)) for metric, one in found[:_MOST_ROWS]]
        render.print_table(("metric", "parameter", "index", "value (95% interval)"), rows)
    if len(found) > _MOST_ROWS:
        render.print_line(f"… {len(found) - _MOST_ROWS} more rows in sensitivity.csv")
    render.print_line("")
    of = f"{made.completed} of {count(made.runs, 'run')}"
    render.print_line(f"{render.short_path(made.folder)}: {count(len(made.files), 'file')}, of {of}")


def _cells(row: Row) -> tuple[str, ...]:
    numbers = row.statistics
    return (
        *map(str, row.group),
        row.metric,
        str(numbers["runs"]),
        *(_number(numbers[one]) for one in _SHOWN),
    )


def _number(number: float) -> str:
    return "" if math.isnan(number) else f"{number:.6g}"


def _interval(one: Index) -> str:
    return f"{one.value:.4f}" + ("" if one.half_width is None else f" ± {one.half_width:.4f}")


def _document(made: Summary) -> dict[str, Any]:
    return {
        "folder": str(made.folder),
        "runs": made.runs,
        "completed": made.completed,
        "metrics": [
            {
                "group": dict(zip(made.grouped_by, row.group, strict=True)),
                "metric": row.metric,
                **{name: None if math.isnan(one) else one for name, one in row.statistics.items()},
            }
            for row in made.rows
        ],
        "indices": {metric: list(found) for metric, found in made.indices.items()},
        "files": [str(one.relative_to(made.folder)) for one in made.files],
        "notes": list(made.notes),
        "refused": None if made.refused is None else made.refused.message,
    }
