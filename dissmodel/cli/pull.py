"""``dissmodel pull``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from dissmodel.cli import options
from dissmodel.cli.session import consent, session


def pull(
    experiment: Annotated[
        str,
        typer.Argument(
            metavar="EXPERIMENT", help="Its id, s3://.../record.json, or a place with experiments below it."
        ),
    ],
    to: Annotated[
        Path, typer.Option(metavar="DIR", help="The folder in which each gets a folder named by its id.")
    ] = Path(),
    with_input: Annotated[
        bool, typer.Option("--with-input", help="Bring the input too, into inputs/.")
    ] = False,
    yes: options.YesAsk = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Bring experiments to this machine from where they were pushed, every byte checked.

    The record comes last, as DIR/ID/output.record.json. Files that are here do not come again; a pull that
    was cut goes on. Nothing is overwritten: a file with other content exits with 4. A server that only a
    record names is asked for an input with your consent alone.

    Example: dissmodel pull shared --to copies
    """
    from dissmodel import api
    from dissmodel.cli import render_storage

    with session(quiet=quiet):
        pulled = api.pull(experiment, to=to, with_input=with_input, consent=consent(yes=yes))
    render_storage.pulled(pulled, as_json=as_json, quiet=quiet)
    if pulled.failures:
        sys.exit(next(iter(pulled.failures.values())).exit_code)
