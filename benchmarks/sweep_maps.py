"""Measure maps over many runs against reading their files with plain rasterio; print markdown.

Each result is one band of 1000 by 1000 cells as a run writes it: land use in four classes (uint8), or numbers
(float64). CPU time of all threads, medians of repeats that take turns; each in a process of its own, whose
peak memory is that of the process (Linux only).

    python benchmarks/sweep_maps.py                     # 200 runs
    python benchmarks/sweep_maps.py --runs 50 --repeats 1
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import rasterio
from scipy.ndimage import gaussian_filter

from dissmodel.geo.legend import CellClass
from dissmodel.io.raster import write_geotiff
from dissmodel.sweeping.maps import MappedRun, map_runs

SIZE = 1000
CODES = range(4)
LEGEND = tuple(CellClass(code, f"class {code}", "#888888") for code in CODES)
# Kind of result, what is asked of `map_runs`, and the limit: so many times the CPU of reading.
WORK = {
    "classes: frequencies, agreement": ("classes", "mean", 1.5),
    "numbers: mean, sd": ("numbers", "mean", 1.5),
    "numbers: and quantiles": ("numbers", "all", 2.0),
}
MEMORY_LIMIT = 700


def make(folder: Path, runs: int) -> None:
    """Write the results: a landscape that all runs share, and what differs in each."""
    rng = np.random.default_rng(1)
    land = gaussian_filter(rng.normal(size=(SIZE, SIZE)), 20)
    land /= land.std()
    place = {"transform": rasterio.Affine(100, 0, 0, 0, -100, 0), "crs": "EPSG:31984", "shape": land.shape}
    for number in range(runs):
        field = land + gaussian_filter(rng.normal(size=(SIZE, SIZE)), 1) * 1.5
        codes = np.digitize(field, [-1, 0, 1]).astype(np.uint8)
        for kind, band, nodata in (("classes", codes, 255), ("numbers", field, np.nan)):
            path = folder / kind / f"{number}.tif"
            write_geotiff(path, {"state": band.__getitem__}, dtype=band.dtype, nodata=nodata, **place)


def measure(folder: Path, kind: str, what: str) -> None:
    """Read the files of a kind, or make maps of them; print CPU seconds and MB of peak memory."""
    paths = sorted((folder / kind).glob("*.tif"))
    before = time.process_time()
    if what == "read":
        for path in paths:
            with rasterio.open(path) as dataset:
                dataset.read()
    else:
        runs = [MappedRun(f"{number:06d}", path) for number, path in enumerate(paths)]
        out = folder / "maps"
        out.mkdir(exist_ok=True)
        map_runs(runs, out, {"state": LEGEND} if kind == "classes" else {}, quantiles=what == "all")
    spent = time.process_time() - before
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    peak = re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
    assert peak is not None
    print(json.dumps({"cpu": spent, "memory": int(peak.group(1)) / 1000}))


def measured(folder: Path, kind: str, what: str) -> dict[str, float]:
    """Return what `measure` prints in a process of its own."""
    command = [sys.executable, __file__, "--measure", str(folder), kind, what]
    found: dict[str, float] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return found


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--measure", nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.measure:
        measure(Path(args.measure[0]), *args.measure[1:])
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make(folder, args.runs)
        pairs = [*((kind, "read") for kind in ("classes", "numbers")), *(pair[:2] for pair in WORK.values())]
        found: dict[tuple[str, str], list[dict[str, float]]] = {pair: [] for pair in pairs}
        for _ in range(args.repeats):
            for pair, several in found.items():
                several.append(measured(folder, *pair))
    cpu = {pair: statistics.median(one["cpu"] for one in several) for pair, several in found.items()}
    print(f"{args.runs} runs of {SIZE} × {SIZE} cells, medians of {args.repeats} interleaved repeats\n")
    print("| | CPU, s | reading the files, s | × | limit | peak, MB |\n|---|---:|---:|---:|---:|---:|")
    for title, (kind, what, limit) in WORK.items():
        took, read = cpu[kind, what], cpu[kind, "read"]
        peak = max(one["memory"] for one in found[kind, what])
        print(f"| {title} | {took:.1f} | {read:.1f} | {took / read:.2f} | {limit} | {peak:.0f} |")
    print(f"\nLimit of the peak: {MEMORY_LIMIT} MB, the interpreter and its libraries included.")


if __name__ == "__main__":
    main()
