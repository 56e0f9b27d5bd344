"""``dissmodel registry list``, ``show`` and ``path``."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from dissmodel.cli import options


def list_models(as_json: options.Json = False) -> None:
    """List the models of all registries, as of the last sync.

    Example: dissmodel registry list
    """
    from dissmodel.cli import render_registry
    from dissmodel.registries.models import list_registry_models

    render_registry.models(list_registry_models(), as_json=as_json)


def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A model's name, or REGISTRY/NAME.")],
    as_json: options.Json = False,
) -> None:
    """Show the entry of a model in a registry: its package, its parameters, its source.

    Example: dissmodel registry show mine/flood
    """
    from dissmodel.cli import render_registry
    from dissmodel.registries.models import show_registry_model

    render_registry.model(show_registry_model(name), as_json=as_json)


def path(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="A registry; without a name, the only known.")
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Print the folder in which a registry's models/ is.

    Example: dissmodel registry path mine
    """
    from dissmodel.cli import render
    from dissmodel.registries.sources import registry_path

    folder = registry_path(name)
    if as_json:
        render.print_json({"path": folder})
    else:
        sys.stdout.write(f"{folder}\n")  # as it is, for a script
