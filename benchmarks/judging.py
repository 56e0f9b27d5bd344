"""Measure maps against observation, at growing size, beside reading them with plain rasterio; print markdown.

Maps of land use in seven classes (uint8, tiled, deflate): half of the tiles have one class, half are patches
of 8 by 8 cells; of the cells of these a tenth differ from the observed map. CPU time of all threads, each
size in a process of its own, whose peak memory is that of the process (Linux only).

    python benchmarks/judging.py                # 10^7 and 10^8 cells
    python benchmarks/judging.py --rows 31623   # 10^9 cells
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import rasterio
from rasterio.windows import Window

import dissmodel
from dissmodel.comparing.observed import measure

TILE, CLASSES, PATCHY, CHANGED = 512, 7, 0.5, 0.1
ROLES = ("simulated", "observed", "initial")
MEMORY_LIMIT = 700


def make(folder: Path, rows: int) -> None:
    """Write the three maps, tile by tile."""
    draw = np.random.default_rng(1)
    size = {"width": rows, "height": rows, "count": 1, "dtype": "uint8", "nodata": 255}
    tiles = {"tiled": True, "blockxsize": TILE, "blockysize": TILE, "compress": "deflate", "BIGTIFF": "YES"}
    place = {"crs": "EPSG:31984", "transform": rasterio.Affine(30, 0, 0, 0, -30, 0)}
    profile = {"driver": "GTiff", **size, **tiles, **place}
    files = [rasterio.open(folder / f"{role}.tif", "w", **profile) for role in ROLES]
    for top in range(0, rows, TILE):
        for left in range(0, rows, TILE):
            height, width = min(TILE, rows - top), min(TILE, rows - left)
            start = np.full((TILE, TILE), draw.integers(CLASSES), np.uint8)
            patchy = draw.random() < PATCHY
            if patchy:
                patches = draw.integers(0, CLASSES, (TILE // 8, TILE // 8), np.uint8)
                start = np.kron(patches, np.ones((8, 8), np.uint8))
            for file in reversed(files):
                if patchy and file is not files[2]:
                    changed = draw.random(start.shape) < CHANGED
                    start = np.where(changed, draw.integers(0, CLASSES, start.shape, np.uint8), start)
                file.write(start[:height, :width], 1, window=Window(left, top, width, height))
    for file in files:
        file.close()


def work(folder: Path, what: str) -> None:
    """Read the files, or judge them; print CPU seconds and MB of peak memory."""
    before = time.process_time()
    paths = [folder / f"{role}.tif" for role in ROLES]
    if what == "read":
        for path in paths:
            with rasterio.open(path) as dataset:
                for _, window in dataset.block_windows(1):
                    dataset.read(1, window=window)
    else:
        maps = dict(zip(ROLES, paths, strict=True))
        found = measure(maps, dict.fromkeys(ROLES))
        assert found.classes is not None
    status = Path("/proc/self/status").read_text(encoding="ascii")
    peak = int(re.findall(r"VmHWM:\s*(\d+)", status)[0]) / 1024
    print(time.process_time() - before, peak)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, nargs="*", default=[3162, 10000])
    parser.add_argument("--work", nargs=2, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.work:
        work(Path(asked.work[0]), asked.work[1])
        return
    print(f"dissmodel {dissmodel.__version__}\n")
    print(
        "| cells of each map | reading, CPU s | measures, CPU s | ns a cell | peak memory, MB | limit, MB |"
    )
    print("|---:|---:|---:|---:|---:|---:|")
    for rows in asked.rows:
        with tempfile.TemporaryDirectory() as folder:
            make(Path(folder), rows)
            words = [sys.executable, __file__, "--work", folder]
            (read, _), (judged, peak) = (
                map(
                    float,
                    subprocess.run([*words, what], check=True, capture_output=True, text=True).stdout.split(),
                )
                for what in ("read", "judge")
            )
        each = judged / rows**2 * 1e9
        print(
            f"| {rows**2:,} | {read:.1f} | {judged:.1f} | {each:.0f} | {peak:.0f} | {MEMORY_LIMIT} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
