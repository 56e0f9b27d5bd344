"""Measure the kit's neighbours, draws and compiled rules against loops by hand; print markdown tables.

All take turns on one thread, and medians of CPU time are compared, so that a busy machine moves all alike.

    python benchmarks/cells.py                 # 2000 x 2000 pixels, 100,000 polygons
    python benchmarks/cells.py --repeats 41
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numba
import numpy as np
import shapely
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parent))

from neighborhood import hexagons

from dissmodel.cells import CellSpace, Classes, Neighbors, Numbers, Value, kernel, kernels
from dissmodel.cells.draws import uniform
from dissmodel.cells.grids import grid_topology
from dissmodel.cells.layout import Pixels
from dissmodel.cells.near import Topology, neighbors, polygon_topology
from dissmodel.executor.config import RunContext, within

Codes = NDArray[np.uint8]
Work = dict[str, Callable[[], Any]]

SIDE, SMALL = 2000, 60
ROWS, COLS = 250, 400
ALIVE, BORN, KEPT = 0.3, 3, 2
STEPS = 10
RULES_HEAD = f"""\
| a step of {SIDE} × {SIDE} cells | ms | × the first | limit | NumPy ÷ @kernel | at least |
|---|---:|---:|---:|---:|---:|"""
FUEL, BURNING, BURNT, CATCHES = 1, 2, 3, 0.3
SPREADS = 0.1


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
            begin = time.process_time()
            run()
            if turn:  # the first one warms up
                seconds[name].append(time.process_time() - begin)
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


@kernel
def next_alive(alive: Value, near: Neighbors) -> bool:
    """Return whether a cell lives."""
    living = near.count(1)
    return living == BORN or (living == KEPT and alive == 1)


@kernel
def next_heat(heat: Value, near: Neighbors) -> float:
    """Return the heat of a cell that gives to its neighbours and takes of them."""
    return heat + SPREADS * (near.sum() - 8 * heat)


@kernel
def next_fire(fire: Value, near: Neighbors, draw: Value) -> int:
    """Return the state of a cell that catches fire from its neighbours."""
    if fire == BURNING:
        return BURNT
    if fire == FUEL and draw < CATCHES * near.count(BURNING):
        return BURNING
    return fire


def row_slices(rule: Callable[..., Any]) -> Callable[..., Any]:
    """Return a loop by hand over a padded picture, with a rule of nine cells and a draw."""
    compiled = numba.njit(nogil=True)(rule)

    @numba.njit(nogil=True)
    def loop(padded: Any, draw: Any, out: Any) -> None:
        for i in range(out.shape[0]):
            a, b, c, u, o = padded[i], padded[i + 1], padded[i + 2], draw[i], out[i]
            for j in range(o.size):
                o[j] = compiled(
                    (a[j], a[j + 1], a[j + 2], b[j], b[j + 2], c[j], c[j + 1], c[j + 2]), b[j + 1], u[j]
                )

    return loop


def hand_alive(near: Any, alive: Any, _: Any) -> Any:
    """Return whether a cell lives."""
    living = np.uint8(near[0] + near[1] + near[2] + near[3] + near[4] + near[5] + near[6] + near[7])
    return living == BORN or (living == KEPT and alive == 1)


def hand_heat(near: Any, heat: Any, _: Any) -> Any:
    """Return the heat of a cell."""
    total = near[0] + near[1] + near[2] + near[3] + near[4] + near[5] + near[6] + near[7]
    return heat + SPREADS * (total - 8 * heat)


def hand_fire(near: Any, fire: Any, draw: Any) -> Any:
    """Return the state of a cell."""
    if fire == BURNING:
        return BURNT
    burning = np.uint8(0)
    for one in near:
        burning += np.uint8(one == BURNING)
    return BURNING if fire == FUEL and draw < CATCHES * burning else fire


def several(run: Callable[[], Any]) -> None:
    """Do as a run does, in which a step follows the other."""
    for _ in range(STEPS):
        run()


def one_step(cells: CellSpace, name: str, rule: Callable[[CellSpace, str], Any]) -> None:
    """Do a step, with what the kit does for it."""
    cells.begin(1)
    cells.write(name, rule(cells, name))
    cells.end()


def with_kernel(rule: Any, given: tuple[Any, ...], cells: CellSpace, name: str) -> Any:
    """Return a field after a step, by a rule of one cell."""
    return rule(cells, cells.read(name), cells.neighbors(cells.read(name)), *given)


def with_numpy(draw: Any, cells: CellSpace, name: str) -> Any:
    """Return a field after a step, written with arrays."""
    now = cells.read(name)
    if name == "heat":
        return now + SPREADS * (cells.neighbors(now).sum() - 8 * now)
    if name == "alive":
        near = cells.neighbors(now == 1).sum()
        return (near == BORN) | ((near == KEPT) & (now == 1))
    after = np.where((now == FUEL) & (draw < CATCHES * cells.neighbors(now == BURNING).sum()), BURNING, now)
    after[now == BURNING] = BURNT
    return after


def compiled_rules(repeats: int) -> None:
    """Measure whole steps of rules that are compiled, and the same loops by hand on a padded picture."""
    kernels.INTERPRETED = 0
    rng = np.random.default_rng(1)
    draw = rng.random(SIDE * SIDE)
    rules: dict[str, tuple[Any, Any, Any, tuple[Any, ...]]] = {
        "alive": (next_alive, hand_alive, (draw < ALIVE).astype(np.uint8), ()),
        "heat": (next_heat, hand_heat, rng.random(SIDE * SIDE), ()),
        "fire": (next_fire, hand_fire, rng.choice(4, SIDE * SIDE, p=[0.2, 0.7, 0.05, 0.05]), (draw,)),
    }
    for name, (rule, hand, values, given) in rules.items():
        field = Numbers() if name == "heat" else Classes(dict(enumerate("abcd")))
        field.name = name
        start = values.astype(field.dtype)
        cells = CellSpace({name: field}, {name: start}, Pixels(inside=np.ones((SIDE, SIDE), bool)), int)
        padded, out = np.pad(start.reshape(SIDE, SIDE), 1), np.empty((SIDE, SIDE), field.dtype)
        work: Work = {
            f"{name}, by row slices": partial(row_slices(hand), padded, draw.reshape(SIDE, SIDE), out),
            f"{name}, @kernel": partial(one_step, cells, name, partial(with_kernel, rule, given)),
            f"{name}, NumPy": partial(one_step, cells, name, partial(with_numpy, draw)),
        }
        work = {label: partial(several, run) for label, run in work.items()}
        limit = {"fire": "1"}.get(name, "8")
        found = medians(work, repeats)
        first, second, third = found.values()
        for label, took in found.items():
            limits = {f"{name}, @kernel": f"2 | {third / second:.1f} | {limit}"}.get(label, " |  | ")
            print(f"| {label} | {took / STEPS * 1e3:.3f} | {took / first:.2f} | {limits} |", flush=True)


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--only", choices=["pixels", "polygons", "draws", "rules"], help="one table")
    args = parser.parse_args()
    repeats, only = args.repeats, args.only
    states = (np.random.default_rng(1).random((SIDE, SIDE)) < ALIVE).astype(np.uint8)
    head = "| {} | ms | × the first | limit |\n|---|---:|---:|---:|"
    tables: dict[str, tuple[str, Callable[[], None]]] = {
        "pixels": (head.format("a step of Life"), lambda: pixels(repeats, states)),
        "polygons": (head.format("a step of Life"), lambda: polygons(repeats, states)),
        "draws": (head.format("draws"), lambda: draws(repeats)),
        "rules": (RULES_HEAD, lambda: compiled_rules(repeats)),
    }
    with within(RunContext(base=Path(), threads=1)):
        for name, (title, run) in tables.items():
            if only in {None, name}:
                print(title)
                run()
                print()


if __name__ == "__main__":
    main()
