"""``dissmodel validate``."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from dissmodel.cli import offers, options
from dissmodel.cli.session import consent, session
from dissmodel.cli.values import parse_inputs, parse_names, parse_parameters
from dissmodel.errors import InvalidInput


def validate(
    model: Annotated[
        str | None,
        typer.Argument(autocompletion=offers.models, metavar="MODEL", help="A model's name or a .py file."),
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
    overwrite: options.Overwrite = False,
    yes: options.Yes = False,
    allow_build: options.AllowBuild = False,
    offline: options.Offline = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Find everything that is wrong with a model and inputs for it, all at once; write nothing.

    Checks that the model keeps the executor contract, its parameters, that inputs can be read and have all
    that the model needs, and that the result can be written and has space. Exits with 3 if a run could not
    succeed.

    Example: dissmodel validate coastal_raster --input grid.zip --output next.tif
    """
    from dissmodel import api
    from dissmodel.cli import render

    with session(quiet=quiet):
        validation = api.validate(
            model,
            inputs=parse_inputs(input_ or ()),
            resample=resample,
            output=output,
            parameters=parse_parameters(param or ()),
            toml=toml,
            band_map=parse_names(band_map or (), "--band-map"),
            column_map=parse_names(column_map or (), "--column-map"),
            class_map=parse_names(class_map or (), "--class-map"),
            format=format_,
            layer=layer,
            overwrite=overwrite,
            consent=consent(yes=yes, allow_build=allow_build, offline=offline),
        )
    render.findings(validation, as_json=as_json, errors_only=quiet)
    if not validation.ok:
        sys.exit(InvalidInput.exit_code)
