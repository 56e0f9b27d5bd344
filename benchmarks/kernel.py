"""Measure the coastal kernels against a loop that only streams the same arrays; print a markdown table.

Kernels and loop take turns, and medians are compared, so that a busy machine moves both alike.

    python benchmarks/kernel.py                       # 2000 x 2000, 20 steps
    python benchmarks/kernel.py --rows 4000 --cols 4000 --steps 5 --no-numpy
    python benchmarks/kernel.py --break-even          # from how many cells x steps numba repays its import
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numba
import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[1] / "examples" / "coast"))

from make_coast import make_coast

from dissmodel.models.coastal.classes import NO_SOIL, NO_USE
from dissmodel.models.coastal.kernels.numba_pixels import NumbaKernel
from dissmodel.models.coastal.kernels.numpy_pixels import NumpyKernel
from dissmodel.models.coastal.kernels.step import Kernel, Terms
from dissmodel.models.coastal.parameters import CoastalParameters
from dissmodel.models.coastal.state import CoastalState

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float64]
THREADS = (1, 2)


@numba.njit(nogil=True)
def stream(  # noqa: PLR0917  (numba knows no arguments by keyword only)
    uso: Bytes, alt: Floats, solo: Bytes, mask: Bytes, new_uso: Bytes, new_alt: Floats, new_solo: Bytes
) -> None:
    """Read and write what a step must, once; in two loops, which is how the compiler makes the most of it."""
    for i in range(alt.size):
        new_alt[i] = alt[i] + 1.0
    for i in range(uso.size):
        new_uso[i] = uso[i] ^ mask[i]
        new_solo[i] = solo[i] ^ mask[i]


def streaming(state: CoastalState, threads: int) -> Callable[[int], None]:
    """Return what streams the arrays of `state` once a step, in as many pieces as there are threads."""
    arrays = [state.uso, state.alt, state.solo, state.inside.view(np.uint8)]
    arrays += [np.zeros_like(array) for array in arrays[:3]]
    pieces = list(zip(*(np.array_split(array.ravel(), threads) for array in arrays), strict=True))

    def run(steps: int) -> None:
        with ThreadPoolExecutor(threads) as pool:
            for _ in range(steps):
                for done in [pool.submit(stream, *piece) for piece in pieces]:
                    done.result()

    return run


def coast(rows: int, cols: int) -> CoastalState:
    """Return a generated coast."""
    made = make_coast(rows, cols)
    return CoastalState(
        np.where(made.inside, made.uso, NO_USE).astype(np.uint8),
        np.where(made.inside, made.solo, NO_SOIL).astype(np.uint8),
        np.where(made.inside, made.alt, np.nan),
    )


def simulating(
    start: CoastalState, kernel: Kernel, order: NDArray[np.int32] | None
) -> Callable[[int], float]:
    """Return what runs a copy of `start` and yields the seconds that its steps took."""

    def run(steps: int) -> float:
        state = CoastalState(start.uso.copy(), start.solo.copy(), start.alt.copy(), order=order)
        begin = time.perf_counter()
        for t in range(1, steps + 1):
            kernel.step(state, Terms.at(t, CoastalParameters()))
        return time.perf_counter() - begin

    return run


def timed(work: Callable[[int], None]) -> Callable[[int], float]:
    """Return `work` as something that yields the seconds it took."""

    def run(steps: int) -> float:
        begin = time.perf_counter()
        work(steps)
        return time.perf_counter() - begin

    return run


def contestants(state: CoastalState, *, with_numpy: bool) -> dict[str, Callable[[int], float]]:
    """Return what takes turns, by name."""
    order = np.full(state.shape, -1, np.int32)
    order[state.inside] = np.random.default_rng(1).permutation(state.cells)
    all_of_them: dict[str, Callable[[int], float]] = {}
    for threads in THREADS:
        all_of_them[f"streaming, {threads}"] = timed(streaming(state, threads))
        all_of_them[f"row-major, {threads}"] = simulating(state, NumbaKernel(threads), None)
        all_of_them[f"arbitrary order, {threads}"] = simulating(state, NumbaKernel(threads), order)
    if with_numpy:
        all_of_them["NumPy, row-major, 1"] = simulating(state, NumpyKernel(), None)
    return all_of_them


def table(rows: int, cols: int, steps: int, repeats: int, *, with_numpy: bool) -> None:
    """Measure and print."""
    work = contestants(coast(rows, cols), with_numpy=with_numpy)
    for run in work.values():
        run(1)  # compiles
    seconds: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(repeats):
        for name, run in work.items():
            some = max(1, steps // 10) if name.startswith("NumPy") else steps
            seconds[name].append(run(some) / some)
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    print(f"{rows} × {cols} cells, {steps} steps, medians of {repeats} interleaved repeats\n")
    print("| kernel, threads | ns per cell and step | × streaming | × row-major | × its 1 thread |")
    print("|---|---:|---:|---:|---:|")
    for name, median in medians.items():
        kind, threads = name.rsplit(", ", 1)
        ratios = (f"streaming, {threads}", f"row-major, {threads}", f"{kind}, 1")
        cells = " | ".join(f"{median / medians[other]:.2f}" for other in ratios)
        print(f"| {name} | {median / (rows * cols) * 1e9:.2f} | {cells} |")


def break_even(repeats: int) -> None:
    """Print from how many cells x steps numba is ahead, where its code is in the cache."""
    load = (
        "from dissmodel.models.coastal.{0} import {1}\n"
        "from dissmodel.models.coastal.state import CoastalState\n"
        "import numpy as np\n"
        "codes = np.ones((9, 9), np.uint8)\n"
        "state = CoastalState(codes, codes, np.ones((9, 9)))\n"
    )
    commands = {
        "numba": load.format("kernels.numba_pixels", "NumbaKernel") + "NumbaKernel(1).prepare(state)",
        "numpy": load.format("kernels.numpy_pixels", "NumpyKernel"),
    }
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    per_cell: dict[str, list[float]] = {name: [] for name in commands}
    state = coast(300, 300)
    runs = {
        "numba": simulating(state, NumbaKernel(1), None),
        "numpy": simulating(state, NumpyKernel(), None),
    }
    for name, command in commands.items():
        subprocess.run([sys.executable, "-c", command], check=True)
        runs[name](1)
    for _ in range(repeats):
        for name, command in commands.items():
            begin = time.perf_counter()
            subprocess.run([sys.executable, "-c", command], check=True)
            seconds[name].append(time.perf_counter() - begin)
            per_cell[name].append(runs[name](10) / 10 / state.uso.size)
    more = statistics.median(seconds["numba"]) - statistics.median(seconds["numpy"])
    less = statistics.median(per_cell["numpy"]) - statistics.median(per_cell["numba"])
    print(f"numba takes {more:.2f} s more to load and {less * 1e9:.1f} ns less per cell and step:")
    print(f"it is ahead from {more / less:.2g} cells × steps")


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--cols", type=int, default=2000)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--no-numpy", action="store_true", help="leave the slow one out")
    parser.add_argument("--break-even", action="store_true")
    args = parser.parse_args()
    if args.break_even:
        break_even(args.repeats)
    else:
        table(args.rows, args.cols, args.steps, args.repeats, with_numpy=not args.no_numpy)


if __name__ == "__main__":
    main()
