"""``dissmodel calibrate``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from dissmodel.cli import offers, options
from dissmodel.cli.session import consent, session
from dissmodel.cli.values import parse_inputs, parse_names, parse_parameters, parse_seed, parse_varied

if TYPE_CHECKING:
    from dissmodel.sweeping.calibrated import Calibrated


def calibrate(
    model: Annotated[
        str | None,
        typer.Argument(
            autocompletion=offers.models,
            metavar="MODEL",
            help="A model's name (list them: dissmodel show) or a .py file.",
        ),
    ] = None,
    input_: options.SeveralInputs = None,
    observed: Annotated[
        str | None,
        typer.Option(
            metavar="[FIELD=]FILE",
            help="The observed map, on the grid of the input; FIELD where the model has several of its kind.",
        ),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", metavar="FOLDER", help="The folder of the calibration, old or new."),
    ] = None,
    vary: Annotated[
        list[str] | None,
        typer.Option(
            "--vary",
            metavar="NAME=LOW:HIGH",
            help="Bounds of a parameter, or log:LOW:HIGH, or values to choose from: a,b. May be repeated.",
        ),
    ] = None,
    metric: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="figure_of_merit, fit, kappa, disagreement, quantity_disagreement, allocation_disagreement, "
            "mae, rmse; with --target one of the runs' own.",
        ),
    ] = "figure_of_merit",
    target: Annotated[
        float | None,
        typer.Option(metavar="NUMBER", help="What a metric of the runs' own is to come near."),
    ] = None,
    trials: Annotated[
        int, typer.Option(min=1, metavar="N", help="How many trials there are to be, with earlier ones.")
    ] = 100,
    replicates: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Runs with other seeds of each trial; by default 1."),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            parser=parse_seed,
            metavar="N",
            help="The trials and their runs' seeds are derived from it; by default 0.",
        ),
    ] = None,
    sampler: Annotated[
        Literal["tpe", "random"], typer.Option(help="What proposes the trials: see Optuna's samplers.")
    ] = "tpe",
    param: options.Params = None,
    toml: options.Toml = None,
    band_map: options.BandMap = None,
    column_map: options.ColumnMap = None,
    class_map: options.ClassMap = None,
    format_: options.InputFormat = "auto",
    layer: options.Layer = None,
    resample: options.Resample = None,
    workers: options.Workers = None,
    cluster: options.Cluster = None,
    cluster_tls: options.ClusterTls = None,
    threads: Annotated[int, typer.Option(min=1, metavar="N", help="Threads of each run.")] = 1,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Consent to install the model's package.")] = False,
    allow_build: options.AllowBuild = False,
    offline: options.Offline = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Print a line for each run.")] = False,
) -> None:
    """Find the values with which a model comes nearest to an observed map; give the command again to go on.

    Exits with 1 if every trial failed. It needs Optuna, the extra calibrate.

    Example: dissmodel calibrate coastal_raster -i grid.zip --observed uso=result.tif -o near --vary tide_height=1:9 --trials 2
    """  # noqa: E501  (an example is a line)
    from dissmodel import api
    from dissmodel.errors import UsageError

    if output is None:
        raise UsageError("Which folder?", "--output FOLDER")
    with session(quiet=quiet, verbose=verbose):
        made = api.calibrate(
            model,
            inputs=parse_inputs(input_ or ()),
            output=output,
            vary=parse_varied(vary or ()),
            observed=dict(parse_inputs([observed])) if observed is not None else None,
            metric=metric,
            target=target,
            trials=trials,
            replicates=replicates,
            seed=seed,
            sampler=sampler,
            parameters=parse_parameters(param or ()),
            toml=toml,
            band_map=parse_names(band_map or (), "--band-map"),
            column_map=parse_names(column_map or (), "--column-map"),
            class_map=parse_names(class_map or (), "--class-map"),
            format=format_,
            layer=layer,
            resample=resample,
            workers=workers,
            cluster=cluster,
            cluster_tls=parse_names(cluster_tls or (), "--cluster-tls"),
            threads=threads,
            consent=consent(yes=yes, allow_build=allow_build, offline=offline),
        )
    _print(made, as_json=as_json, quiet=quiet)
    if made.best is None:
        sys.exit(1)


def _print(made: Calibrated, *, as_json: bool, quiet: bool) -> None:
    from dissmodel.cli.render import as_dict, print_json, print_line, print_places, print_table, value_text

    best = made.best
    if as_json:
        folder = made.folder
        print_json({**as_dict(made), "folder": folder.path, "record_path": folder.record_path})
        return
    if quiet:
        return
    failed = f", {made.failed} of them failed" if made.failed else ""
    print_line(f"{_trials(made.trials)}{failed}")
    if best is None:
        return
    spread = "" if best.sd is None else f", sd {best.sd:.4g} over its replicates"
    print_line(f"best: trial {best.trial}, {made.metric} {best.metric:.6g}{spread}")
    rows = [(name, value_text(value), _range(made.ranges[name])) for name, value in best.values.items()]
    near = f"{_trials(made.near)} within {made.tolerance:.3g}" if made.tolerance is not None else ""
    print_table(("parameter", "best", near), rows)
    print_places({"record": best.record_path, "table": made.folder.table_path})
    print_line(f"run it: {best.command}")


def _trials(number: int) -> str:
    return f"{number} trial{'' if number == 1 else 's'}"


def _range(values: tuple[Any, ...]) -> str:
    from dissmodel.cli.render import value_text

    is_span = len(values) == 2 and all(isinstance(one, int | float) for one in values)  # noqa: PLR2004  (ends)
    shown = [f"{one:.6g}" if isinstance(one, float) else value_text(one) for one in values]
    return " to ".join(shown) if is_span else ", ".join(shown)
