"""Draw the land use before and after a run side by side.

python examples/coast/draw.py grid.zip result.tif --output picture.png
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import NamedTuple

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
import rasterio
from rasterio.errors import RasterioError

from dissmodel.models.coastal.classes import LAND_USES

WIDTH, DPI = 12.0, 100  # inches and pixels an inch
OUTSIDE = "#ffffff"


class LandUse(NamedTuple):
    """A map of land use: codes (0 outside the space) and the step they belong to."""

    codes: npt.NDArray[np.uint8]
    step: str


def read(path: Path) -> LandUse:
    """Read the band ``uso`` of a GeoTIFF, or of a zip of one, no finer than it will be drawn.

    Raises
    ------
    ValueError
        If there is no raster, or no band of this name.
    """
    uri = f"/vsizip/{path.as_posix()}" if path.suffix.lower() == ".zip" else path
    try:
        source = rasterio.open(uri)
    except RasterioError as error:
        raise ValueError(f"{path}: no raster can be read from it ({error})") from error
    with source:
        names = [source.tags(band).get("band_name", source.descriptions[band - 1]) for band in source.indexes]
        if "uso" not in names:
            raise ValueError(f"{path}: no band is named uso; there are {names}")
        coarser = max(1.0, source.width / (WIDTH * DPI), source.height / (WIDTH * DPI))
        shape = (round(source.height / coarser), round(source.width / coarser))
        uso = source.read(names.index("uso") + 1, out_shape=shape, masked=True)
        return LandUse(uso.filled(0).astype(np.uint8), source.tags().get("passo", "?"))


def draw(before: LandUse, after: LandUse, output: Path) -> None:
    """Draw both maps and a legend of the classes that are in them."""
    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415  (after the backend is chosen)
    from matplotlib.colors import ListedColormap  # noqa: PLC0415  (the same)
    from matplotlib.patches import Patch  # noqa: PLC0415  (the same)

    colours = [OUTSIDE] * (max(use.code for use in LAND_USES) + 1)
    for use in LAND_USES:
        colours[use.code] = use.colour
    present = set(np.unique(before.codes)) | set(np.unique(after.codes))
    legend = [
        Patch(facecolor=use.colour, edgecolor="#666666", linewidth=0.5, label=use.name)
        for use in LAND_USES
        if use.code in present
    ]

    rows, cols = before.codes.shape
    height = min(WIDTH, WIDTH / 2 * rows / cols) + 1.1
    figure, axes = plt.subplots(1, 2, figsize=(WIDTH, height), dpi=DPI, layout="constrained")
    for panel, land_use in zip(axes, (before, after), strict=True):
        panel.imshow(
            land_use.codes,
            cmap=ListedColormap(colours),
            vmin=0,
            vmax=len(colours) - 1,
            interpolation="nearest",
        )
        panel.set_title(f"step {land_use.step}", fontsize=13)
        panel.set_axis_off()
    figure.legend(handles=legend, loc="outside lower center", ncols=5, frameon=False, fontsize=11)
    figure.savefig(output, metadata={"Software": None})
    plt.close(figure)


def main(argv: list[str] | None = None) -> None:
    """Draw what the command line names."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("before", type=Path, help="the input: a GeoTIFF, or a zip that holds one")
    parser.add_argument("after", type=Path, help="the result, the same")
    parser.add_argument("--output", type=Path, default=Path("picture.png"), help="default: %(default)s")
    args = parser.parse_args(argv)
    try:
        before, after = read(args.before), read(args.after)
    except ValueError as error:
        parser.error(str(error))
    args.output.parent.mkdir(parents=True, exist_ok=True)
    draw(before, after, args.output)
    print(args.output)


if __name__ == "__main__":
    main()
