"""Measure the step on polygons against the step on pixels, and whole runs; print markdown tables.

Kernels take turns on the same coast, and medians are compared, so that a busy machine moves all alike.

    python benchmarks/vector.py                      # 100,000 cells, and a whole run of 88 steps
    python benchmarks/vector.py --cells 1000000 --steps 5   # at most 4 GB
    python benchmarks/vector.py --cells 1000000 --only-runs
    python benchmarks/vector.py --input ../shared/data/elevacao_pol.zip
    python benchmarks/vector.py --break-even         # from how many cells x steps numba repays its import
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pyogrio

sys.path.insert(0, str(Path(__file__).parents[1] / "examples" / "coast"))
sys.path.insert(0, str(Path(__file__).parent))

from kernel import coast
from make_coast import main as write_coast
from neighborhood import hexagons as honeycomb

from dissmodel.geo.vector.neighborhood import grid
from dissmodel.io.content import content_digest
from dissmodel.io.vector import save_gdf
from dissmodel.models.coastal.kernels.numba_cells import NumbaCellsKernel
from dissmodel.models.coastal.kernels.numba_pixels import NumbaKernel
from dissmodel.models.coastal.kernels.numpy_cells import CellsKernel
from dissmodel.models.coastal.kernels.step import Kernel, Terms
from dissmodel.models.coastal.parameters import CoastalParameters
from dissmodel.models.coastal.state import CellState, CoastalState

# A run of its own process, which says what it took: seconds of CPU and bytes at the most. The first word says
# whether Arrow carries the layers.
RUN = """
import resource, sys
if sys.argv.pop(1) == "without":
    sys.modules["pyarrow"] = None
import dissmodel.models.coastal.vector
from dissmodel.cli.app import main
try:
    main()
except SystemExit as ended:
    assert not ended.code, ended.code
finally:
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(used.ru_utime + used.ru_stime, used.ru_maxrss * 1024)
"""


def space(pixels: CoastalState, order: str) -> tuple[CoastalState, CellState]:
    """Return the same space as pixels and as cells with neighbours, visited in an order."""
    rows, cols = np.nonzero(pixels.inside)
    visit = np.arange(rows.size)
    if order == "column by column":
        visit = np.lexsort((rows, cols))
    elif order == "arbitrary":
        visit = np.random.default_rng(1).permutation(rows.size)
    rows, cols = rows[visit], cols[visit]
    ranks = None
    if order != "row by row":
        ranks = np.full(pixels.shape, -1, np.int32)
        ranks[rows, cols] = np.arange(rows.size)
    cells = CellState(
        pixels.uso[rows, cols], pixels.solo[rows, cols], pixels.alt[rows, cols], grid(rows, cols)
    )
    on_grid = CoastalState(pixels.uso.copy(), pixels.solo.copy(), pixels.alt.copy(), order=ranks)
    return on_grid, cells


def copied(state: CellState) -> CellState:
    """Return a state of its own."""
    return CellState(state.uso.copy(), state.solo.copy(), state.alt.copy(), state.neighborhood, state.step)


def turns(pixels: CoastalState, cells: CellState, steps: int, repeats: int) -> dict[str, float]:
    """Return the median seconds of a step, by kernel."""
    contestants: list[tuple[str, Kernel[Any], Any]] = [
        ("pixels: numba, 1 thread", NumbaKernel(1), pixels),
        ("numba, 1 thread", NumbaCellsKernel(1), copied(cells)),
        ("numba, 2 threads", NumbaCellsKernel(2), copied(cells)),
        ("NumPy", CellsKernel(), copied(cells)),
    ]
    for _, kernel, state in contestants:
        kernel.step(state, Terms.at(1, CoastalParameters()))  # compiles
    seconds: dict[str, list[float]] = {name: [] for name, _, _ in contestants}
    for turn in range(repeats):
        for name, kernel, state in contestants:
            begin = time.perf_counter()
            for t in range(2 + turn * steps, 2 + (turn + 1) * steps):
                kernel.step(state, Terms.at(t, CoastalParameters()))
            seconds[name].append((time.perf_counter() - begin) / steps)
    return {name: statistics.median(times) for name, times in seconds.items()}


def table(cells: int, steps: int, repeats: int) -> None:
    """Measure the kernels and print."""
    side = round(cells**0.5)
    made = coast(side, side)
    print(
        f"{made.cells} cells, medians of {repeats} interleaved turns of {steps} steps, ns per cell and step\n"
    )
    print("| visiting order | kernel | ns | × pixels |")
    print("|---|---|---:|---:|")
    for order in ("row by row", "column by column", "arbitrary"):
        medians = turns(*space(made, order), steps, repeats)
        base = medians["pixels: numba, 1 thread"]
        for name, median in medians.items():
            print(f"| {order} | {name} | {median / made.cells * 1e9:.1f} | {median / base:.1f} |")


def hexagons(cells: int) -> gpd.GeoDataFrame:
    """Return a coast on cells that are no grid, so that the geometry says who is beside whom."""
    shapes = honeycomb(cells)
    row, col = np.divmod(np.arange(cells), round(cells**0.5))
    part = col / max(col.max(), 1)
    zone = np.digitize(part, [0.1, 0.3, 0.6])
    uso, solo = np.array([[3, 1, 2, 4], [3, 3, 4, 4]], dtype=np.int32)[:, zone]
    fields = {"uso": uso, "alt": part * 10 + row * 0.001, "solo": solo}
    return gpd.GeoDataFrame(fields, geometry=shapes, crs="EPSG:31983")


def whole_runs(source: Path | None, cells: int, repeats: int) -> None:
    """Run `coastal_vector` in processes of their own, 88 steps, and print what they take."""
    with tempfile.TemporaryDirectory() as folder:
        sources = [source] if source else [Path(folder) / "grid.gpkg", Path(folder) / "hexagons.gpkg"]
        if source is None:
            side = str(round(cells**0.5))
            write_coast(["--rows", side, "--cols", side, "--output", str(sources[0])])
            save_gdf(hexagons(cells), sources[1])
        print("\n| run coastal_vector, 88 steps, everything included | pyarrow | s of CPU | MB at the most |")
        print("|---|---|---:|---:|")
        for one in sources:
            words = ["run", "coastal_vector", "-i", str(one), "-o", f"{folder}/r.gpkg", "-q", "--overwrite"]
            found: dict[str, list[list[float]]] = {"with": [], "without": []}
            for _ in range(repeats + 1):  # the first one compiles
                for how, taken in found.items():
                    done = subprocess.run(
                        [sys.executable, "-c", RUN, how, *words], capture_output=True, text=True, check=True
                    )
                    taken.append([float(number) for number in done.stdout.split()[-2:]])
            for how, taken in found.items():
                seconds, peak = (statistics.median(column) for column in zip(*taken[1:], strict=True))
                print(f"| {one.name} | {how} | {seconds:.2f} | {peak / 1e6:,.0f} |", flush=True)


def reading(cells: int, repeats: int) -> None:
    """Compare the content digest of a layer with reading it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        save_gdf(hexagons(cells), folder / "cells.gpkg")
        print("\n| layer | pyogrio.raw.read, s of CPU | content digest, s of CPU | × its speed |")
        print("|---|---:|---:|---:|")
        for suffix in (".gpkg", ".fgb"):
            path = folder / f"cells{suffix}"
            if not path.exists():
                save_gdf(gpd.read_file(folder / "cells.gpkg"), path)
            times: dict[str, list[float]] = {"read": [], "digest": []}
            for _ in range(repeats):
                for what, work in (("read", pyogrio.raw.read), ("digest", content_digest)):
                    began = time.process_time()
                    work(path)
                    times[what].append(time.process_time() - began)
            read, digest = (statistics.median(times[what]) for what in ("read", "digest"))
            print(f"| {path.name} | {read:.2f} | {digest:.2f} | {read / digest:.2f} |")


