"""``dissmodel report``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dissmodel.cli import options
from dissmodel.cli.session import session


def report(
    given: Annotated[
        str,
        typer.Argument(
            metavar="RECORD|FOLDER",
            help="A record, a file of its result, a bundle, or the folder of a sweep or of records.",
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE.html", help="The report; by default NAME.report.html beside it."
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a file that is not a report.")
    ] = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Write a report as one HTML file: what ran and how to check it, maps, areas, charts, parameters.

    It can be read without a network and printed; nothing is run. The record and its files are checked first,
    and what is not as recorded is said at the top. An earlier report is replaced.

    Example: dissmodel report result.record.json
    """
    from dissmodel import api
    from dissmodel.cli import render

    with session(quiet=quiet):
        made = api.report(given, output=output, overwrite=overwrite)
    if not as_json:
        render.print_warnings(made.warnings)
    line = f"{render.short_path(made.path)}  ({render.size(made.size)})"
    document = {"report": made.path, "size": made.size, "warnings": made.warnings}
    render.tell(document, line, as_json=as_json, quiet=quiet)
