"""Make an input for the model game_of_life: a glider gun, or a soup of random cells."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np
from affine import Affine

from dissmodel.io.raster import write_geotiff

# The gun that R. W. Gosper found in 1970: it sends out a glider every 30 steps.
GUN = """
........................O...........
......................O.O...........
............OO......OO............OO
...........O...O....OO............OO
OO........O.....O...OO..............
OO........O...O.OO....O.O...........
..........O.....O.......O...........
...........O...O....................
............OO......................
"""
SIDE = 30.0


def main(words: Sequence[str] | None = None) -> None:
    """Write the GeoTIFF that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=80, help="rows of the grid (default: 80)")
    parser.add_argument("--cols", type=int, default=100, help="columns of the grid (default: 100)")
    parser.add_argument("--soup", type=float, help="the share of living cells, in place of the gun")
    parser.add_argument("--seed", type=int, default=1, help="another seed, another soup (default: 1)")
    parser.add_argument("--output", default="life.tif", help="default: life.tif")
    given = parser.parse_args(words)
    alive = np.zeros((given.rows, given.cols), np.uint8)
    if given.soup is None:
        gun = np.array([[cell == "O" for cell in row] for row in GUN.split()])
        alive[2 : 2 + gun.shape[0], 2 : 2 + gun.shape[1]] = gun
    else:
        alive[np.random.default_rng(given.seed).random(alive.shape) < given.soup] = 1
    write_geotiff(
        given.output,
        {"alive": alive.__getitem__},
        shape=alive.shape,
        dtype="uint8",
        transform=Affine(SIDE, 0, 600_000, 0, -SIDE, 9_700_000),
        crs="EPSG:31984",
    )


if __name__ == "__main__":
    main()
