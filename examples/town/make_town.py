"""Make an input for the model urban_growth: two towns on a river and roads, and how many cells they need."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from dissmodel.io.raster import write_geotiff

SIDE = 100.0  # of a cell, m
START = 2020  # the year of the land
OPEN, URBAN, FIXED = 0, 1, 2

Picture = NDArray[np.float64]


def towns(rows: int, cols: int, seed: int) -> dict[str, Picture]:
    """Return the bands of the model, shape (rows, cols)."""
    draws = np.random.default_rng(seed)
    y, x = np.mgrid[0:rows, 0:cols].astype(float)
    y, x = (y + 0.5) / rows, (x + 0.5) / cols
    bend = draws.uniform(0, 2 * np.pi, 2)
    from_river = np.abs(y - 0.62 - 0.05 * np.sin(9 * x + bend[0]))
    from_roads = np.minimum(
        np.abs(y - 0.45 - 0.06 * np.sin(6 * x + bend[1])), np.abs(x - 0.5 + 0.1 * (y - 0.5))
    )
    steep = 0.5 + 0.25 * (np.sin(11 * x + 4 * y + bend[0]) + np.sin(7 * y - 5 * x + bend[1]))
    land = np.full((rows, cols), float(OPEN))
    land[np.hypot(x - 0.48, y - 0.47) < 0.04] = URBAN  # noqa: PLR2004  (the size of a town)
    land[np.hypot(x - 0.78, y - 0.40) < 0.025] = URBAN  # noqa: PLR2004  (as above)
    land[from_river < 0.012] = FIXED  # noqa: PLR2004  (the width of the river)
    land[np.hypot(x - 0.36, y - 0.36) < 0.06] = FIXED  # noqa: PLR2004  (a park)
    suitability = np.exp(-from_roads / 0.08) * (1 - 0.7 * steep)
    return {"land": land, "suitability": np.round(suitability, 3)}


def main(words: Sequence[str] | None = None) -> None:
    """Write the GeoTIFF and the table that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=140, help="rows of the grid (default: 140)")
    parser.add_argument("--cols", type=int, default=180, help="columns of the grid (default: 180)")
    parser.add_argument("--seed", type=int, default=1, help="another seed, another land (default: 1)")
    parser.add_argument("--years", type=int, default=20, help="years of the table (default: 20)")
    parser.add_argument("--growth", type=float, default=0.1, help="of the towns in a year (default: 0.1)")
    parser.add_argument("--output", default="town.tif", help="default: town.tif")
    parser.add_argument("--demand", default="demand.csv", help="default: demand.csv")
    given = parser.parse_args(words)
    bands = towns(given.rows, given.cols, given.seed)
    write_geotiff(
        given.output,
        {name: band.__getitem__ for name, band in bands.items()},
        shape=(given.rows, given.cols),
        dtype="float64",
        transform=Affine(SIDE, 0, 600_000, 0, -SIDE, 9_700_000),
        crs="EPSG:31984",
    )
    urban = np.count_nonzero(bands["land"] == URBAN)
    rows = [(START + year, round(urban * (1 + given.growth) ** year)) for year in range(1, given.years + 1)]
    table = "year,cells\n" + "".join(f"{year},{cells}\n" for year, cells in rows)
    Path(given.demand).write_text(table, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
