"""Measure a run in a sweep on two processes beside the same run by `dissmodel run`; print markdown.

The coast of 60 by 60 cells, one step. CPU seconds (user and system) of the command with all its processes; in
a sweep the difference between one of few and one of many runs, so start-up is left out.

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
from pathlib import Path

MAKER = Path(__file__).parents[1] / "examples" / "coast" / "make_coast.py"
MODEL = ("coastal_raster", "-i", "grid.tif", "-p", "end_time=1", "-q")
FEW, REPEATS = 20, 5
LIMIT_MS = 40


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
    print("| | CPU, ms | limit |")
    print("|---|---:|---:|")
    print(f"| `dissmodel run` | {alone * 1e3:.0f} | |")
    print(f"| a run in a sweep of {runs:,} | {each * 1e3:.1f} | {LIMIT_MS} |")
    print(f"| a sweep of {FEW} runs, start-up included | {few * 1e3:.0f} | |")


if __name__ == "__main__":
    main()
