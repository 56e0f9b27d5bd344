"""``dissmodel record verify``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from dissmodel.cli import options
from dissmodel.cli.options import EXIT_DIFFERS


def verify(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE...", help="Records, such as result.record.json, bundles, or URLs of them."
        ),
    ],
    allowed_signers: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Who may have signed them: lines NAME KEY-TYPE KEY, as git has them."
        ),
    ] = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Check results, inputs and the records themselves against their digests.

    With --allowed-signers each record must have the signature of one of them, and what they attest beside it
    is checked and told. What lies at a URL, s3://... or https://..., is fetched, hashed and let go; for
    files no server is asked. Exits with 4 if anything differs or is missing.

    Example: dissmodel record verify result.record.json
    """
    from dissmodel.cli import render
    from dissmodel.cli.reporter import terminal_reporter
    from dissmodel.experiment.verify import verify_all
    from dissmodel.progress import reporting

    with terminal_reporter(quiet=quiet, verbose=False) as reporter, reporting(reporter):
        verification = verify_all(tuple(files), allowed_signers)
    render.verification(verification, as_json=as_json, errors_only=quiet)
    if not verification.ok:
        sys.exit(EXIT_DIFFERS)
