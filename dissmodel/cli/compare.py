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
    metrics: Annotated[
        bool, typer.Option("--metrics", help="How good is A, a simulated map, against B, an observed map?")
    ] = False,
    initial: Annotated[
        str | None,
        typer.Option(metavar="START", help="The map from which the simulation began, for --metrics."),
    ] = None,
    band: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="The band or column of --metrics; the first with classes that both have."
        ),
    ] = None,
    landscape: Annotated[
        bool, typer.Option("--landscape", help="Measure patches and edges of both maps too (pylandstats).")
    ] = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Compare two datasets: the same result, or where and by how much they differ.

    The verdict is identical-file (the same bytes), identical-content (equal values in other bytes),
    within-tolerance (only with --rtol or --atol), different, or not-comparable. The last two exit with 4.
    Files that are not datasets are compared by their bytes.

    With --metrics A is a simulated map and B an observed one on the same grid: transition matrix, quantity
    and allocation disagreement, figure of merit, kappa, fuzzy agreement and more of classes, R2 and errors of
    numbers: `dissmodel compare result.tif observed.tif --metrics --initial start.tif`. Exits with 0 then.

    Example: dissmodel compare result.tif again.tif
    """
    from dissmodel import api
    from dissmodel.cli import render_compare

    with session(quiet=quiet):
        compared = api.compare(
            a,
            b,
            rtol=rtol,
            atol=atol,
            layer=layer or (),
            diff_map=diff_map,
            overwrite=overwrite,
            metrics=metrics,
            initial=initial,
            band=band,
            landscape=landscape,
        )
    render_compare.comparison(compared, as_json=as_json, quiet=quiet)
    if not compared.comparison.same and compared.metrics is None:
        sys.exit(options.EXIT_DIFFERS)
