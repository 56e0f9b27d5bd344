"""``dissmodel env``: the environments that models' packages run in."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from dissmodel.cli import options
from dissmodel.cli.commands import App

if TYPE_CHECKING:
    from dissmodel.registries.environments import EnvironmentUse, Removed

app = App(
    help="Look at the environments that models' packages run in, and remove them.\n\n"
    "Example: dissmodel env list",
)


@app.command("list")
def list_(as_json: options.Json = False) -> None:
    """List the environments, the one that was used last first, with their size and who used them.

    Example: dissmodel env list
    """
    from dissmodel.cli import render
    from dissmodel.registries.environments import list_environments

    entries = list_environments()
    if as_json:
        render.print_json({"environments": [_document(entry) for entry in entries]})
        return
    rows = [
        (
            entry.environment.key,
            render.size(entry.size),
            entry.last_used.astimezone().strftime("%Y-%m-%d %H:%M"),
            ", ".join(name for name, _ in entry.used) or "-",
            entry.environment.resolved.requirement,
        )
        for entry in entries
    ]
    if rows:
        render.print_table(("environment", "size", "last used", "by", "package"), rows)
    else:
        render.print_line("There is no environment yet; the first run of a model with a package makes one.")


@app.command("remove")
def remove(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="NAME...", help="An environment, or a package for all of its environments."),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Remove all of them.")] = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Remove environments; the next run of the model makes its own again.

    Example: dissmodel env remove --all
    """
    from dissmodel.errors import UsageError
    from dissmodel.registries.environments import remove as remove_environments

    if bool(names) == everything:
        raise UsageError("Give names, or --all.", "List them: dissmodel env list")
    _print(remove_environments(tuple(names or ()), everything=everything), as_json=as_json, quiet=quiet)


@app.command("prune")
def prune(
    unused_for: Annotated[
        int, typer.Option(metavar="DAYS", min=0, max=36500, help="Only environments unused for this long.")
    ] = 30,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Remove the environments that nothing has used for a while, and what killed installations left.

    Example: dissmodel env prune --unused-for 90
    """
    from dissmodel.registries.environments import prune as prune_environments

    _print(prune_environments(timedelta(days=unused_for)), as_json=as_json, quiet=quiet)


def _print(removed: Removed, *, as_json: bool, quiet: bool) -> None:
    from dissmodel.cli import render
    from dissmodel.printable import count

    document = {"removed": removed.keys, "freed_bytes": removed.freed}
    lines = (
        *(f"removed {key}" for key in removed.keys),
        f"{count(len(removed.keys), 'environment')} removed, {render.size(removed.freed)} freed",
    )
    render.tell(document, *lines, as_json=as_json, quiet=quiet)


def _document(entry: EnvironmentUse) -> dict[str, object]:
    environment = entry.environment
    return {
        "key": environment.key,
        "path": environment.path,
        "python": environment.python,
        "created_at": environment.created_at,
        "last_used_at": entry.last_used.isoformat(timespec="seconds"),
        "used_by": {name: when.isoformat(timespec="seconds") for name, when in entry.used},
        "size_bytes": entry.size,
        "own_size_bytes": entry.own_size,
        "current": entry.is_current,
        "resolved": environment.resolved,
        "packages": environment.packages,
    }
