"""``dissmodel record show``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dissmodel.cli import options

if TYPE_CHECKING:
    from dissmodel.record import ExperimentRecord


def show(
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE", help="A record, a file of its result, a bundle, or the URL of either."
        ),
    ],
    lineage: Annotated[
        bool, typer.Option("--lineage", help="Follow its input back from run to run; files are hashed.")
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
    """Say what ran, on what, with what, and what came out.

    A file of a result, such as result.tif, stands for the record beside it that names the file.
    With --lineage, --metrics, --chart, --csv, --preview or --toml these alone.

    Example: dissmodel record show result.record.json
    """
    from dissmodel.cli import render
    from dissmodel.cli.reporter import Lines
    from dissmodel.experiment.records import open_record, record_of
    from dissmodel.progress import Silent, reporting
    from dissmodel.storage.uri import shown

    lineage = lineage or bool(records)
    measures = metrics or chart or csv is not None
    file = record_of(file)
    _check_place(file, lineage=lineage, preview=preview)
    _check_together(
        mixed=csv == "-" and (as_json or metrics or chart), other=lineage and (measures or preview)
    )
    _check_alone(toml=toml, other=lineage or measures or preview or as_json)
    with reporting(Silent() if quiet else Lines(verbose=False)):
        record, document = open_record(file)
    if toml:
        from dissmodel.reproducing.record_toml import repeating_toml

        sys.stdout.write(repeating_toml(record, shown(file)))
        return
    if lineage:
        from dissmodel.cli import render_records
        from dissmodel.experiment.lineage import lineage as follow

        found = follow(Path(file), tuple(records or ()))
        if as_json:
            render_records.lineage_json(found)
        elif not quiet:
            render_records.lineage(found)
        return
    silent = as_json or quiet
    if measures:
        _show_measures(record, file, metrics and not silent, chart and not silent, csv, overwrite)
    picture = None
    if preview:
        from dissmodel.preview import PreviewRequest
        from dissmodel.preview import preview as draw

        picture = draw(PreviewRequest(record=Path(file), overwrite=overwrite))
    if as_json:
        render.record_json(document, csv, picture)
    elif picture is not None and not quiet:
        render.preview(picture)
    elif not measures and not quiet:
        render.record_view(record, shown(file))


def _check_together(*, mixed: bool, other: bool) -> None:
    from dissmodel.errors import UsageError

    if mixed:
        raise UsageError(
            "--csv - prints on standard output, and so does another option.", "Give one, or --csv FILE."
        )
    if other:
        raise UsageError("--lineage shows other records than this one.", "Give it alone.")


def _check_alone(*, toml: bool, other: bool) -> None:
    from dissmodel.errors import UsageError

    if toml and other:
        raise UsageError("--toml prints the spec alone.", "Give it without other options.")


def _check_place(file: str, *, lineage: bool, preview: bool) -> None:
    from dissmodel.errors import UsageError
    from dissmodel.experiment.source import is_bundle, refuse_remote

    if lineage or preview:
        refuse_remote(file, "--lineage and --preview look and draw")
    if lineage and is_bundle(Path(file)):
        raise UsageError(
            f"{file}: --lineage looks for other records beside a record; this is a bundle.",
            "Unpack it and give the record in it.",
        )


def _show_measures(
    record: ExperimentRecord, file: str, metrics: bool, chart: bool, csv: str | None, overwrite: bool
) -> None:
    from dissmodel.cli import render_steps
    from dissmodel.experiment.steps import as_csv, step_table, write_csv
    from dissmodel.storage.uri import shown

    table = step_table(record, shown(file))
    if csv == "-":
        sys.stdout.write(as_csv(table))
    elif csv is not None:
        write_csv(table, Path(csv), overwrite=overwrite)
    if metrics:
        render_steps.step_rows(table)
    if chart:
        render_steps.step_charts(table)
