"""``dissmodel init``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dissmodel.cli import options


def init(
    name: Annotated[Path, typer.Argument(metavar="NAME", help="The new folder, named as the package.")],
    raster: Annotated[bool, typer.Option("--raster", help="A model on a raster (the default).")] = False,
    vector: Annotated[bool, typer.Option("--vector", help="A model on polygons.")] = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Make a model package that works at once: a rule, an executor, tests, an example, a spec for a registry.

    Example: dissmodel init coast-growth --vector
    """
    from dissmodel.cli import render
    from dissmodel.errors import UsageError
    from dissmodel.registries.init import init as make

    if raster and vector:
        raise UsageError("--raster and --vector contradict each other.", "Leave one out.")
    made = make(name, "vector" if vector else "raster")
    there = render.short_path(made.folder)
    example = f"--input input.{made.suffix} --output result.{made.suffix}"
    render.tell(
        {"folder": made.folder, "model": made.model, "files": made.files},
        f"{made.model}: a model package in {there}",
        *(f"  {file}" for file in made.files),
        "Next:",
        f"  cd {there} && python make_input.py",
        f"  dissmodel run {made.model}/executor.py {example}",
        as_json=as_json,
        quiet=quiet,
    )
