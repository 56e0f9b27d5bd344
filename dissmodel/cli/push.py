"""``dissmodel push``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from dissmodel.cli import options
from dissmodel.cli.consent import agreed


def push(
    records: Annotated[
        list[str], typer.Argument(metavar="RECORD...", help="Records, such as result.record.json.")
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
    """Put experiments where others can reach them: the result, and last the record.

    Each is verified first, and lies in PLACE/experiments/ID/. What is there already is not sent again; a push
    that was cut goes on where it was. Nothing is overwritten: another experiment of that id exits with 4. A
    server that only a record names is asked for an input with your consent alone.

    Example: dissmodel push result.record.json --to shared
    """
    from dissmodel.cli import render_storage
    from dissmodel.experiment.source import refuse_remote
    from dissmodel.sharing.push import PushRequest
    from dissmodel.sharing.push import push as push_records

    for one in records:
        refuse_remote(one, "its result lies")
    paths = tuple(map(Path, records))
    pushed = agreed(
        lambda consent, reporter: push_records(
            PushRequest(paths, to, with_input, dry_run, consent=consent), reporter
        ),
        yes=yes,
        allow_build=False,
        offline=False,
        quiet=quiet,
    )
    if as_json:
        render_storage.pushed_json(pushed, dry_run=dry_run)
    elif not quiet:
        render_storage.pushed(pushed, dry_run=dry_run)
    if pushed.failures:
        render_storage.failures({str(path): why for path, why in pushed.failures.items()}, pushed.untried)
        sys.exit(next(iter(pushed.failures.values())).exit_code)
