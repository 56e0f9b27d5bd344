"""Run a coast that is larger than the memory it is given, against the same run in memory; print a table.

The coast is a generated one, repeated by mirrors and written by windows. Each run is a process of its own:
its CPU time, and the anonymous memory that it has at most, sampled every 10 ms.

    python benchmarks/tiles.py                    # 1000² and 4000² cells, in memory and in tiles
    python benchmarks/tiles.py --sides 20000 --memory 1GB --only-tiles    # 4 · 10⁸ cells, 30 GB of disk
    python benchmarks/tiles.py --sides 40000 --memory 2GB --only-tiles    # 1.6 · 10⁹ cells
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from affine import Affine
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[1] / "examples" / "coast"))

from make_coast import make_coast

from dissmodel.io.raster import write_geotiff

SIDE = 1000  # of the coast that is repeated
OUTSIDE = -9999.0
BYTES_PER_CELL = 24 + 20 + 2 + 24  # the input, working files twice, where cells are, the result
SAMPLED_S = 0.01


class Measured(NamedTuple):
    """One run: CPU seconds, wall-clock seconds, bytes of memory and of working files at most, its record."""

    cpu: float
    wall: float
    memory: int
    disk: int
    record: dict[str, Any]


def mirrored(numbers: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return which row or column of the coast stands at each of these numbers."""
    place = numbers % (2 * SIDE)
    return np.where(place < SIDE, place, 2 * SIDE - 1 - place)


def write_coast(path: Path, side: int) -> None:
    """Write a coast of side² cells, never more than a window of it in memory."""
    made = make_coast(SIDE, SIDE)
    bands = {
        name: np.where(made.inside, getattr(made, name), OUTSIDE).astype(np.float64)
        for name in ("uso", "alt", "solo")
    }

    def window(name: str) -> Any:
        def some(at: tuple[slice, slice]) -> NDArray[np.float64]:
            rows, cols = (mirrored(np.arange(one.start, one.stop)) for one in at)
            return bands[name][np.ix_(rows, cols)]

        return some

    write_geotiff(
        path,
        {name: window(name) for name in bands},
        shape=(side, side),
        dtype="float64",
        nodata=OUTSIDE,
        transform=Affine(30, 0, 600_000, 0, -30, 9_700_000),
        crs="EPSG:31984",
        columns=2048,
    )


def measured(folder: Path, source: Path, words: list[str]) -> Measured:
    """Run the command and watch its process."""
    for left in folder.glob("out.*"):
        left.unlink()
    command = [sys.executable, "-m", "dissmodel", "run", "coastal_raster", "-i", str(source), "-q"]
    began, memory, disk = time.perf_counter(), 0, 0
    process = subprocess.Popen(
        [*command, "-o", str(folder / "out.tif"), *words], stdout=subprocess.DEVNULL, cwd=folder
    )
    while True:
        ended, status, usage = os.wait4(process.pid, os.WNOHANG)
        if ended:
            break
        memory = max(memory, anonymous(process.pid))
        if int(time.perf_counter()) % 5 == 0:
            files = folder.glob(".out.tiles/*")
            disk = max(disk, sum(one.stat().st_blocks * 512 for one in files if one.exists()))
        time.sleep(SAMPLED_S)
    if status:
        sys.exit(f"{' '.join(words)} failed")
    record = json.loads((folder / "out.record.json").read_text())
    wall = time.perf_counter() - began
    return Measured(usage.ru_utime + usage.ru_stime, wall, memory, disk, record)


def anonymous(process: int) -> int:
    """Return the bytes of memory of a process that no file has."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return 0
    found = re.search(r"RssAnon:\s+(\d+)", status)
    return int(found[1]) * 1024 if found else 0


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sides", type=int, nargs="+", default=[1000, 4000])
    parser.add_argument("--memory", default="200MB")
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--only-tiles", action="store_true")
    parser.add_argument("--folder", type=Path, help="where there is room; by default the temporary folder")
    given = parser.parse_args()
    print(
        "| cells | run | CPU, ns per cell and step | × in memory | wall, s | memory, MB | × given "
        "| working files, GB | tiles × rows, steps |\n|---|---|---:|---:|---:|---:|---:|---:|---|"
    )
    for side in given.sides:
        with tempfile.TemporaryDirectory(dir=given.folder) as name:
            folder = Path(name)
            if shutil.disk_usage(folder).free < side * side * BYTES_PER_CELL:
                sys.exit(
                    f"{folder} has no room for {side}² cells: {side * side * BYTES_PER_CELL / 1e9:.0f} GB"
                )
            write_coast(folder / "coast.tif", side)
            ways: dict[str, list[str]] = {
                "in memory": [],
                f"--memory {given.memory}": ["--memory", given.memory],
            }
            if given.only_tiles:
                del ways["in memory"]
            results, whole = set(), None
            for way, words in ways.items():
                found = measured(folder, folder / "coast.tif", ["-p", f"end_time={given.steps}", *words])
                results.add(found.record["artifacts"]["output"])
                each = found.cpu * 1e9 / side**2 / given.steps
                whole = whole or (each if not words else None)
                tiles = found.record.get("tiles")
                cells = [f"{side}²", way, f"{each:.1f}", f"{each / whole:.2f}" if whole else ""]
                cells += [f"{found.wall:.0f}", f"{found.memory / 1e6:.0f}"]
                cells += [f"{found.memory / tiles['memory']:.2f}" if tiles else "", f"{found.disk / 1e9:.1f}"]
                cells += ["{tiles} × {rows}, {steps}".format(**tiles) if tiles else ""]
                print(f"| {' | '.join(cells)} |", flush=True)
            if len(results) > 1:
                sys.exit("The results differ.")


if __name__ == "__main__":
    main()
