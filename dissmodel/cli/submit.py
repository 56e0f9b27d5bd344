"""``dissmodel submit``."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from dissmodel.cli import offers, options
from dissmodel.cli.session import consent, session
from dissmodel.cli.values import parse_inputs, parse_names, parse_parameters


def submit(
    model: Annotated[
        str | None,
        typer.Argument(
            autocompletion=offers.models, metavar="MODEL", help="The name of a model that the server has."
        ),
    ] = None,
    input_: options.SeveralInputs = None,
    output: options.OutputHere = None,
    param: options.Params = None,
    toml: options.Toml = None,
    band_map: options.BandMap = None,
    column_map: options.ColumnMap = None,
    class_map: options.ClassMap = None,
    format_: options.InputFormat = "auto",
    layer: options.Layer = None,
    resample: options.Resample = None,
    seed: options.Seed = None,
    cog: options.Cog = None,
    server: options.Server = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait for the end, and bring the result here, as `run` leaves it.")
    ] = False,
    timeout: options.Timeout = None,
    overwrite: options.Overwrite = False,
    yes: options.YesClear = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Run a model on a server; print the job's id, or with --wait bring the result here.

    Local inputs are uploaded, each once. With --wait it exits as `dissmodel run` would have; Ctrl-C leaves
    the job running. An API key comes from DISSMODEL_API_KEY, client.key_file or the keyring.

    Example: dissmodel submit coastal_raster --input grid.zip --output result.tif --wait
    """
    from dissmodel import api
    from dissmodel.cli import render, render_jobs
    from dissmodel.errors import UsageError, shell_word

    if model is None and toml is None:
        raise UsageError("Which model?", "dissmodel submit MODEL --input FILE")
    if not input_:
        named = shell_word(model) if model is not None else f"--toml {shell_word(str(toml))}"
        raise UsageError("Which input?", f"dissmodel submit {named} --input FILE")
    if not wait and (output is not None or overwrite or timeout is not None):
        raise UsageError(
            "--output, --overwrite and --timeout are about the result, which comes with --wait.",
            "Add --wait, or later: dissmodel jobs wait ID --output FILE",
        )
    with session(quiet=quiet, verbose=verbose):
        there = api.connect(server, consent=consent(yes=yes))
        job = there.submit(
            model,
            inputs=parse_inputs(input_),
            output=output,
            parameters=parse_parameters(param or ()),
            toml=toml,
            band_map=parse_names(band_map or (), "--band-map"),
            column_map=parse_names(column_map or (), "--column-map"),
            class_map=parse_names(class_map or (), "--class-map"),
            format=format_,
            layer=layer,
            resample=resample,
            seed=seed,
            cog=cog,
            overwrite=overwrite,
        )
        made = job.result(timeout=timeout) if wait else None
    if made is None:
        render_jobs.submitted(job, there.url, as_json=as_json, quiet=quiet)
        return
    render.run(made, as_json=as_json, quiet=quiet)
    if made.record.differs:
        sys.exit(options.EXIT_DIFFERS)
