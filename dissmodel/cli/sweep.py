"""``dissmodel sweep`` and ``dissmodel sweep status``."""

from __future__ import annotations

import sys
from typing import Annotated, Literal

import typer

from dissmodel.cli import offers, options
from dissmodel.cli.session import consent, session
from dissmodel.cli.values import parse_inputs, parse_names, parse_parameters, parse_seed, parse_varied


def sweep(
    model: Annotated[
        str | None,
        typer.Argument(
            autocompletion=offers.models,
            metavar="MODEL",
            help="A model's name (list them: dissmodel show) or a .py file.",
        ),
    ] = None,
    input_: options.SeveralInputs = None,
    output: Annotated[
        str | None,
        typer.Option(
            "--output", "-o", metavar="FOLDER", help="The folder of the sweep, or s3://BUCKET/PREFIX."
        ),
    ] = None,
    vary: options.Vary = None,
    replicates: options.Replicates = None,
    seed: Annotated[
        int | None,
        typer.Option(
            parser=parse_seed, metavar="N", help="Each run's seed is derived from it; by default 0."
        ),
    ] = None,
    design: options.Design = None,
    param: options.Params = None,
    toml: options.PlanToml = None,
    band_map: options.BandMap = None,
    column_map: options.ColumnMap = None,
    class_map: options.ClassMap = None,
    format_: options.InputFormat = "auto",
    layer: options.Layer = None,
    resample: options.Resample = None,
    keep: Annotated[
        Literal["all", "records"] | None,
        typer.Option(help="With records, a result is removed once its record describes it."),
    ] = None,
    cog: options.Cog = None,
    workers: options.Workers = None,
    cluster: options.Cluster = None,
    cluster_tls: options.ClusterTls = None,
    threads: Annotated[int, typer.Option(min=1, metavar="N", help="Threads of each run.")] = 1,
    fail_fast: Annotated[bool, typer.Option("--fail-fast", help="Begin no run after a failure.")] = False,
    keep_old_code: Annotated[
        bool, typer.Option("--keep-old-code", help="Keep runs of an earlier state of the model's code.")
    ] = False,
    other_plan: Annotated[
        bool, typer.Option("--other-plan", help="Let this plan take the place of another one in the folder.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what the runs will take, by one of them; write nothing.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Consent to many runs, and to install the model's package.")
    ] = False,
    allow_build: options.AllowBuild = False,
    offline: options.Offline = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Print a line for each run.")] = False,
) -> None:
    """Run a model many times, each run with its record; give the command again to go on.

    Exits with 1 if a run failed. `dissmodel sweep status FOLDER` tells how far it is.

    Example: dissmodel sweep coastal_raster -i grid.zip -o rises --vary sea_level_rise_rate=0.01,0.02
    """
    from dissmodel import api
    from dissmodel.cli import render_sweep
    from dissmodel.errors import UsageError

    if output is None:
        raise UsageError("Which folder?", "--output FOLDER")
    with session(quiet=quiet, verbose=verbose):
        made = api.sweep(
            model,
            inputs=parse_inputs(input_ or ()),
            output=output,
            vary=parse_varied(vary or ()),
            replicates=replicates,
            seed=seed,
            design=design,
            parameters=parse_parameters(param or ()),
            toml=toml,
            band_map=parse_names(band_map or (), "--band-map"),
            column_map=parse_names(column_map or (), "--column-map"),
            class_map=parse_names(class_map or (), "--class-map"),
            format=format_,
            layer=layer,
            resample=resample,
            keep=keep,
            cog=cog,
            workers=workers,
            cluster=cluster,
            cluster_tls=parse_names(cluster_tls or (), "--cluster-tls"),
            threads=threads,
            fail_fast=fail_fast,
            keep_old_code=keep_old_code,
            other_plan=other_plan,
            dry_run=dry_run,
            consent=consent(yes=yes, allow_build=allow_build, offline=offline),
        )
    render_sweep.sweep(made, as_json=as_json, quiet=quiet)
    if made.failed and not dry_run:
        sys.exit(1)


def status(
    folder: Annotated[str, typer.Argument(metavar="FOLDER", help="The folder of a sweep, or its s3://.")],
    as_json: options.Json = False,
) -> None:
    """Tell how far a sweep is; it may be running, here or elsewhere.

    Example: dissmodel sweep status rises
    """
    from dissmodel import api
    from dissmodel.cli import render_sweep

    render_sweep.status(api.sweep_status(folder), as_json=as_json)
