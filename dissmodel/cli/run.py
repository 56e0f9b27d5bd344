"""``dissmodel run``."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from dissmodel.cli import offers, options
from dissmodel.cli.session import consent, session
from dissmodel.cli.values import parse_inputs, parse_names, parse_parameters


def run(
    model: Annotated[
        str | None,
        typer.Argument(
            autocompletion=offers.models,
            metavar="MODEL",
            help="A model's name (list them: dissmodel show) or a .py file.",
        ),
    ] = None,
    input_: options.SeveralInputs = None,
    output: options.Output = None,
    param: options.Params = None,
    toml: options.Toml = None,
    band_map: options.BandMap = None,
    column_map: options.ColumnMap = None,
    class_map: options.ClassMap = None,
    format_: options.InputFormat = "auto",
    layer: options.Layer = None,
    resample: options.Resample = None,
    seed: options.Seed = None,
    threads: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Threads to use; by default all.")
    ] = None,
    memory: options.Memory = None,
    resume: options.Resume = False,
    records: options.Records = None,
    cog: options.Cog = None,
    preview: options.Preview = False,
    preview_to: options.PreviewTo = None,
    animate: options.Animate = None,
    report: options.Report = False,
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

    Prints the path of the result and, on a second line, of its record, also with -q; all else is on standard
    error. Exits with 4 if the model itself found its result to be wrong.

    Example: dissmodel run coastal_raster --input grid.zip --output result.tif --param end_time=20
    """
    from dissmodel import api
    from dissmodel.cli import render
    from dissmodel.errors import UsageError, shell_word

    if model is None and toml is None:
        given = shell_word(input_[0]) if input_ else "FILE"
        raise UsageError("Which model?", f"dissmodel run MODEL --input {given}. List them: dissmodel show")
    if not input_:
        named = shell_word(model) if model is not None else f"--toml {shell_word(str(toml))}"
        raise UsageError("Which input?", f"dissmodel run {named} --input FILE")
    if to is not None and not push:
        raise UsageError("--to is the destination of --push, which is missing.", "Give both, or neither.")
    with session(quiet=quiet, verbose=verbose):
        made = api.run(
            model,
            inputs=parse_inputs(input_),
            resample=resample,
            output=output,
            parameters=parse_parameters(param or ()),
            toml=toml,
            band_map=parse_names(band_map or (), "--band-map"),
            column_map=parse_names(column_map or (), "--column-map"),
            class_map=parse_names(class_map or (), "--class-map"),
            format=format_,
            layer=layer,
            seed=seed,
            threads=threads,
            memory=memory,
            resume=resume,
            records=records or (),
            cog=cog,
            preview=preview_to or preview,
            animate=animate,
            report=report,
            push=push if to is None else to,
            overwrite=overwrite,
            consent=consent(yes=yes, allow_build=allow_build, offline=offline),
        )
    render.run(made, as_json=as_json, quiet=quiet)
    if made.record.differs:
        sys.exit(options.EXIT_DIFFERS)
