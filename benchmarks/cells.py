"""Measure the kit's neighbours and draws against loops by hand and NumPy's generator; print markdown tables.

All take turns, and medians are compared, so that a busy machine moves all alike.

    python benchmarks/cells.py                 # 2000 x 2000 pixels, 100,000 polygons
    python benchmarks/cells.py --repeats 41
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parent))

from neighborhood import hexagons

from dissmodel.cells.draws import uniform
from dissmodel.cells.grids import grid_topology
from dissmodel.cells.near import Topology, neighbors, polygon_topology

Codes = NDArray[np.uint8]
Work = dict[str, Callable[[], Any]]

SIDE, SMALL = 2000, 60
ROWS, COLS = 250, 400
ALIVE, BORN, KEPT = 0.3, 3, 2


def by_hand(alive: Codes) -> Codes:
    """Advance Conway's Life by one step, with padding and eight additions."""
    rows, cols = alive.shape
    padded, near = np.zeros((rows + 2, cols + 2), np.uint8), np.zeros((rows, cols), np.uint8)
    padded[1:-1, 1:-1] = alive
    for down in range(3):
        for right in range(3):
            if (down, right) != (1, 1):
                near += padded[down : down + rows, right : right + cols]
    return ((near == BORN) | ((near == KEPT) & (alive == 1))).astype(np.uint8)


def life(topology: Topology, alive: Codes) -> Codes:
    """Advance it with the kit's neighbours."""
    near = neighbors(topology, alive == 1).sum()
    return ((near == BORN) | ((near == KEPT) & (alive == 1))).astype(np.uint8)


def medians(work: Work, repeats: int) -> dict[str, float]:
    """Return the seconds that each takes, in turns."""
    seconds: dict[str, list[float]] = {name: [] for name in work}
    for turn in range(repeats + 1):
        for name, run in work.items():
            begin = time.perf_counter()
            run()
            if turn:  # the first one warms up
                seconds[name].append(time.perf_counter() - begin)
    return {name: statistics.median(times) for name, times in seconds.items()}


def rows_of(work: Work, repeats: int, limits: dict[str, str]) -> None:
    """Print what takes how long, as a multiple of the first."""
    found = medians(work, repeats)
    first = next(iter(found.values()))
    for name, took in found.items():
        print(f"| {name} | {took * 1e3:.3f} | {took / first:.2f} | {limits.get(name, '')} |", flush=True)


def pixels(repeats: int, states: Codes) -> None:
    """Measure Life on rasters."""
    holes = (7 * np.arange(SIDE)[:, None] + 3 * np.arange(SIDE)) % 11 != 0
    full, with_holes = grid_topology(np.ones((SIDE, SIDE), np.bool_)), grid_topology(holes)
    small = grid_topology(np.ones((SMALL, SMALL), np.bool_))
    flat, inner, few = states.ravel(), states[holes], states[:SMALL, :SMALL].copy()
    name = f"{SIDE} × {SIDE}"
    work: Work = {
        f"{name}, by hand": lambda: by_hand(states),
        f"{name}": lambda: life(full, flat),
        f"{name}, one pixel in 11 a hole": lambda: life(with_holes, inner),
    }
    rows_of(work, repeats, {name: "1.3", f"{name}, one pixel in 11 a hole": "3"})
    name = f"{SMALL} × {SMALL}"
    work = {f"{name}, by hand": lambda: by_hand(few), name: lambda: life(small, few.ravel())}
    rows_of(work, 20 * repeats, {name: "1.5"})


def polygons(repeats: int, states: Codes) -> None:
    """Measure Life on polygons against the same cells as pixels."""
    cells = ROWS * COLS
    row, col = np.divmod(np.arange(cells), COLS)
    squares = shapely.box(col * 30.0, -row * 30.0, col * 30.0 + 30.0, -row * 30.0 + 30.0)
    visit = np.random.default_rng(1).permutation(cells)
    combs = hexagons(cells)
    topologies = {
        f"{cells} cells, pixels": grid_topology(np.ones((ROWS, COLS), np.bool_)),
        "squares of a grid, row by row": polygon_topology(squares),
        "squares of a grid, column by column": polygon_topology(squares[np.lexsort((row, col))]),
        "squares of a grid, in no order": polygon_topology(squares[visit]),
        "hexagons": polygon_topology(combs),
        "hexagons, in no order": polygon_topology(combs[visit]),
    }
    few = states.ravel()[:cells].copy()
    work: Work = {
        name: lambda topology=topology: life(topology, few) for name, topology in topologies.items()
    }
    limits = {name: "3" if "squares" in name else "10" for name in [*topologies][1:]}
    rows_of(work, 5 * repeats, limits)


def draws(repeats: int) -> None:
    """Measure draws against NumPy's default generator."""
    generator = np.random.default_rng(1)
    for count in (SMALL**2, ROWS * COLS, SIDE**2):
        work: Work = {
            f"{count}, Generator.random": lambda count=count: generator.random(count),
            f"{count}, uniform": lambda count=count: uniform(1, 0, 7, 0, count),
        }
        rows_of(work, repeats, {f"{count}, uniform": "3"})


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=15)
    repeats = parser.parse_args().repeats
    states = (np.random.default_rng(1).random((SIDE, SIDE)) < ALIVE).astype(np.uint8)
    head = "| {} | ms | × the first | limit |\n|---|---:|---:|---:|"
    print(head.format("a step of Life"))
    pixels(repeats, states)
    print()
    print(head.format("a step of Life"))
    polygons(repeats, states)
    print()
    print(head.format("draws"))
    draws(repeats)


if __name__ == "__main__":
    main()
