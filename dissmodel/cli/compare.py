"""``dissmodel compare``."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from dissmodel.cli import options
from dissmodel.cli.session import session


def compare(
    a: Annotated[str, typer.Argument(metavar="A", help="A dataset, or any other file, or its URL.")],
    b: Annotated[str, typer.Argument(metavar="B", help="The file to compare with it.")],
    rtol: options.RelativeTolerance = None,
    atol: options.AbsoluteTolerance = None,
    diff_map: options.DiffMap = None,
    layer: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Which of several datasets; give it twice for A, then B."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier map.")] = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Compare two datasets: the same result, or where and by how much they differ.

    The verdict is identical-file (the same bytes), identical-content (equal values in other bytes),
    within-tolerance (only with --rtol or --atol), different, or not-comparable. The last two exit with 4.
    Files that are not datasets are compared by their bytes.

    Example: dissmodel compare result.tif again.tif
    """
    from dissmodel import api
    from dissmodel.cli import render_compare

    with session(quiet=quiet):
        compared = api.compare(
            a, b, rtol=rtol, atol=atol, layer=layer or (), diff_map=diff_map, overwrite=overwrite
        )
    render_compare.comparison(compared, as_json=as_json, quiet=quiet)
    if not compared.comparison.same:
        sys.exit(options.EXIT_DIFFERS)
