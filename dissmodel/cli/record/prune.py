"""``dissmodel record prune``."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dissmodel.cli import options

if TYPE_CHECKING:
    from dissmodel.experiment.prune import Leftover, Leftovers, Pruned

EXIT_STORAGE = 5


def prune(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where the records lie, also below.")],
    older_than: Annotated[
        int, typer.Option(metavar="DAYS", min=0, max=36500, help="Only those of runs that began so long ago.")
    ] = 0,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Agree to remove them.")] = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Remove the records of runs that failed or were interrupted, with the logs in them; asks first.

    Everything else stays: results, records of other runs, those that someone signed, what a link leads to.

    Example: dissmodel record prune . --older-than 30 --yes
    """
    from dissmodel.cli.consent import agreed
    from dissmodel.experiment import prune as action

    request = action.PruneRequest(folder, timedelta(days=older_than))
    if not yes:
        _show(action.leftovers(request))
    pruned = agreed(
        lambda consent, _reporter: action.prune(replace(request, consent=consent)),
        yes=yes,
        allow_build=False,
        offline=False,
        quiet=quiet,
    )
    _say(pruned, as_json=as_json, quiet=quiet)
    if pruned.failures:
        sys.exit(EXIT_STORAGE)


def _show(found: Leftovers) -> None:
    """List on standard error what the question is about."""
    from dissmodel.cli import render

    for one in found.found:
        sys.stderr.write(f"{render.printable(_line(one))}\n")


def _say(pruned: Pruned, *, as_json: bool, quiet: bool) -> None:
    from dissmodel.cli import render

    if as_json:
        render.print_json(
            {
                "removed": [_document(one) for one in pruned.removed],
                "freed_bytes": pruned.freed,
                "kept": [{"record": str(path.absolute()), "why": why} for path, why in pruned.kept],
                "failures": [{"record": str(path.absolute()), "why": why} for path, why in pruned.failures],
            }
        )
        return
    render.print_warnings(render.printable(f"{path}: {why}") for path, why in pruned.failures)
    if quiet:
        return
    for one in pruned.removed:
        render.print_text(render.printable(f"removed {_line(one)}"), indent=2)
    for path, why in pruned.kept:
        render.print_text(render.printable(f"left    {render.short_path(str(path))}: {why}"), indent=2)
    count = len(pruned.removed)
    render.print_line(f"{count} record{'s' * (count != 1)} removed, {render.size(pruned.freed)} freed")


def _line(one: Leftover) -> str:
    from dissmodel.cli import render

    record = one.record
    when = f"{record.created_at:%Y-%m-%d %H:%M}" if record.created_at is not None else "-"
    said = f"{render.cut(record.model_name or 'a model')}, {record.status}, {when}, {render.size(one.size)}"
    return f"{render.short_path(str(one.path))}  ({said})"


def _document(one: Leftover) -> dict[str, object]:
    record = one.record
    return {
        "record": str(one.path.absolute()),
        "experiment_id": record.experiment_id,
        "model_name": record.model_name,
        "status": record.status,
        "created_at": record.created_at.isoformat() if record.created_at is not None else None,
        "size_bytes": one.size,
    }
