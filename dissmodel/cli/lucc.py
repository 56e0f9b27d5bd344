"""``dissmodel lucc``: tables for models of land-use change, from observed maps."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import typer

from dissmodel.cli import options
from dissmodel.cli.commands import App
from dissmodel.cli.session import session
from dissmodel.cli.values import parse_names, parse_seed

app = App(
    help="Estimate the tables that models of land-use change need, from observed maps.\n\n"
    "Example: dissmodel lucc demand --from 2010.tif --to 2020.tif --years 2010,2020,2050 -o demand.csv",
)

_CLASSES = typer.Option(
    metavar="A,B", help="Names of the classes 1, 2 and so on, which are the bands or columns of their shares."
)


@app.command("fit")
def fit(
    input_: options.Input,
    classes: Annotated[str, _CLASSES],
    drivers: Annotated[
        str, typer.Option(metavar="X,Y", help="Bands or columns that explain where a class is.")
    ],
    kind: Annotated[
        Literal["logistic", "linear", "spatial_lag"], typer.Option(help="The regression.")
    ] = "logistic",
    no_data: Annotated[
        str | None, typer.Option(metavar="CLASS", help="The class that does not change (land_use_no_data).")
    ] = None,
    sample: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Draw cells, of each class in proportion.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(parser=parse_seed, metavar="N", help="Seed of the sample; 1 by default.")
    ] = None,
    output: options.Output = None,
    band_map: options.BandMap = None,
    column_map: options.ColumnMap = None,
    class_map: options.ClassMap = None,
    layer: options.Layer = None,
    overwrite: options.Overwrite = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Estimate the coefficients of potentials; write [[model.potential]] tables as TOML, and a record.

    NAME.fit.json beside the TOML has standard errors, p-values, AUC and ROC, R2 and variance inflation.

    Example: dissmodel lucc fit -i 2010.tif --classes forest,crop --drivers slope -o potential.toml
    """
    parameters = {
        "land_use_types": _names(classes),
        "drivers": _names(drivers),
        "kind": kind,
        "land_use_no_data": no_data,
        "sample": sample,
        "seed": seed,
    }
    _run(
        "lucc_fit",
        parameters,
        as_json=as_json,
        quiet=quiet,
        input=input_,
        output=output,
        band_map=parse_names(band_map or (), "--band-map"),
        column_map=parse_names(column_map or (), "--column-map"),
        class_map=parse_names(class_map or (), "--class-map"),
        layer=layer,
        overwrite=overwrite,
    )


@app.command("demand")
def demand(
    start: Annotated[str, typer.Option("--from", metavar="FILE", help="The earlier map.")],
    end: Annotated[str, typer.Option("--to", metavar="FILE", help="The later map.")],
    years: Annotated[
        str, typer.Option(metavar="A,B,C", help="Years of both maps, and the last year of the table.")
    ],
    method: Annotated[
        Literal["linear", "exponential", "markov"], typer.Option(help="How areas go on.")
    ] = "linear",
    first: Annotated[
        int | None, typer.Option(metavar="YEAR", help="First year of the table; that of --to by default.")
    ] = None,
    classes: Annotated[str | None, _CLASSES] = None,
    cell_area: Annotated[
        float | None, typer.Option(metavar="AREA", help="Area of a cell, as the model has it; 1 by default.")
    ] = None,
    output: options.Output = None,
    band_map: options.BandMap = None,
    column_map: options.ColumnMap = None,
    class_map: options.ClassMap = None,
    overwrite: options.Overwrite = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Extrapolate the areas of classes from two maps; write the table as CSV (demand_csv), and a record.

    Example: dissmodel lucc demand --from 2010.tif --to 2020.tif --years 2010,2020,2050 -o demand.csv
    """
    parameters = {
        "land_use_types": _names(classes) if classes is not None else None,
        "end": end,
        "years": [int(one) if one.strip().isdecimal() else one for one in years.split(",")],
        "method": method,
        "first": first,
        "cell_area": cell_area,
    }
    _run(
        "lucc_demand",
        parameters,
        as_json=as_json,
        quiet=quiet,
        input=start,
        output=output,
        band_map=parse_names(band_map or (), "--band-map"),
        column_map=parse_names(column_map or (), "--column-map"),
        class_map=parse_names(class_map or (), "--class-map"),
        overwrite=overwrite,
    )


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",")]


def _run(model: str, parameters: dict[str, Any], *, as_json: bool, quiet: bool, **given: Any) -> None:
    """Run, and print what was made; a parameter that is None has its default."""
    from dissmodel import api
    from dissmodel.cli import render

    with session(quiet=quiet):
        chosen = {name: value for name, value in parameters.items() if value is not None}
        made = api.run(model, parameters=chosen, **given)
    render.run(made, as_json=as_json, quiet=quiet)
