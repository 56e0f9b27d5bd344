"""``dissmodel record prune``."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dissmodel.cli import options
from dissmodel.cli.session import consent, session
from dissmodel.errors import StorageError
from dissmodel.printable import count, cut, printable

if TYPE_CHECKING:
    from dissmodel.experiment.prune import Leftover, Pruned


def prune(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder of the records; subfolders too.")],
    older_than: Annotated[
        int, typer.Option(metavar="DAYS", min=0, max=36500, help="Only runs that began this long ago.")
    ] = 0,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Consent to remove them.")] = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Remove the records of runs that failed or were interrupted, with the logs in them; asks first.

    Everything else stays: results, records of other runs, signed records, the targets of links.

    Example: dissmodel record prune . --older-than 30 --yes
    """
    from dissmodel.cli import render
    from dissmodel.experiment import prune as action
    from dissmodel.watching import with_consent

    request = action.PruneRequest(folder, timedelta(days=older_than))
    if not yes:  # what the question is about
        for one in action.leftovers(request).found:
            sys.stderr.write(f"{printable(_line(one))}\n")
    with session(quiet=quiet):
        pruned = with_consent(lambda given: action.prune(replace(request, consent=given)), consent(yes=yes))
    if as_json:
        kept, failures = (
            [{"record": path.absolute(), "why": why} for path, why in left]
            for left in (pruned.kept, pruned.failures)
        )
        removed = [_document(one) for one in pruned.removed]
        render.print_json(
            {"removed": removed, "freed_bytes": pruned.freed, "kept": kept, "failures": failures}
        )
    else:
        render.print_warnings(f"{path}: {why}" for path, why in pruned.failures)
        if not quiet:
            _print(pruned)
    if pruned.failures:
        sys.exit(StorageError.exit_code)


def _print(pruned: Pruned) -> None:
    from dissmodel.cli import render

    for one in pruned.removed:
        render.print_text(f"removed {_line(one)}", indent=2)
    for path, why in pruned.kept:
        render.print_text(f"left    {render.short_path(path)}: {why}", indent=2)
    removed = count(len(pruned.removed), "record")
    render.print_line(f"{removed} removed, {render.size(pruned.freed)} freed")


def _line(one: Leftover) -> str:
    from dissmodel.cli import render

    record = one.record
    when = f"{record.created_at:%Y-%m-%d %H:%M}" if record.created_at is not None else "-"
    said = f"{cut(record.model_name or 'a model')}, {record.status}, {when}, {render.size(one.size)}"
    return f"{render.short_path(one.path)}  ({said})"


def _document(one: Leftover) -> dict[str, object]:
    record = one.record
    return {
        "record": one.path.absolute(),
        "experiment_id": record.experiment_id,
        "model_name": record.model_name,
        "status": record.status,
        "created_at": record.created_at.isoformat() if record.created_at is not None else None,
        "size_bytes": one.size,
    }
