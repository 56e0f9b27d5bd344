"""Measure a run in a sweep on two processes beside the same run by `dissmodel run`; print markdown.

The coast of 60 by 60 cells, one step. CPU seconds (user and system) of the command with all its processes; in
a sweep the difference between one of few and one of many runs, so start-up is left out. Then the same command
again, which has nothing to do, with less and less of what a sweep leaves; start-up is part of that.

    python benchmarks/sweep_runs.py                 # 1,000 runs
    python benchmarks/sweep_runs.py --runs 100
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

MAKER = Path(__file__).parents[1] / "examples" / "coast" / "make_coast.py"
MODEL = ("coastal_raster", "-i", "grid.tif", "-p", "end_time=1", "-q")
FEW, REPEATS = 20, 5
LIMIT_MS = 40
CACHES = ("runs.jsonl", "sweep.record.json")
KNOWN_BY = ("the journal", "the record of the whole", "the runs' own records")


def cpu_of(folder: Path, *words: str) -> float:
    """Return the CPU seconds of a command and all that it starts."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *words], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def sweep(folder: Path, runs: int) -> float:
    """Return the CPU seconds of a sweep."""
    rises = f"sea_level_rise_rate=0.0001:{runs / 10_000}:0.0001"
    words = ("sweep", *MODEL, "--vary", rises, "-o", f"runs_{runs}", "--workers", "2")
    return cpu_of(folder, "-m", "dissmodel", *words)


def resume(folder: Path, runs: int) -> Iterator[float]:
    """Yield the CPU seconds of a sweep that has nothing to do, each time with one more file removed."""
    for removed in range(len(CACHES) + 1):
        found = []
        for _ in range(REPEATS):
            for name in CACHES[:removed]:
                (folder / f"runs_{runs}" / name).unlink(missing_ok=True)
            found.append(sweep(folder, runs))
        yield statistics.median(found)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition(";")[0])
    parser.add_argument("--runs", type=int, default=1000)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        cpu_of(folder, str(MAKER), "--rows", "60", "--cols", "60", "--output", "grid.tif")
        alone = statistics.median(
            cpu_of(folder, "-m", "dissmodel", "run", *MODEL, "-o", f"{number}.tif")
            for number in range(REPEATS)
        )
        few = sweep(folder, FEW)
        each = (sweep(folder, FEW + runs) - few) / runs
        resumed = dict(zip(KNOWN_BY, resume(folder, FEW + runs), strict=True))
    print("| | CPU, ms | limit |")
    print("|---|---:|---:|")
    print(f"| `dissmodel run` | {alone * 1e3:.0f} | |")
    print(f"| a run in a sweep of {runs:,} | {each * 1e3:.1f} | {LIMIT_MS} |")
    print(f"| a sweep of {FEW} runs, start-up included | {few * 1e3:.0f} | |")
    for what, seconds in resumed.items():
        print(f"| {FEW + runs:,} finished runs, known by {what} | {seconds * 1e3:.0f} | |")


if __name__ == "__main__":
    main()
