"""``dissmodel record list``."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from dissmodel.cli import options
from dissmodel.cli.session import session
from dissmodel.cli.values import parse_parameters, parse_span
from dissmodel.errors import UsageError


def parse_since(text: str) -> datetime:
    """Return the time that a date, or a number of days or hours, stands for, with its time zone.

    >>> parse_since("2026-01-31T12:00Z").isoformat()
    '2026-01-31T12:00:00+00:00'
    """
    try:
        ago = parse_span(text)
        if ago is not None:
            return datetime.now(UTC) - ago
        # A time without a zone is local.
        return datetime.fromisoformat(text.strip()).astimezone()
    except (ValueError, OverflowError, OSError) as error:
        raise UsageError(
            f"--since {text}: this is neither a date nor a time span.",
            "--since 2026-01-31, --since 7d, --since 12h",
        ) from error


def list_records(
    folder: Annotated[
        str,
        typer.Argument(metavar="[DIR]", help="The folder to search, subfolders too; or s3://BUCKET/PREFIX."),
    ] = ".",
    model: Annotated[str | None, typer.Option(metavar="NAME", help="Only runs of this model.")] = None,
    status: Annotated[
        str | None, typer.Option(metavar="STATUS", help="Only runs with this status, such as completed.")
    ] = None,
    param: Annotated[
        list[str] | None,
        typer.Option("--param", "-p", metavar="NAME=VALUE", help="Only runs with this value; repeatable."),
    ] = None,
    since: Annotated[
        datetime | None,
        typer.Option(parser=parse_since, metavar="DATE", help="Only runs since a date, or since 7d or 12h."),
    ] = None,
    sort: Annotated[
        str, typer.Option(metavar="COLUMN", help="when, model, status or output; -when: the latest first.")
    ] = "-when",
    verify: Annotated[
        bool, typer.Option("--verify", help="Hash results and inputs too, as record verify does.")
    ] = False,
    index: Annotated[
        bool, typer.Option("--index", help="Read only what is new or changed since the last --index.")
    ] = False,
    csv: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write the whole list as CSV; - is standard output.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier CSV.")] = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """List the records in a folder and below: when, model, status, the parameters that were given, output.

    For a bucket, or a part of it, these are the records that were pushed there. A file that can't be read
    as a record is a warning, not a failure. With --verify, exits with 4 if anything differs or is missing.
    With --index, for thousands of records, the answer is the same and comes sooner.

    Example: dissmodel record list --model coastal_raster --since 7d
    """
    from dissmodel import api
    from dissmodel.cli import render_records
    from dissmodel.record import store

    if csv == "-" and as_json:
        raise UsageError("--csv - and --json both write to standard output.", "Give one of the two.")
    file = Path(csv) if csv not in {None, "-"} else None
    if file is not None:
        _refuse_taken(file, overwrite=overwrite)
    with session(quiet=quiet):
        listing = api.records(
            folder,
            model=model,
            status=status,
            parameters=parse_parameters(param or ()),
            since=since,
            sort=sort,
            verify=verify,
            index=index,
        )
    if file is not None:
        store.write_atomically(file, render_records.as_csv(listing).encode())
    if as_json:
        render_records.listing_json(listing)
    elif csv == "-":
        sys.stdout.write(render_records.as_csv(listing))
    else:
        render_records.listing(listing, written=file, errors_only=quiet)
    if listing.differs:
        sys.exit(options.EXIT_DIFFERS)


def _refuse_taken(path: Path, *, overwrite: bool) -> None:
    if os.path.isdir(path):  # noqa: PTH112  (Path.is_dir raises for a name that is too long)
        raise UsageError(f"--csv {path}: this is a folder.", "--csv runs.csv")
    is_file = os.path.isfile(path)  # noqa: PTH113  (as above)
    if os.path.lexists(path) and not (overwrite and is_file):
        raise UsageError(
            f"--csv {path}: it exists already.",
            "Give another name, or --overwrite to replace it." if is_file else "Give another name.",
            code="output_exists",
        )
