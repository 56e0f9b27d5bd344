"""Measure reading, writing and hashing of rasters against plain rasterio and hashlib; print markdown.

Memory is measured in a process of its own, with a GDAL that would use a cache of 8 GiB, as it does on a large
machine (Linux only). Times are medians of repeats that take turns.

    python benchmarks/geotiff.py                        # 4000 x 4000
    python benchmarks/geotiff.py --rows 1000 --cols 1000 --repeats 3
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[1] / "examples" / "coast"))

from make_coast import CRS, NODATA, Coast, make_coast

from dissmodel.executor import ExperimentRecord
from dissmodel.executor.schemas import DataSource
from dissmodel.io.content import content_digest
from dissmodel.io.raster import load_geotiff, write_geotiff
from dissmodel.models.coastal.raster import CoastalRaster
from dissmodel.record.digest import sha256_file

MEGABYTE = 1e6
MEMORY_LIMIT, WRITE_RATE_LIMIT = 35, 4


def coast_bands(coast: Coast, *, ordered: bool) -> dict[str, NDArray[np.float64]]:
    """Return what a GeoTIFF of a coast holds, with an arbitrary visiting order if asked for."""
    bands = {"uso": coast.uso, "alt": coast.alt, "solo": coast.solo}
    if ordered:
        order = np.zeros(coast.inside.shape)
        cells = np.count_nonzero(coast.inside)
        order[coast.inside] = np.random.default_rng(1).permutation(cells) * 3.0
        bands["order"] = order
    return {name: np.where(coast.inside, band, NODATA) for name, band in bands.items()}


def write_ours(path: Path, coast: Coast, bands: Mapping[str, NDArray[np.float64]]) -> None:
    """Write bands with the writer of the coastal model."""
    write_geotiff(
        path,
        {name: band.__getitem__ for name, band in bands.items()},
        shape=coast.uso.shape,
        dtype="float64",
        nodata=NODATA,
        transform=coast.transform,
        crs=CRS,
    )


def write_strips(path: Path, coast: Coast, bands: Mapping[str, NDArray[np.float64]], interleave: str) -> None:
    """Write bands with rasterio as its documentation does: DEFLATE, in strips."""
    rows, cols = coast.uso.shape
    profile = {"driver": "GTiff", "height": rows, "width": cols, "count": len(bands), "dtype": "float64"}
    georeference = {"nodata": NODATA, "crs": CRS, "transform": coast.transform}
    with rasterio.open(
        path, "w", compress="deflate", interleave=interleave, **profile, **georeference
    ) as target:
        target.write(np.stack(list(bands.values())))


def memory(what: str) -> int:
    """Return bytes of this process: ``VmRSS``, or the peak ``VmHWM`` since it was reset."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    found = re.search(rf"^{what}:\s+(\d+) kB$", status, re.MULTILINE)
    assert found is not None
    return int(found.group(1)) * 1024


def peak(work: Callable[[], object], base: int) -> int:
    """Return the most memory during `work` above `base`, in bytes."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    work()
    return memory("VmHWM") - base


def measure_memory(source: Path) -> None:
    """Load and save as the coastal model does, and digest the result; print each one's peak."""
    model = CoastalRaster()
    output = source.with_name("saved.tif")
    record = ExperimentRecord(source=DataSource(uri=str(source)), output_path=str(output))
    states = []
    base = memory("VmRSS")
    peaks = {
        "sha256": peak(lambda: sha256_file(source.with_name("raw.bin")), base),
        "load": peak(lambda: states.append(model.load(record)), base),
        "save": peak(lambda: model.save(states[0], record), base),
    }
    states.clear()
    base = memory("VmRSS")
    peaks["content digest"] = peak(lambda: content_digest(output), base)
    print(json.dumps(peaks))


def memory_of(source: Path) -> dict[str, int]:
    """Return what `measure_memory` says in a process of its own."""
    said = subprocess.run(
        [sys.executable, __file__, "--memory-of", str(source)],
        env={**os.environ, "GDAL_CACHEMAX": "8192"},
        check=True,
        capture_output=True,
        text=True,
    )
    peaks: dict[str, int] = json.loads(said.stdout)
    return peaks


