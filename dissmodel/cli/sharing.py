"""``dissmodel push`` and ``dissmodel pull``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from dissmodel.cli import offers, options
from dissmodel.cli.session import consent, session


def push(
    records: Annotated[
        list[str],
        typer.Argument(
            autocompletion=offers.records, metavar="RECORD...", help="Records, such as result.record.json."
        ),
    ],
    to: Annotated[
        str | None,
        typer.Option(metavar="PLACE", help="s3://BUCKET/PREFIX or a folder; by default storage.bucket."),
    ] = None,
    with_input: Annotated[
        bool, typer.Option("--with-input", help="Push the input too, once for all that read it.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="List what would be sent, and send nothing.")
    ] = False,
    yes: options.YesAsk = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Put experiments where other people can reach them: first the result, last the record.

    Each is verified first, and is in PLACE/experiments/ID/. Objects that are there are not sent again; a
    push that was cut goes on. Nothing is overwritten: another experiment of that id exits with 4. A server
    that only a record names is asked for an input with your consent alone.

    Example: dissmodel push result.record.json --to shared
    """
    from dissmodel import api
    from dissmodel.cli import render_storage

    with session(quiet=quiet):
        pushed = api.push(*records, to=to, with_input=with_input, dry_run=dry_run, consent=consent(yes=yes))
    render_storage.pushed(pushed, dry_run=dry_run, as_json=as_json, quiet=quiet)
    if pushed.failures:
        sys.exit(next(iter(pushed.failures.values())).exit_code)


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
