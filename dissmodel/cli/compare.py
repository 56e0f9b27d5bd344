"""``dissmodel compare``."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from dissmodel.cli import options
from dissmodel.cli.options import EXIT_DIFFERS


def compare(
    a: Annotated[str, typer.Argument(metavar="A", help="A dataset, or any other file.")],
    b: Annotated[str, typer.Argument(metavar="B", help="What is compared with it.")],
    rtol: Annotated[
        float | None, typer.Option(metavar="NUMBER", help="Admit |A - B| up to this share of |B|.")
    ] = None,
    atol: Annotated[
        float | None, typer.Option(metavar="NUMBER", help="Admit |A - B| up to this, in the data's unit.")
    ] = None,
    diff_map: Annotated[
        str | None, typer.Option(metavar="FILE.tif", help="Write B - A of two rasters as a GeoTIFF.")
    ] = None,
    layer: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Which of several datasets; twice: in A, then in B."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier map.")] = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Say whether two datasets are the same result; where not, where and by how much.

    The verdict is identical-file (the same bytes), identical-content (equal values in other bytes),
    within-tolerance (only with --rtol or --atol), different, or not-comparable. The last two exit with 4.
    What is no dataset is compared by its bytes.

    Example: dissmodel compare grid.zip result.tif --atol 10
    """
    from dissmodel.actions.compare import CompareRequest
    from dissmodel.actions.compare import compare as compare_files
    from dissmodel.cli import render_compare
    from dissmodel.compare import Tolerance

    tolerance = None
    if rtol is not None or atol is not None:
        tolerance = Tolerance(rtol=rtol or 0.0, atol=atol or 0.0)
    compared = compare_files(CompareRequest(a, b, tolerance, tuple(layer or ()), diff_map, overwrite))
    if as_json:
        render_compare.comparison_json(compared)
    elif not quiet:
        render_compare.comparison(compared)
    if not compared.comparison.same:
        sys.exit(EXIT_DIFFERS)
