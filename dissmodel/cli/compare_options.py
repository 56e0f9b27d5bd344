"""The options of the commands that compare."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from dissmodel.comparison import Tolerance

RelativeTolerance = Annotated[
    float | None,
    typer.Option("--rtol", metavar="NUMBER", help="Admit |A - B| up to this share of |B|; not for classes."),
]
AbsoluteTolerance = Annotated[
    float | None,
    typer.Option(
        "--atol", metavar="NUMBER", help="Admit |A - B| up to this, in the data's unit; not for classes."
    ),
]
DiffMap = Annotated[
    str | None,
    typer.Option("--diff-map", metavar="FILE.tif", help="Write B - A of two rasters as a GeoTIFF."),
]


def tolerance(rtol: float | None, atol: float | None) -> Tolerance | None:
    """Return what was asked for; None if nothing was."""
    from dissmodel.comparison import Tolerance

    return None if rtol is None and atol is None else Tolerance(rtol=rtol or 0.0, atol=atol or 0.0)
