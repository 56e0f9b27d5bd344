"""``dissmodel reproduce``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from dissmodel.cli import offers, options
from dissmodel.cli.session import consent, session
from dissmodel.cli.values import parse_moved


def reproduce(
    record: Annotated[
        str,
        typer.Argument(
            autocompletion=offers.records,
            metavar="RECORD",
            help="Such as result.record.json, a bundle, or a URL of either.",
        ),
    ],
    input_: options.MovedInputs = None,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="The new result; by default NAME.repro-ID beside the record.",
        ),
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Keep only the verdict, no result.")] = False,
    model: Annotated[
        str | None,
        typer.Option(metavar="NAME|FILE.py", help="The model, if the record alone does not identify it."),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse code other than the recorded code.")
    ] = False,
    rtol: options.RelativeTolerance = None,
    atol: options.AbsoluteTolerance = None,
    threads: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Threads to use; by default as the recorded run.")
    ] = None,
    diff_map: options.DiffMap = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an earlier reproduction, or map; never the original.")
    ] = False,
    env: Annotated[
        Literal["here", "recorded"],
        typer.Option(help="Run with the installed packages, or install those of the record for it."),
    ] = "here",
    yes: options.YesBoth = False,
    allow_build: options.AllowBuild = False,
    offline: options.Offline = False,
    attest: Annotated[
        bool, typer.Option("--attest", help="Leave a signed statement of the verdict beside the record.")
    ] = False,
    key: Annotated[
        Path | None, typer.Option("--key", metavar="FILE", help="The SSH key that signs the statement.")
    ] = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Repeat a run from its record, and compare the new result with the recorded one.

    The input must have the recorded bytes; nothing runs before they are checked. Differences in code,
    packages and machine are printed first. The verdict is identical-file (the same bytes), identical-content
    (equal values in other bytes), within-tolerance (only with --rtol or --atol), different, or
    not-comparable. The last two exit with 4. The new result and its record are beside the recorded ones,
    which are never changed; for a bundle, beside the zip; for a fetched record, in the current folder.

    Example: dissmodel reproduce result.record.json
    """
    from dissmodel import api
    from dissmodel.cli import render_compare

    moved, others = parse_moved(input_ or ())
    with session(quiet=quiet, verbose=verbose):
        found = api.reproduce(
            record,
            input=moved,
            inputs=others,
            output=output,
            check=check,
            model=model,
            strict=strict,
            rtol=rtol,
            atol=atol,
            threads=threads,
            diff_map=diff_map,
            env=env,
            overwrite=overwrite,
            attest=attest,
            key=key,
            may_ask=sys.stdin.isatty(),
            consent=consent(yes=yes, allow_build=allow_build, offline=offline),
        )
    render_compare.reproduction(found, as_json=as_json, quiet=quiet)
    if not found.same:
        sys.exit(options.EXIT_DIFFERS)
