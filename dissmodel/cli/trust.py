"""``dissmodel registry trust``."""

from __future__ import annotations

import dataclasses
from typing import Annotated

import typer

from dissmodel.cli import options


def trust(
    revoke: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Take it back: a package, a repository, or a line of this list."),
    ] = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """List the packages that you agreed to install and the servers that may be asked, or take that back.

    Packages that the setting trust names are installed without asking: dissmodel config show trust

    Example: dissmodel registry trust
    """
    from dissmodel.cli import render
    from dissmodel.registries import environments

    if revoke:
        gone = environments.revoke(tuple(revoke))
        if as_json:
            render.print_json({"revoked": [dataclasses.asdict(one) for one in gone]})
        elif not quiet:
            for one in gone:
                render.print_line(render.printable(f"revoked {one.what}"))
        return
    patterns, approvals = environments.trusted()
    if as_json:
        approved = [dataclasses.asdict(one) for one in approvals]
        render.print_json({"trust": list(patterns), "approved": approved})
        return
    rows = [(render.printable(pattern), "always", "settings") for pattern in patterns]
    rows += [
        (render.printable(one.what), one.when, render.printable(one.registry) or "-") for one in approvals
    ]
    if rows:
        render.print_table(("package or server", "since", "from"), rows)
    else:
        render.print_line("Nothing is trusted yet; a run that needs a package asks.")
