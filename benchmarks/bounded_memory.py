"""Measure how much memory commands take on rasters that are far larger than that; print markdown.

Each raster is one band of zeros with a few values, compressed, so that it takes little disk. Each command is
a process of its own; what counts is the peak of its anonymous memory (RssAnon of ``/proc``, sampled; Linux
only) above that of a process that has imported the same libraries.

    python benchmarks/bounded_memory.py                      # 40,000 by 40,000 cells
    python benchmarks/bounded_memory.py --side 6000 --layout "strips of 1 row"
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import rasterio
from rasterio.windows import Window

LIMIT = 300  # MB
SAMPLE = 0.005  # seconds
PLACE = {"transform": rasterio.Affine(30, 0, 0, 0, -30, 0), "crs": "EPSG:31984"}
LAYOUTS = {
    "tiles of 512": {"tiled": True, "blockxsize": 512, "blockysize": 512, "compress": "deflate"},
    "strips of 1 row": {"blockysize": 1, "compress": "deflate"},
    "strips of 512 rows": {"blockysize": 512, "compress": "deflate"},
    "tiles of 512, pixel by pixel": {
        "tiled": True,
        "blockxsize": 512,
        "blockysize": 512,
        "compress": "deflate",
        "interleave": "pixel",
        "count": 4,
        "photometric": "minisblack",
    },
    "tiles of 4096, PackBits": {
        "tiled": True,
        "blockxsize": 4096,
        "blockysize": 4096,
        "compress": "packbits",
    },
}
# What is measured, after the libraries that it imports were.
CODE = """
import json, sys, threading, time
from pathlib import Path
def anon():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) / 1000
import numpy, rasterio, pyproj, rasterio.warp, dissmodel, dissmodel.comparing.compare, dissmodel.preview.draw
import dissmodel.io.content_raster, dissmodel.io.cog, dissmodel.comparing.observed, dissmodel.sweeping.maps
import dissmodel.visualization.map_sheet, matplotlib.figure, dissmodel.sharing.push, dissmodel.sharing.pull
import dissmodel.experiment.verify
from dissmodel import api
{prepare}
base, peak, over = anon(), [0.0], threading.Event()
def watch():
    while not over.wait({sample}):
        peak[0] = max(peak[0], anon())
watcher = threading.Thread(target=watch)
watcher.start()
cpu = time.process_time()
try:
    {work}
    said = ""
except dissmodel.errors.DissmodelError as error:
    said = str(error)
cpu = time.process_time() - cpu
over.set()
watcher.join()
print(json.dumps([max(peak[0] - base, 0), cpu, said]))
"""


def make(path: Path, side: int, options: dict[str, object], dtype: str, value: int) -> None:
    """Write a raster whose cells are zero, but for a square at the left of each block row."""
    profile = {"driver": "GTiff", "width": side, "height": side, "count": 1, "dtype": dtype, "bigtiff": "yes"}
    with rasterio.Env(GDAL_CACHEMAX=2**27), rasterio.open(path, "w", **profile | PLACE | options) as out:
        rows = int(out.block_shapes[0][0])
        height = max(rows, 512)
        for band in out.indexes:
            empty = np.zeros((height, side), dtype)
            for top in range(0, side, height):
                block = empty[: side - top]
                block[:64, :64] = value
                out.write(block, band, window=Window(0, top, side, len(block)))


def measure(work: str, prepare: str = "") -> tuple[float, float, str]:
    """Return MB of memory above the imports, CPU seconds and the error's text of some code."""
    code = CODE.replace("{prepare}", prepare).replace("{work}", work).replace("{sample}", str(SAMPLE))
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    if done.returncode:
        return float("nan"), float("nan"), done.stderr.strip().splitlines()[-1]
    mb, cpu, said = json.loads(done.stdout.splitlines()[-1])
    return mb, cpu, said


def works(a: Path, b: Path, folder: Path) -> Iterator[tuple[str, str]]:
    """Yield what is measured: its name and its code."""
    yield "content digest", f"dissmodel.io.content.content_digest(Path({str(a)!r}))"
    yield "compare", f"api.compare({str(a)!r}, {str(b)!r})"
    yield (
        "compare --diff-map",
        (f"api.compare({str(a)!r}, {str(b)!r}, diff_map={str(folder / 'diff.tif')!r}, overwrite=True)"),
    )
    yield "compare --metrics", f"api.compare({str(a)!r}, {str(b)!r}, metrics=True)"
    yield "Cloud Optimized", f"dissmodel.io.cog.make_cog(Path({str(folder / 'cog.tif')!r}), {{}})"
    yield (
        "map of a preview",
        (
            "from dissmodel.preview.sampling import open_map, gather\n"
            "    from dissmodel.preview.canvas import common_canvas\n"
            f"    with open_map({str(a)!r}) as after, open_map({str(b)!r}) as before:\n"
            "        canvas = common_canvas([after, before], lambda aspect: (400, 400))\n"
            "        gather(canvas, (after, after.names[0]), (before, before.names[0]))"
        ),
    )
    yield (
        "summary of 3 runs",
        (
            "from dissmodel.sweeping.maps import MappedRun, map_runs\n"
            f"    paths = [Path({str(a)!r}), Path({str(b)!r}), Path({str(a)!r})]\n"
            "    runs = [MappedRun(str(n), path) for n, path in enumerate(paths)]\n"
            f"    map_runs(runs, Path({str(folder)!r}), {{}}, quantiles=())"
        ),
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=40_000)
    parser.add_argument("--dtype", default="uint8")
    parser.add_argument("--only", default="")
    parser.add_argument("--layout", default="")
    given = parser.parse_args()
    print(f"{given.side:,} × {given.side:,} cells, {given.dtype}; above the imports; limit {LIMIT} MB\n")
    print("| layout | work | MB | CPU s | |\n|---|---|---:|---:|---|")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for layout, options in LAYOUTS.items():
            if given.layout and given.layout != layout:
                continue
            a, b = folder / "a.tif", folder / "b.tif"
            make(a, given.side, options, given.dtype, 1)
            make(b, given.side, options, given.dtype, 2)
            for what, code in works(a, b, folder):
                if given.only not in what:
                    continue
                if what == "Cloud Optimized":
                    (folder / "cog.tif").write_bytes(a.read_bytes())
                mb, cpu, said = measure(code)
                verdict = said or ("" if mb <= LIMIT else "too much")
                print(f"| {layout} | {what} | {mb:.0f} | {cpu:.1f} | {verdict[:150]} |", flush=True)


if __name__ == "__main__":
    main()