def break_even(repeats: int) -> None:
    """Print from how many cells x steps numba is ahead, where its code is in the cache."""
    load = "import numpy as np\nfrom dissmodel.geo.vector.neighborhood import grid\n"
    load += "from dissmodel.models.coastal.state import CellState\n"
    load += "from dissmodel.models.coastal.kernels.numpy_cells import CellsKernel\n"
    numba = "from dissmodel.models.coastal.kernels.numba_cells import NumbaCellsKernel\n"
    numba += "codes = np.ones(9, np.uint8)\nplaces = np.arange(9)\n"
    numba += "NumbaCellsKernel(1).prepare(CellState(codes, codes, np.ones(9), grid(places, places)))\n"
    seconds: dict[str, list[float]] = {load + numba: [], load: []}
    for turn in range(repeats + 1):
        for command, times in seconds.items():
            begin = time.perf_counter()
            subprocess.run([sys.executable, "-c", command], check=True)
            times.extend([time.perf_counter() - begin] if turn else [])
    more = statistics.median(seconds[load + numba]) - statistics.median(seconds[load])
    medians = turns(*space(coast(224, 224), "arbitrary"), 4, repeats)
    less = (medians["NumPy"] - medians["numba, 1 thread"]) / 224**2
    print(f"numba takes {more:.2f} s more to load and {less * 1e9:.1f} ns less per cell and step:")
    print(f"it is ahead from {more / less:.2g} cells × steps")


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--cells", type=int, default=100_000)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--input", type=Path, help="polygons for the whole run, instead of a made coast")
    parser.add_argument("--break-even", action="store_true")
    parser.add_argument("--only-runs", action="store_true", help="whole runs, without the table of kernels")
    args = parser.parse_args()
    if args.break_even:
        break_even(args.repeats)
    else:
        if not args.only_runs:
            table(args.cells, args.steps, args.repeats)
            reading(args.cells, args.repeats)
        whole_runs(args.input, args.cells, min(args.repeats, 3))


if __name__ == "__main__":
    main()
