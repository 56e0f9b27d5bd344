"""Measure how neighbourhoods are found against libpysal's Queen on the same cells; print a markdown table.

All take turns, and medians of CPU time are compared, so that a busy machine moves them alike. What repeats
is found anew each time.

    python benchmarks/neighborhood.py                     # 100,000 cells
    python benchmarks/neighborhood.py --cells 10000 --repeats 5
    python benchmarks/neighborhood.py --million           # ours alone on 1,000,000 cells, with peak memory
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray

from dissmodel.geo.vector.cells import rectangles
from dissmodel.geo.vector.neighborhood import Neighborhood, grid, k_nearest, neighborhood_of, queen, rook

Polygons = NDArray[np.object_]
MILLION = 1_000_000


def squares(cells: int) -> Polygons:
    """Return cells of a regular grid."""
    row, col = np.divmod(np.arange(cells), round(cells**0.5))
    return shapely.box(col * 30.0, row * 30.0, col * 30.0 + 30.0, row * 30.0 + 30.0)


def hexagons(cells: int) -> Polygons:
    """Return cells that have every vertex in common with two others."""
    row, col = np.divmod(np.arange(cells), round(cells**0.5))
    x = (2.0 * col + row % 2)[:, None] + np.array([0, 1, 1, 0, -1, -1])
    y = (3.0 * row)[:, None] + np.array([2, 1, -1, -2, -1, 1])
    return shapely.polygons(np.stack([x, y], axis=-1))


def voronoi(cells: int) -> Polygons:
    """Return cells of any shape."""
    points = np.random.default_rng(0).random((cells, 2)) * 1000
    return shapely.get_parts(shapely.voronoi_polygons(shapely.multipoints(points)))


def bricks(cells: int) -> Polygons:
    """Return rectangles of which every vertex lies on the middle of another's edge."""
    row, col = np.divmod(np.arange(cells), round(cells**0.5))
    west = col * 30.0 + row % 2 * 15.0
    return shapely.box(west, row * 30.0, west + 30.0, row * 30.0 + 30.0)


LAYERS: dict[str, Callable[[int], Polygons]] = {
    "squares": squares,
    "hexagons": hexagons,
    "Voronoi": voronoi,
    "bricks": bricks,
}


def contestants(polygons: Polygons, *, on_grid: bool) -> dict[str, Callable[[], object]]:
    """Return what takes turns, by name; libpysal's Queen first."""
    from libpysal.graph import Graph  # noqa: PLC0415  (--million does without)
    from libpysal.weights import Queen  # noqa: PLC0415  (as above)

    frame = gpd.GeoDataFrame(geometry=polygons)
    work: dict[str, Callable[[], object]] = {
        "libpysal Queen": lambda: Queen.from_dataframe(frame, use_index=True, silence_warnings=True),
        "libpysal Graph, strict": lambda: Graph.build_contiguity(frame, rook=False, strict=True),
        "queen": lambda: queen(polygons),
        "rook": lambda: rook(polygons),
        "k_nearest, 8": lambda: k_nearest(polygons, 8),
    }
    places = rectangles(polygons) if on_grid else None
    if places is not None:
        rows, cols = places
        work["grid, from geometry"] = lambda: neighborhood_of(polygons)
        work["grid, from row and col"] = lambda: grid(rows, cols)
    else:
        neighborhood_of(polygons)
        work["queen, asked again"] = lambda: neighborhood_of(polygons)
    return work


def table(cells: int, repeats: int) -> None:
    """Measure and print."""
    print(f"{cells} cells, medians of {repeats} interleaved repeats, CPU time\n")
    print("| cells | neighbours by | ms | libpysal Queen ÷ this |")
    print("|---|---|---:|---:|")
    for layer, make in LAYERS.items():
        work = contestants(make(cells), on_grid=layer == "squares")
        seconds: dict[str, list[float]] = {name: [] for name in work}
        for _ in range(repeats):
            for name, run in work.items():
                begin = time.process_time()
                run()
                seconds[name].append(time.process_time() - begin)
        medians = {name: statistics.median(times) for name, times in seconds.items()}
        for name, median in medians.items():
            print(
                f"| {layer} | {name} | {median * 1e3:.1f} | {medians['libpysal Queen'] / median:.1f} |",
                flush=True,
            )


def million() -> None:
    """Print what 1,000,000 cells take; the peak is that of the process up to there, polygons included."""
    print("| cells | neighbours by | s of CPU | links | peak memory, GB |")
    print("|---|---|---:|---:|---:|")
    for layer, make in LAYERS.items():
        polygons = make(MILLION)
        work: dict[str, Callable[[], Neighborhood]] = {
            "queen": lambda cells=polygons: neighborhood_of(cells),
            "rook": lambda cells=polygons: neighborhood_of(cells, "rook"),
            "k_nearest, 8": lambda cells=polygons: neighborhood_of(cells, "k_nearest", k=8),
        }
        for name, run in work.items():
            begin = time.process_time()
            links = len(run().neighbors)
            took = time.process_time() - begin
            print(f"| {layer} | {name} | {took:.2f} | {links} | {peak()} |", flush=True)


def peak() -> str:
    """Return the peak memory of this process in GB, where the system tells it."""
    if sys.platform == "win32":
        return "?"
    import resource  # noqa: PLC0415  (not on Windows)

    unit = 1 if sys.platform == "darwin" else 1024
    return f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9:.2f}"


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--cells", type=int, default=100_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--million", action="store_true", help="ours alone, on 1,000,000 cells")
    args = parser.parse_args()
    if args.million:
        million()
    else:
        table(args.cells, args.repeats)


if __name__ == "__main__":
    main()
