"""``dissmodel record diff``."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from dissmodel.cli import options
from dissmodel.cli.session import session


def diff(
    a: Annotated[str, typer.Argument(metavar="A", help="A record, such as result.record.json, or its URL.")],
    b: Annotated[str, typer.Argument(metavar="B", help="The record of another run, or its URL.")],
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Compare two runs: what was given, the code, the machine, the results.

    Inputs come before results, the shortest explanation first. Exits with 4 if anything differs except
    identity, times, memory and paths.

    Example: dissmodel record diff result.record.json result.record.json
    """
    from dissmodel import api
    from dissmodel.cli import render_diff

    with session(quiet=quiet):
        found = api.diff(a, b)
    render_diff.diff(found, as_json=as_json, quiet=quiet)
    if not found.same:
        sys.exit(options.EXIT_DIFFERS)
