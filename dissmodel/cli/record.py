"""``dissmodel record``: show and verify."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from dissmodel.cli import options

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Look at records and check results against them.\n\n"
    "Example: dissmodel record verify result.record.json",
)

EXIT_DIFFERS = 4


@app.command()
def show(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A record, such as result.record.json.")],
    as_json: options.Json = False,
) -> None:
    """Say what ran, on what, with what, and what came out.

    Example: dissmodel record show result.record.json
    """
    from dissmodel.actions.records import open_record
    from dissmodel.cli import render

    record, document = open_record(file)
    if as_json:
        render.record_json(document)
    else:
        render.record_view(record, file)


@app.command()
def verify(
    files: Annotated[list[Path], typer.Argument(metavar="FILE", help="Records, such as result.record.json.")],
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Check results, inputs and the records themselves against their digests, offline.

    Exits with 4 if anything differs or is missing.

    Example: dissmodel record verify result.record.json
    """
    from dissmodel.actions.verify import verify as verify_records
    from dissmodel.cli import render

    verification = verify_records(tuple(files))
    render.verification(verification, as_json=as_json, errors_only=quiet)
    if not verification.ok:
        sys.exit(EXIT_DIFFERS)
