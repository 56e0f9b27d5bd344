"""``dissmodel ingest``."""

from __future__ import annotations

from typing import Annotated

import typer

from dissmodel.cli import options
from dissmodel.cli.session import session

_MOST, _LONGEST_ID = 20, 64


def ingest(
    place: Annotated[
        str | None,
        typer.Argument(metavar="PLACE", help="A folder or s3://BUCKET/PREFIX; by default the service's."),
    ] = None,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Forget what is indexed of the place, and read all again.")
    ] = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Bring the index of records up to date with a place, for the service and record list --index.

    Only records that are new or changed are read, and those that are gone are taken out. A record that can't
    be relied on is a warning, not a failure. The index can be removed: the records alone are true.

    Example: dissmodel ingest .
    """
    from dissmodel.cli import render
    from dissmodel.experiment.ingest import ingest as bring
    from dissmodel.service.settings import ServiceSettings

    with session(quiet=quiet):
        done = bring(place or ServiceSettings.load().place, rebuild=rebuild)
    if as_json:
        render.print_json(render.as_dict(done))
        return
    shared = [
        f"{one[:_LONGEST_ID]}: several records with different content have this id" for one in done.shared_ids
    ]
    for warnings in (done.problems, shared):
        render.print_warnings(warnings[:_MOST])
        if len(warnings) > _MOST:
            render.print_warnings([f"and {len(warnings) - _MOST} more like these; --json has all"])
    if not quiet:
        counts = f"{render.count(done.records, 'record')}, {done.read} read, {done.gone} gone"
        render.print_line(f"{done.place}: {counts}")
