"""``dissmodel registry check``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from dissmodel.cli import options
from dissmodel.errors import InvalidInput


def check(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A registry's folder, or one model's TOML.")],
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Look at a registry before others sync it: a line per finding, with file and line number.

    Exits with 3 if there is an error. Nothing is fetched, installed or imported.

    Example: dissmodel registry check registry
    """
    from dissmodel.actions.registry_check import check_registry
    from dissmodel.cli import render_registry

    checked = check_registry(path)
    render_registry.check(checked, as_json=as_json, errors_only=quiet)
    if not checked.ok:
        sys.exit(InvalidInput.exit_code)
