"""``dissmodel show``."""

from __future__ import annotations

from typing import Annotated

import typer

from dissmodel.cli import offers, options
from dissmodel.cli.session import consent, session
from dissmodel.cli.values import parse_parameters


def show(
    model: Annotated[
        str | None,
        typer.Argument(
            autocompletion=offers.models,
            metavar="MODEL",
            help="A model's name or a .py file; without, list all.",
        ),
    ] = None,
    toml: options.Toml = None,
    param: options.Params = None,
    yes: options.Yes = False,
    allow_build: options.AllowBuild = False,
    offline: options.Offline = False,
    as_json: options.Json = False,
) -> None:
    """List the models, or one model's parameters as a run would resolve them.

    Example: dissmodel show coastal_raster --param end_time=20
    """
    from dissmodel import api
    from dissmodel.cli import render

    parameters = parse_parameters(param or ())
    agreed = consent(yes=yes, allow_build=allow_build, offline=offline)
    with session():
        if model is not None:
            found = api.show(model, toml=toml, parameters=parameters, consent=agreed)
        elif toml is not None:
            found = api.show(toml=toml, parameters=parameters, consent=agreed)
        else:
            render.model_list(api.show(), as_json=as_json)
            return
    render.model_view(found, as_json=as_json)
