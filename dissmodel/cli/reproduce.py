"""``dissmodel reproduce``."""

from __future__ import annotations

import sys
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from dissmodel.cli import compare_options, options
from dissmodel.cli.consent import agreed
from dissmodel.cli.options import EXIT_DIFFERS


class Env(StrEnum):
    """Which packages run."""

    here = "here"
    recorded = "recorded"


def reproduce(
    record: Annotated[
        str,
        typer.Argument(metavar="RECORD", help="Such as result.record.json, a bundle, or a URL of one."),
    ],
    input_: Annotated[
        str | None,
        typer.Option("--input", "-i", metavar="FILE", help="Where the input is now, a file or a URL."),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="The new result; by default NAME.repro-ID beside the record.",
        ),
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Leave nothing but the verdict.")] = False,
    model: Annotated[
        str | None,
        typer.Option(metavar="NAME|FILE.py", help="The model, if the record alone does not lead to it."),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse other code than the recorded one.")
    ] = False,
    rtol: compare_options.RelativeTolerance = None,
    atol: compare_options.AbsoluteTolerance = None,
    threads: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Threads to use; by default as the recorded run.")
    ] = None,
    diff_map: compare_options.DiffMap = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an earlier reproduction, or map; never the original.")
    ] = False,
    env: Annotated[
        Env, typer.Option(help="The packages that are here, or those of the record, installed for it.")
    ] = Env.here,
    yes: options.YesBoth = False,
    allow_build: options.AllowBuild = False,
    offline: options.Offline = False,
    attest: Annotated[
        bool, typer.Option("--attest", help="Leave a signed statement of it beside the record.")
    ] = False,
    key: Annotated[
        Path | None, typer.Option("--key", metavar="FILE", help="The SSH key that signs the statement.")
    ] = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Run again what a record describes, and say in how far the result is the same.

    The input has to be the recorded bytes; nothing is run before that is known. What differs around the two
    runs is said first. The verdict is identical-file (the same bytes), identical-content (equal values in
    other bytes), within-tolerance (only with --rtol or --atol), different, or not-comparable. The last two
    exit with 4. The new result and its record lie beside the old ones, which are never touched; of a bundle,
    beside the zip; of a record that was fetched, in the current folder.

    Example: dissmodel reproduce result.record.json
    """
    from dissmodel.cli import render_reproduce
    from dissmodel.experiment.attest import attest as attest_reproduction
    from dissmodel.experiment.attest import signing_key
    from dissmodel.experiment.source import refuse_remote
    from dissmodel.reproducing.reproduce import ReproduceRequest
    from dissmodel.reproducing.reproduce import reproduce as reproduce_record

    if attest or key is not None:
        refuse_remote(record, "a statement lies")
    may_ask = sys.stdin.isatty()
    signing = signing_key(wanted=attest, key=key, may_ask=may_ask)
    request = ReproduceRequest(
        record=record,
        input=input_,
        output=output,
        check=check,
        model=model,
        strict=strict,
        tolerance=compare_options.tolerance(rtol, atol),
        threads=threads,
        diff_map=diff_map,
        env=env.value,
        overwrite=overwrite,
        command=("dissmodel", *sys.argv[1:]),
    )
    found = agreed(
        lambda consent, reporter: reproduce_record(replace(request, consent=consent), reporter),
        yes=yes,
        allow_build=allow_build,
        offline=offline,
        quiet=quiet,
        verbose=verbose,
    )
    statement = None
    if signing is not None:
        statement = attest_reproduction(found.record, Path(found.recorded_path), signing, may_ask=may_ask)
    if as_json:
        render_reproduce.reproduction_json(found, statement)
    elif not quiet:
        render_reproduce.reproduction(found, statement)
    if not found.same:
        sys.exit(EXIT_DIFFERS)
