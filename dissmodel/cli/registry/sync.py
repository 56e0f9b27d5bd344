"""``dissmodel registry sync``."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from dissmodel.cli import options
from dissmodel.cli.session import session
from dissmodel.cli.values import parse_span
from dissmodel.errors import UsageError


def sync(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="One registry; without a name, all known registries.")
    ] = None,
    repo: Annotated[
        str | None, typer.Option(metavar="URL", help="Fetch it from this URL; a folder is read in place.")
    ] = None,
    branch: Annotated[
        str | None, typer.Option(metavar="BRANCH", help="Which branch; by default the remote's own.")
    ] = None,
    watch: Annotated[
        str | None, typer.Option(metavar="TIME", help="Sync again every 15m (s, m, h, d), until Ctrl-C.")
    ] = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Fetch or update registries, and print which models are new, changed or removed.

    By default the registry that registry.default or DISSMODEL_REGISTRY names, and all added registries.
    A token in the URL is used for this sync only and not stored.

    Example: dissmodel registry sync --repo registry
    """
    from dissmodel.cli import render_registry
    from dissmodel.registries import sources as registry

    request = registry.SyncRequest(name, repo, branch)
    if watch is None:
        with session(quiet=quiet):
            report = registry.sync(request)
        render_registry.sync_report(report, as_json=as_json, errors_only=quiet)
        if report.failures:
            sys.exit(next(iter(report.failures.values())).exit_code)
        return
    span = parse_span(watch)
    if span is None:
        raise UsageError(
            f"--watch: {watch!r} is not a time.", "Write a number and its unit, as in --watch 15m."
        )
    with session(quiet=quiet):
        for report in registry.watch(request, span.total_seconds()):
            render_registry.sync_report(report, as_json=as_json, errors_only=quiet)
            sys.stdout.flush()