def medians(work: Mapping[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Return the seconds of each work, which take turns."""
    seconds: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(repeats):
        for name, run in work.items():
            begin = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - begin)
    return {name: statistics.median(times) for name, times in seconds.items()}


def memory_table(folder: Path, coast: Coast) -> None:
    """Measure and print memory."""
    cells = coast.uso.size
    (folder / "raw.bin").write_bytes(bytes(cells * 24))
    print("| peak above the process after its imports | bytes per cell | limit |")
    print("|---|---:|---:|")
    for what, ordered in (("row-major", False), ("arbitrary order", True)):
        source = folder / f"{what}.tif"
        write_ours(source, coast, coast_bands(coast, ordered=ordered))
        peaks = memory_of(source)
        for phase in ("load", "save"):
            print(f"| coastal {phase}, {what} | {peaks[phase] / cells:.1f} | {MEMORY_LIMIT} |")
    file_bytes = (folder / "raw.bin").stat().st_size
    print(
        f"\nHashing a file of {file_bytes / MEGABYTE:.0f} MB takes {peaks['sha256'] / MEGABYTE:.1f} MB, ",
        end="",
    )
    print(f"the content digest of the result {peaks['content digest'] / MEGABYTE:.0f} MB.\n")


def rate_table(folder: Path, coast: Coast, repeats: int) -> None:
    """Measure and print rates, in bytes of the arrays."""
    bands = coast_bands(coast, ordered=False)
    model = CoastalRaster()
    ours, saved, strips, planes = (folder / f"{name}.tif" for name in ("ours", "saved", "strips", "planes"))
    write_ours(ours, coast, bands)
    state = model.load(ExperimentRecord(source=DataSource(uri=str(ours))))
    work: dict[str, Callable[[], object]] = {
        "write: DEFLATE strips": lambda: write_strips(strips, coast, bands, "pixel"),
        "write: DEFLATE strips, band by band": lambda: write_strips(planes, coast, bands, "band"),
        "write: coastal save": lambda: model.save(state, ExperimentRecord(output_path=str(saved))),
        "read: plain rasterio": lambda: rasterio.open(ours).read(),
        "read: load_geotiff": lambda: load_geotiff(ours),
        "read: coastal load": lambda: model.load(ExperimentRecord(source=DataSource(uri=str(ours)))),
        "read: content digest": lambda: content_digest(ours),
    }
    seconds = medians(work, repeats)
    size = sum(band.nbytes for band in bands.values()) / MEGABYTE
    print(f"| {size:.0f} MB of arrays | MB/s | × the first | file, MB |\n|---|---:|---:|---:|")
    files = [strips, planes, saved, ours, ours, ours, ours]
    for (name, took), file in zip(seconds.items(), files, strict=True):
        first = seconds["write: DEFLATE strips" if name.startswith("write") else "read: plain rasterio"]
        print(f"| {name} | {size / took:.0f} | {first / took:.2f} | {file.stat().st_size / MEGABYTE:.2f} |")
    print(f"\nLimit: coastal save at least {WRITE_RATE_LIMIT} × DEFLATE strips, and no larger.\n")


def hash_table(folder: Path, repeats: int) -> None:
    """Measure and print rates of hashing."""
    path = folder / "raw.bin"

    def plain() -> None:
        with path.open("rb") as stream:
            hashlib.file_digest(stream, "sha256")

    seconds = medians({"hashlib.file_digest": plain, "sha256_file": lambda: sha256_file(path)}, repeats)
    size = path.stat().st_size / MEGABYTE
    print(f"| {size:.0f} MB | MB/s |\n|---|---:|")
    for name, took in seconds.items():
        print(f"| {name} | {size / took:.0f} |")


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=4000)
    parser.add_argument("--cols", type=int, default=4000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--memory-of", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.memory_of:
        measure_memory(args.memory_of)
        return
    with tempfile.TemporaryDirectory() as name:
        folder, coast = Path(name), make_coast(args.rows, args.cols)
        print(f"{args.rows} × {args.cols} cells, medians of {args.repeats} interleaved repeats\n")
        memory_table(folder, coast)
        rate_table(folder, coast, args.repeats)
        hash_table(folder, args.repeats)


if __name__ == "__main__":
    main()
