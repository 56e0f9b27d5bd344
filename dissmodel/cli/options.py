"""Every option that more than one command has, declared once."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Format(StrEnum):
    """What the input holds."""

    auto = "auto"
    raster = "raster"
    tiff = "tiff"
    vector = "vector"


Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Say what is being done.")]
Params = Annotated[
    list[str] | None,
    typer.Option("--param", "-p", metavar="NAME=VALUE", help="Set a parameter; may be repeated."),
]
Toml = Annotated[
    Path | None, typer.Option("--toml", "-t", metavar="FILE", help="The model's TOML: parameters and names.")
]
