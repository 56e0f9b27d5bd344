"""``dissmodel registry check``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from dissmodel.cli import options
from dissmodel.cli.session import consent, session
from dissmodel.errors import InvalidInput


def check(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A registry's folder, or one model's TOML.")],
    install: Annotated[
        bool, typer.Option("--install", help="Also install each package, and load and check its model.")
    ] = False,
    yes: options.Yes = False,
    allow_build: options.AllowBuild = False,
    offline: options.Offline = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Check a registry before others sync it: a line per finding, with file and line number.

    Exits with 3 if there is an error. Nothing is fetched, installed or imported unless --install is given.

    Example: dissmodel registry check registry
    """
    from dissmodel.cli import render_registry
    from dissmodel.registries.check import check_registry

    if install:
        from dissmodel.registries.trial import trial
        from dissmodel.watching import with_consent

        agreed = consent(yes=yes, allow_build=allow_build, offline=offline)
        with session(quiet=quiet):
            checked = with_consent(lambda given: check_registry(path, trial(given)), agreed)
    else:
        checked = check_registry(path)
    render_registry.check(checked, as_json=as_json, errors_only=quiet)
    if not checked.ok:
        sys.exit(InvalidInput.exit_code)
