"""``dissmodel record verify``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from dissmodel.cli import options
from dissmodel.cli.session import session


def verify(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE...", help="Records, such as result.record.json, bundles, or URLs of them."
        ),
    ],
    allowed_signers: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Who may sign: a file of lines NAME KEY-TYPE KEY, as for git."),
    ] = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Check results, inputs and the records themselves against their digests.

    With --allowed-signers each record must have a signature of an allowed signer, and statements of allowed
    signers beside it are checked and printed. A record at a URL, s3://... or https://..., is fetched,
    hashed and removed; for local files no server is asked. Exits with 4 if anything differs or is missing.

    Example: dissmodel record verify result.record.json
    """
    from dissmodel import api
    from dissmodel.cli import render

    with session(quiet=quiet):
        verification = api.verify(*files, allowed_signers=allowed_signers)
    render.verification(verification, as_json=as_json, errors_only=quiet)
    if not verification.ok:
        sys.exit(options.EXIT_DIFFERS)
