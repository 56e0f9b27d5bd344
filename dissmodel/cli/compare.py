"""``dissmodel compare``."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from dissmodel.cli import compare_options, options
from dissmodel.cli.options import EXIT_DIFFERS


def compare(
    a: Annotated[str, typer.Argument(metavar="A", help="A dataset, or any other file, or its URL.")],
    b: Annotated[str, typer.Argument(metavar="B", help="What is compared with it.")],
    rtol: compare_options.RelativeTolerance = None,
    atol: compare_options.AbsoluteTolerance = None,
    diff_map: compare_options.DiffMap = None,
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

    Example: dissmodel compare result.tif again.tif
    """
    from dissmodel.cli import render_compare
    from dissmodel.cli.reporter import terminal_reporter
    from dissmodel.comparing.compare import CompareRequest
    from dissmodel.comparing.compare import compare as compare_files
    from dissmodel.progress import reporting

    tolerance = compare_options.tolerance(rtol, atol)
    request = CompareRequest(a, b, tolerance, tuple(layer or ()), diff_map, overwrite)
    with terminal_reporter(quiet=quiet, verbose=False) as reporter, reporting(reporter):
        compared = compare_files(request)
    if as_json:
        render_compare.comparison_json(compared)
    elif not quiet:
        render_compare.comparison(compared)
    if not compared.comparison.same:
        sys.exit(EXIT_DIFFERS)
