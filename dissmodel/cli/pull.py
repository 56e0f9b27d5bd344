"""``dissmodel pull``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from dissmodel.cli import options
from dissmodel.cli.consent import agreed


def pull(
    experiment: Annotated[
        str,
        typer.Argument(
            metavar="EXPERIMENT", help="Its id, s3://.../record.json, or a place with experiments below it."
        ),
    ],
    to: Annotated[
        Path, typer.Option(metavar="DIR", help="Where each gets a folder of its own, named by its id.")
    ] = Path(),
    with_input: Annotated[
        bool, typer.Option("--with-input", help="Bring the input too, into inputs/.")
    ] = False,
    yes: options.YesAsk = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Bring experiments here from where others pushed them, every byte checked.

    The record comes last, as DIR/ID/output.record.json. What is here already does not come again; a pull that
    was cut goes on where it was. Nothing is overwritten: what is something else exits with 4. A server that
    only a record names is asked for an input with your consent alone.

    Example: dissmodel pull shared --to copies
    """
    from dissmodel.cli import render_storage
    from dissmodel.sharing.pull import PullRequest
    from dissmodel.sharing.pull import pull as pull_experiments

    pulled = agreed(
        lambda consent, reporter: pull_experiments(
            PullRequest(experiment, to, with_input, consent=consent), reporter
        ),
        yes=yes,
        allow_build=False,
        offline=False,
        quiet=quiet,
    )
    if as_json:
        render_storage.pulled_json(pulled)
    elif not quiet:
        render_storage.pulled(pulled)
    if pulled.failures:
        render_storage.failures(pulled.failures, pulled.untried)
        sys.exit(next(iter(pulled.failures.values())).exit_code)
