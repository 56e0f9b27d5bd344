"""Measure what the command line costs before it does anything, against bare Python; print a markdown table.

CPU seconds (user and system) of processes that take turns, medians: a busy machine moves both sides alike.

    python benchmarks/startup.py
    python benchmarks/startup.py --repeats 31
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

SIDE, STEPS = 60, 20
MAKE_COAST = Path(__file__).parents[1] / "examples" / "coast" / "make_coast.py"
DISSMODEL = (sys.executable, str(Path(sys.executable).with_name("dissmodel")))
COMPLETION = {"_DISSMODEL_COMPLETE": "complete_bash", "COMP_WORDS": "dissmodel ru", "COMP_CWORD": "1"}
# The run that is measured too has left what the model takes.
PARAMETER = {
    "_DISSMODEL_COMPLETE": "complete_bash",
    "_DISSMODEL_LINE": "dissmodel run coastal_raster --input grid.tif -p sea",
}
LIBRARIES = "python -c 'import numpy, rasterio, pydantic, typer'"
COMMANDS: dict[str, tuple[Sequence[str], Mapping[str, str]]] = {
    "python -c pass": ((sys.executable, "-c", "pass"), {}),
    "dissmodel --version": ((*DISSMODEL, "--version"), {}),
    "dissmodel --help": ((*DISSMODEL, "--help"), {}),
    "completion": (DISSMODEL, COMPLETION),
    "completion of a parameter": (DISSMODEL, PARAMETER),
    LIBRARIES: ((sys.executable, "-c", "import numpy, rasterio, pydantic, typer"), {}),
}
LIMITS = {"dissmodel --version": 8, "dissmodel --help": 12, "completion": 8, "completion of a parameter": 10}
RUN_LIMIT, AROUND_LIMIT = 0.6, 0.25


def cpu_of(words: Sequence[str], environment: Mapping[str, str], folder: Path) -> float:
    """Return the CPU seconds of a process and of those that it waits for."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(words, env={**os.environ, **environment}, cwd=folder, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def run_of(folder: Path) -> tuple[float, float]:
    """Return the CPU seconds of a whole run, and the seconds of them in load, run and save."""
    words = ("run", "coastal_raster", "-i", "grid.tif", "-o", "result.tif", "-p", f"end_time={STEPS}")
    took = cpu_of((*DISSMODEL, *words, "--overwrite"), {}, folder)
    metrics = json.loads((folder / "result.record.json").read_text(encoding="utf-8"))["metrics"]
    return took, sum(metrics[f"time_{phase}_sec"] for phase in ("load", "run", "save"))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=15)
    repeats = parser.parse_args().repeats
    seconds: dict[str, list[float]] = {name: [] for name in COMMANDS}
    runs, around = [], []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        size = ("--rows", str(SIDE), "--cols", str(SIDE))
        subprocess.run(
            (sys.executable, str(MAKE_COAST), *size, "--output", "grid.tif"),
            cwd=folder,
            check=True,
            capture_output=True,
        )
        run_of(folder)  # compiles what is not compiled yet
        for _ in range(repeats):
            for command, (words, environment) in COMMANDS.items():
                seconds[command].append(cpu_of(words, environment, folder))
            took, in_phases = run_of(folder)
            runs.append(took - seconds[LIBRARIES][-1])
            around.append(runs[-1] - in_phases)
    medians = {command: statistics.median(times) for command, times in seconds.items()}
    bare = medians["python -c pass"]
    print(f"CPU seconds, medians of {repeats} interleaved repeats\n")
    print("| command | ms of CPU | × bare Python | limit |\n|---|---:|---:|---:|")
    for command, median in medians.items():
        print(f"| `{command}` | {median * 1e3:.0f} | {median / bare:.1f} | {LIMITS.get(command, '')} |")
    print(f"\n| {SIDE} × {SIDE} GeoTIFF, {STEPS} steps | s of CPU above the libraries | limit |")
    print("|---|---:|---:|")
    print(f"| whole run | {statistics.median(runs):.2f} | {RUN_LIMIT} |")
    print(f"| of it, all but load, run and save | {statistics.median(around):.2f} | {AROUND_LIMIT} |")


if __name__ == "__main__":
    main()
