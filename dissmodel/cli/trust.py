"""``dissmodel registry trust``."""

from __future__ import annotations

from typing import Annotated

import typer

from dissmodel.cli import options


def trust(
    revoke: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME", help="Withdraw consent to a package, a repository, or a line of this list."
        ),
    ] = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """List the packages and servers that you consented to, or withdraw consent.

    Packages that the setting trust names are installed without asking: dissmodel config show trust

    Example: dissmodel registry trust
    """
    from dissmodel.cli import render
    from dissmodel.registries import environments

    if revoke:
        gone = environments.revoke(tuple(revoke))
        lines = [f"revoked {one.what}" for one in gone]
        render.tell({"revoked": gone}, *lines, as_json=as_json, quiet=quiet)
        return
    patterns, approvals = environments.trusted()
    if as_json:
        render.print_json({"trust": patterns, "approved": approvals})
        return
    rows = [(pattern, "always", "settings") for pattern in patterns]
    rows += [(one.what, one.when, one.registry or "-") for one in approvals]
    if rows:
        render.print_table(("package or server", "since", "from"), rows)
    else:
        render.print_line("Nothing is trusted yet; a run that needs a package asks.")
