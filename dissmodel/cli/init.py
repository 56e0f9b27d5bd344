"""``dissmodel init``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dissmodel.cli import options


def init(
    name: Annotated[Path, typer.Argument(metavar="NAME", help="The new folder, named as the package.")],
    like: Annotated[
        str | None,
        typer.Option("--like", metavar="MODEL", help="Start from a copy of this model, such as fire_spread."),
    ] = None,
    raster: Annotated[bool, typer.Option("--raster", help="An example on a raster (the default).")] = False,
    vector: Annotated[bool, typer.Option("--vector", help="An example on polygons.")] = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Make a model package that works at once: a model, its tests, an example, a spec for a registry.

    Example: dissmodel init bush-fire --like fire_spread
    """
    from dissmodel.cli import render
    from dissmodel.errors import UsageError
    from dissmodel.registries.init import init as make

    if raster and vector:
        raise UsageError("--raster and --vector contradict each other.", "Leave one out.")
    made = make(name, "vector" if vector else "raster", like)
    there = render.short_path(made.folder)
    example = f"--input input.{made.suffix} --output result.{made.suffix}"
    render.tell(
        {"folder": made.folder, "model": made.model, "files": made.files},
        f"{made.model}: a model package in {there}",
        *(f"  {file}" for file in made.files),
        "Next:",
        f"  cd {there} && python make_input.py",
        f"  dissmodel run {made.model}/model.py --toml model.toml {example}",
        "  python -m pytest",
        as_json=as_json,
        quiet=quiet,
    )
