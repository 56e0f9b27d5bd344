"""``dissmodel show``."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from dissmodel.cli import options
from dissmodel.cli.consent import agreed
from dissmodel.cli.values import parse_parameters


def show(
    model: Annotated[
        str | None, typer.Argument(metavar="MODEL", help="A model's name or a .py file; none: list all.")
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
    from dissmodel.cli import render
    from dissmodel.running.model import ModelRequest
    from dissmodel.running.show import list_models, show_model

    if model is None and toml is None:
        render.model_list(list_models(), as_json=as_json)
    else:
        request = ModelRequest(model=model, toml=toml, parameters=parse_parameters(param or ()))
        view = agreed(
            lambda consent, _reporter: show_model(replace(request, consent=consent)),
            yes=yes,
            allow_build=allow_build,
            offline=offline,
        )
        render.model_view(view, as_json=as_json)
