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
    from dissmodel.actions.isolation import Consent
    from dissmodel.actions.remote_output import Uploaded
    from dissmodel.actions.run import RunResult
    from dissmodel.progress import Reporter


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
    from dissmodel.actions.remote_output import goes_elsewhere, run_to
    from dissmodel.actions.run import RunRequest
    from dissmodel.actions.run import run as run_model
    from dissmodel.cli import render
    from dissmodel.cli.reporter import terminal_reporter
    from dissmodel.errors import UsageError

    if model is None and toml is None:
        raise UsageError("Which model?", "dissmodel run MODEL --input FILE. List them: dissmodel show")
    if input_ is None:
        raise UsageError("Which input?", "dissmodel run MODEL --input FILE", code="usage")
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
    elsewhere = goes_elsewhere(output)
    if elsewhere and preview:
        raise UsageError("--preview draws beside the result, and that goes elsewhere.", "Leave it out.")

    def act(consent: Consent, reporter: Reporter) -> RunResult | Uploaded:
        return (run_to if elsewhere else run_model)(replace(request, consent=consent), reporter)

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
        from dissmodel.actions.preview import PreviewRequest, preview_of_run

        wanted = PreviewRequest(record=result.record_path, overwrite=overwrite)
        with terminal_reporter(quiet=quiet, verbose=verbose) as reporter:
            picture = preview_of_run(wanted, reporter)
    if as_json:
        render.run_json(result, picture)
    elif not quiet:
        render.run_result(result, picture)
    if result.record.differs:
        sys.exit(options.EXIT_DIFFERS)
