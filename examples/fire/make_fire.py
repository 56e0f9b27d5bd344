"""Make an input for the model fire_spread: an island with woods, fields and a town, and a cell that burns."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from dissmodel.io.raster import write_geotiff

NODATA = -9999.0  # the sea
SIDE = 30.0  # of a cell, m
TOP = 250.0  # of the highest hill, m
NO_FUEL, UNBURNED, BURNING = 1, 2, 3
NOTHING, FIELDS, THICKETS, PINES = 0, 1, 2, 3
SPARSE, NORMAL, DENSE = 1, 2, 3

Picture = NDArray[np.float64]


def island(rows: int, cols: int, seed: int) -> dict[str, Picture]:
    """Return the bands of the model, shape (rows, cols)."""
    draws = np.random.default_rng(seed)
    y, x = np.mgrid[0:rows, 0:cols].astype(float)
    y, x = 2 * (y + 0.5) / rows - 1, 2 * (x + 0.5) / cols - 1

    def waves() -> Picture:
        """Return smooth hills and valleys around 0, the longest of them as long as the island."""
        total = np.zeros((rows, cols))
        for octave in range(1, 5):
            for _ in range(4):
                angle, phase = draws.uniform(0, 2 * np.pi, 2)
                total += np.cos(2.5 * octave * (np.cos(angle) * x + np.sin(angle) * y) + phase) / octave
        return total / 4

    above = 0.75 - np.hypot(x / 1.05, y / 0.9) + 0.22 * waves()  # the sea is where this is below 0
    hills = np.clip(above, 0, None) * (1.2 + waves())
    land = above > 0
    town = land & (np.hypot(x - 0.25, y + 0.45) < 0.1)  # noqa: PLR2004  (where it is, and its size)
    forest = hills / hills.max() + 0.15 * waves()
    vegetation = np.digitize(forest, [0.12, 0.25]) + FIELDS
    density = np.digitize(waves() + 0.2 * draws.standard_normal((rows, cols)), [-0.25, 0.25]) + SPARSE
    fuel = land & ~town
    fire = np.where(fuel, UNBURNED, NO_FUEL)
    start = np.argmin(np.where(fuel, np.hypot(x + 0.35, y + 0.1), np.inf))
    fire.flat[start] = BURNING
    bands = {
        "fire": fire,
        "vegetation": np.where(fuel, vegetation, NOTHING),
        "density": np.where(fuel, density, NOTHING),
        "elevation": np.round(TOP * hills / hills.max(), 1),
    }
    return {name: np.where(land, band, NODATA) for name, band in bands.items()}


def main(words: Sequence[str] | None = None) -> None:
    """Write the GeoTIFF that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=160, help="rows of the grid (default: 160)")
    parser.add_argument("--cols", type=int, default=200, help="columns of the grid (default: 200)")
    parser.add_argument("--seed", type=int, default=1, help="another seed, another island (default: 1)")
    parser.add_argument("--output", default="island.tif", help="default: island.tif")
    given = parser.parse_args(words)
    bands = island(given.rows, given.cols, given.seed)
    write_geotiff(
        given.output,
        {name: band.__getitem__ for name, band in bands.items()},
        shape=(given.rows, given.cols),
        dtype="float64",
        nodata=NODATA,
        transform=Affine(SIDE, 0, 700_000, 0, -SIDE, 4_130_000),
        crs="EPSG:32634",
    )


if __name__ == "__main__":
    main()
