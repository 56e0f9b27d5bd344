"""``dissmodel registry add`` and ``remove``."""

from __future__ import annotations

from typing import Annotated

import typer

from dissmodel.cli import options


def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The name of the registry on this machine.")],
    url: Annotated[str, typer.Argument(metavar="URL", help="A git repository, or a folder.")],
    branch: Annotated[
        str | None, typer.Option(metavar="BRANCH", help="Which branch; by default the remote's own.")
    ] = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Write a registry into your settings; the next sync fetches it. A folder is read in place.

    Example: dissmodel registry add coast https://example.org/coast-models.git
    """
    from dissmodel.cli import render
    from dissmodel.registries.sources import add_registry

    added = add_registry(name, url, branch)
    document = {"name": added.name, "url": added.url, "branch": added.branch}
    lines = (f"added {added.name}: {added.url}", f"  Next: dissmodel registry sync {added.name}")
    render.tell(document, *lines, as_json=as_json, quiet=quiet)


def remove(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The name of the registry on this machine.")],
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Remove a registry from your settings, and its copy from this machine; your own folder stays.

    Example: dissmodel registry remove mine
    """
    from dissmodel.cli import render
    from dissmodel.registries.sources import remove_registry

    remove_registry(name)
    render.tell({"removed": name}, f"removed {name}", as_json=as_json, quiet=quiet)
