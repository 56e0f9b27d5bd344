"""``dissmodel run``."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dissmodel.cli import options
from dissmodel.cli.consent import agreed
from dissmodel.cli.values import parse_names, parse_parameters, parse_seed

if TYPE_CHECKING:
    from dissmodel.consent import Consent
    from dissmodel.preview import Preview
    from dissmodel.progress import Reporter
    from dissmodel.running.run import RunResult
    from dissmodel.sharing.push import PushedExperiment
    from dissmodel.sharing.remote_output import Uploaded


def run(
    model: Annotated[
        str | None,
        typer.Argument(metavar="MODEL", help="A model's name (list them: dissmodel show) or a .py file."),
    ] = None,
    input_: options.OptionalInput = None,
    output: options.Output = None,
    param: options.Params = None,
    toml: options.Toml = None,
    band_map: options.BandMap = None,
    column_map: options.ColumnMap = None,
    format_: options.InputFormat = options.Format.auto,
    layer: options.Layer = None,
    seed: Annotated[
        int | None,
        typer.Option(parser=parse_seed, metavar="N", help="Seed the random numbers of Python and NumPy."),
    ] = None,
    threads: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Threads to use; by default all.")
    ] = None,
    records: options.Records = None,
    preview: options.Preview = False,
    push: Annotated[
        bool, typer.Option("--push", help="Push the result and its record, as `dissmodel push` does.")
    ] = False,
    to: Annotated[
        str | None,
        typer.Option(
            metavar="PLACE",
            help="Where --push goes: s3://BUCKET/PREFIX or a folder; by default storage.bucket.",
        ),
    ] = None,
    overwrite: options.Overwrite = False,
    yes: options.Yes = False,
    allow_build: options.AllowBuild = False,
    offline: options.Offline = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Run a model; write the result and, beside it, its record.

    Exits with 4 if the model itself found that its result is not what it should be.

    Example: dissmodel run coastal_raster --input grid.zip --output result.tif --param end_time=20
    """
    from dissmodel.cli.reporter import terminal_reporter
    from dissmodel.errors import UsageError, shell_word
    from dissmodel.running.run import RunRequest
    from dissmodel.running.run import run as run_model
    from dissmodel.storage.uri import is_remote

    if model is None and toml is None:
        given = shell_word(input_) if input_ is not None else "FILE"
        raise UsageError("Which model?", f"dissmodel run MODEL --input {given}. List them: dissmodel show")
    if input_ is None:
        named = shell_word(model) if model is not None else f"--toml {shell_word(str(toml))}"
        raise UsageError("Which input?", f"dissmodel run {named} --input FILE")
    request = RunRequest(
        model=model,
        input=input_,
        output=output,
        parameters=parse_parameters(param or ()),
        toml=toml,
        band_map=parse_names(band_map or (), "--band-map"),
        column_map=parse_names(column_map or (), "--column-map"),
        format=format_.value,
        layer=layer,
        overwrite=overwrite,
        seed=seed,
        threads=threads,
        command=("dissmodel", *sys.argv[1:]),
        records=tuple(records or ()),
    )
    elsewhere = output is not None and is_remote(output)
    _refuse_senseless(elsewhere=elsewhere, preview=preview, push=push, to=to)
    if push:
        from dissmodel.sharing.push import check_place

        check_place(to, offline=offline)

    def act(consent: Consent, reporter: Reporter) -> RunResult | Uploaded:
        if elsewhere:
            from dissmodel.sharing.remote_output import run_to

            return run_to(replace(request, consent=consent), reporter)
        return run_model(replace(request, consent=consent), reporter)

    result = agreed(
        act,
        yes=yes,
        allow_build=allow_build,
        offline=offline,
        quiet=quiet,
        verbose=verbose,
    )
    picture = None
    if preview and isinstance(result.record_path, Path):
        from dissmodel.preview import PreviewRequest, preview_of_run

        wanted = PreviewRequest(record=result.record_path, overwrite=overwrite)
        with terminal_reporter(quiet=quiet, verbose=verbose) as reporter:
            picture = preview_of_run(wanted, reporter)
    pushed = None
    if push:
        from dissmodel.sharing.push import push_of_run

        with terminal_reporter(quiet=quiet, verbose=verbose) as reporter:
            pushed = push_of_run(Path(result.record_path), to, reporter)
    _print(result, picture, pushed, as_json=as_json, quiet=quiet)
    if result.record.differs:
        sys.exit(options.EXIT_DIFFERS)


def _refuse_senseless(*, elsewhere: bool, preview: bool, push: bool, to: str | None) -> None:
    from dissmodel.errors import UsageError

    if elsewhere and preview:
        raise UsageError("--preview draws beside the result, and that goes elsewhere.", "Leave it out.")
    if to is not None and not push:
        raise UsageError("--to says where --push goes.", "Give both, or --output for where the result lies.")
    if elsewhere and push:
        raise UsageError(
            "--output s3://... uploads the result, and --push would do so again.",
            "Give --output a local file, or leave --push out.",
        )


def _print(
    result: RunResult | Uploaded,
    picture: Preview | None,
    pushed: PushedExperiment | None,
    *,
    as_json: bool,
    quiet: bool,
) -> None:
    from dissmodel.cli import render

    if as_json:
        render.run_json(result, picture, pushed)
    elif not quiet:
        render.run_result(result, picture, pushed)
