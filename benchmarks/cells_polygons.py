"""Measure whole steps of rules on polygons against the same cells as pixels; print a markdown table.

All take turns, and medians of CPU time are compared, so that a busy machine moves all alike.

    python benchmarks/cells_polygons.py                 # 100,000 cells
    python benchmarks/cells_polygons.py --repeats 41
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from affine import Affine

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from neighborhood import hexagons, voronoi

from dissmodel.cells.layout import Layout, Pixels, Polygons
from dissmodel.cells.model import CellModel
from dissmodel.cells.space import CellSpace
from dissmodel.models.game_of_life import GameOfLife
from support.growth import Growth

ROWS, COLS = 250, 400
SIDE = 30.0
LIMITS = {"growth": {"grid": "2.5", "any": "2.5"}, "life": {"grid": "3", "any": "10"}}


def layouts() -> dict[str, tuple[Layout, str]]:
    """Return the cells, and whether they fill a grid; the first are pixels."""
    cells = ROWS * COLS
    row, col = np.divmod(np.arange(cells), COLS)
    squares = shapely.box(col * SIDE, -row * SIDE - SIDE, col * SIDE + SIDE, -row * SIDE)
    visit = np.random.default_rng(1).permutation(cells)
    numbered = Polygons(
        frame=gpd.GeoDataFrame({"row": row, "col": col}, geometry=squares), found={"row": "row", "col": "col"}
    )
    transform = Affine(SIDE, 0, 0, 0, -SIDE, 0)
    return {
        "pixels": (Pixels(inside=np.ones((ROWS, COLS), np.bool_), transform=transform), ""),
        "squares with row and col": (numbered, "grid"),
        "squares": (Polygons(frame=gpd.GeoDataFrame(geometry=squares), found={}), "grid"),
        "squares in no order": (Polygons(frame=gpd.GeoDataFrame(geometry=squares[visit]), found={}), "grid"),
        "hexagons": (Polygons(frame=gpd.GeoDataFrame(geometry=hexagons(cells)), found={}), "any"),
        "Voronoi polygons in no order": (
            Polygons(frame=gpd.GeoDataFrame(geometry=voronoi(cells)), found={}),
            "any",
        ),
    }


class Stepping:
    """A model that does a step at each call, on and on."""

    def __init__(self, model: type[CellModel], layout: Layout) -> None:
        draws = np.random.default_rng(2)
        values: dict[str, Any] = {}
        for name, field in model.fields.items():
            most = 1 if field.dtype == np.uint8 else 30  # a code, or degrees
            values[name] = (draws.random(layout.cells) * most + 0.3).astype(field.dtype)
        self._rule, self._number = model(), 0
        self._space = CellSpace(model.fields, values, layout, lambda: 3)
        self._rule._enter(self._space, model.Parameters())  # noqa: SLF001  (what a run does)

    def step(self) -> None:
        """Do a step."""
        self._number += 1
        self._rule._advance(self._space, self._number)  # noqa: SLF001  (as above)


def medians(work: dict[str, Stepping], repeats: int) -> dict[str, float]:
    """Return the CPU seconds of a step of each, in turns."""
    seconds: dict[str, list[float]] = {name: [] for name in work}
    for turn in range(repeats + 1):
        for name, step in work.items():
            begin = time.process_time()
            step.step()
            if turn:  # the first step finds the neighbours
                seconds[name].append(time.process_time() - begin)
    return {name: statistics.median(times) for name, times in seconds.items()}


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=31)
    repeats = parser.parse_args().repeats
    spaces = layouts()
    print(f"| a step, {ROWS * COLS} cells | ms | × pixels | limit |\n|---|---:|---:|---:|")
    for rule, model in {"growth": Growth, "life": GameOfLife}.items():
        found = medians({name: Stepping(model, layout) for name, (layout, _) in spaces.items()}, repeats)
        for name, took in found.items():
            limit = LIMITS[rule].get(spaces[name][1], "")
            print(
                f"| {rule}, {name} | {took * 1e3:.2f} | {took / found['pixels']:.2f} | {limit} |", flush=True
            )


if __name__ == "__main__":
    main()
