"""``dissmodel record show``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dissmodel.cli import options

if TYPE_CHECKING:
    from dissmodel.api import Experiment


def show(
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE", help="A record, a file of its result, a bundle, or the URL of either."
        ),
    ],
    lineage: Annotated[
        bool, typer.Option("--lineage", help="Show the runs that made its input; files are hashed.")
    ] = False,
    records: options.Records = None,
    metrics: Annotated[
        bool, typer.Option("--metrics", help="Print what the model measured at each step.")
    ] = False,
    chart: Annotated[bool, typer.Option("--chart", help="Draw each measure as a curve.")] = False,
    csv: Annotated[
        str | None,
        typer.Option("--csv", metavar="FILE", help="Write the measures as CSV; - prints it."),
    ] = None,
    preview: options.Preview = False,
    toml: Annotated[
        bool,
        typer.Option("--toml", help="Print the spec that repeats the run: dissmodel run --toml takes it."),
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a CSV or a picture.")] = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Print what ran, on what, with what, and what came out.

    A file of a result, such as result.tif, stands for the record beside it that names the file.
    With --lineage, --metrics, --chart, --csv, --preview or --toml only these are printed or written.

    Example: dissmodel record show result.record.json
    """
    from dissmodel import api
    from dissmodel.cli import render
    from dissmodel.progress import Silent, reporting
    from dissmodel.watching import Lines

    lineage = lineage or bool(records)
    measures = metrics or chart or csv is not None
    _refuse_mixed(
        csv=csv == "-" and (as_json or metrics or chart),
        lineage=lineage and (measures or preview),
        toml=toml and (lineage or measures or preview or as_json),
    )
    with reporting(Silent() if quiet else Lines()):
        found = api.open_record(file)
        if toml:
            sys.stdout.write(found.toml())
            return
        if lineage:
            from dissmodel.cli import render_records

            render_records.lineage(found.lineage(records or ()), as_json=as_json, quiet=quiet)
            return
        silent = as_json or quiet
        if measures:
            _show_measures(found, metrics and not silent, chart and not silent, csv, overwrite)
        picture = found.draw(overwrite=overwrite) if preview else None
    if as_json:
        render.record_json(found.document, csv, picture)
    elif picture is not None and not quiet:
        render.preview(picture)
    elif not measures and not quiet:
        render.record_view(found.record, found.record_path)


def _refuse_mixed(*, csv: bool, lineage: bool, toml: bool) -> None:
    from dissmodel.errors import UsageError

    if csv:
        raise UsageError(
            "--csv - prints on standard output, and another option does too.", "Give one, or --csv FILE."
        )
    if lineage:
        raise UsageError("--lineage shows other records than this one.", "Give it alone.")
    if toml:
        raise UsageError("--toml prints the spec alone.", "Give it without other options.")


def _show_measures(found: Experiment, metrics: bool, chart: bool, csv: str | None, overwrite: bool) -> None:
    from dissmodel.cli import render_steps
    from dissmodel.experiment.steps import as_csv, write_csv

    table = found.steps()
    if csv == "-":
        sys.stdout.write(as_csv(table))
    elif csv is not None:
        write_csv(table, Path(csv), overwrite=overwrite)
    if metrics:
        render_steps.step_rows(table)
    if chart:
        render_steps.step_charts(table)
