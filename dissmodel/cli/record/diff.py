"""``dissmodel record diff``."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from dissmodel.cli import options
from dissmodel.cli.options import EXIT_DIFFERS


def diff(
    a: Annotated[str, typer.Argument(metavar="A", help="A record, such as result.record.json, or its URL.")],
    b: Annotated[str, typer.Argument(metavar="B", help="The record of another run, or its URL.")],
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Say what differs between two runs: what was given, the code, the machine, the results.

    What was given comes before what was made of it, the shortest explanation first. Exits with 4 if anything
    differs but identity, times, memory and places.

    Example: dissmodel record diff result.record.json result.record.json
    """
    from dissmodel.cli import render_diff
    from dissmodel.cli.reporter import terminal_reporter
    from dissmodel.experiment.diff import diff as diff_records
    from dissmodel.progress import reporting

    with terminal_reporter(quiet=quiet, verbose=False) as reporter, reporting(reporter):
        found = diff_records(a, b)
    if as_json:
        render_diff.diff_json(found)
    elif not quiet:
        render_diff.diff(found)
    if not found.same:
        sys.exit(EXIT_DIFFERS)
