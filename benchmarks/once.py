"""Measure whole commands against the libraries that they need, and against an older checkout; print a table.

CPU seconds (user and system) of processes that take turns, medians: a busy machine moves all alike.

    python benchmarks/once.py
    python benchmarks/once.py --before ../older-checkout
    python benchmarks/once.py --side 1000 --repeats 3
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from startup import DISSMODEL, MAKE_COAST, cpu_of

PYOGRIO = (
    "import pyogrio; frame = pyogrio.read_dataframe('{0}.gpkg', use_arrow=True); "
    "pyogrio.write_dataframe(frame, 'written.gpkg', use_arrow=True)"
)
Case = tuple[str, Sequence[str], str, float | None, str]


def run(model: str, name: str, output: str, steps: int) -> Sequence[str]:
    """Return the words of a run."""
    return (
        *DISSMODEL,
        "run",
        model,
        "-i",
        name,
        "-o",
        output,
        "-p",
        f"end_time={steps}",
        "-q",
        "--overwrite",
    )


def python(code: str) -> Sequence[str]:
    """Return the words of a program."""
    return (sys.executable, "-c", code)


def cases(side: int) -> list[Case]:
    """Return what is measured: name, words, name of the opponent, limit, name of what is subtracted."""
    return [
        ("from pydantic import BaseModel", python("from pydantic import BaseModel"), "", None, ""),
        (
            "import dissmodel.record",
            python("import dissmodel.record"),
            "from pydantic import BaseModel",
            1.2,
            "",
        ),
        ("the libraries", python("import numpy, rasterio, pydantic, typer"), "", None, ""),
        ("dissmodel show", (*DISSMODEL, "show"), "the libraries", None, ""),
        (
            "60 × 60, 20 steps",
            run("coastal_raster", "small.tif", "small-r.tif", 20),
            "",
            None,
            "the libraries",
        ),
        ("4000 × 4000, 10 steps", run("coastal_raster", "large.tif", "large-r.tif", 10), "", None, ""),
        ("pyogrio reads and writes the polygons", python(PYOGRIO.format("cells")), "", None, ""),
        (
            f"{side * side:,} polygons, 20 steps",
            run("coastal_vector", "cells.gpkg", "cells-r.gpkg", 20),
            "pyogrio reads and writes the polygons",
            2.0,
            "",
        ),
    ]


def make(folder: Path, side: int) -> None:
    """Write the inputs."""
    for name, size in (("small.tif", 60), ("large.tif", 4000), ("cells.gpkg", side)):
        words = (sys.executable, str(MAKE_COAST), "--rows", str(size), "--cols", str(size), "--output", name)
        subprocess.run(words, cwd=folder, check=True, capture_output=True)


def measured(
    found: Sequence[Case], folder: Path, places: Sequence[str], repeats: int
) -> Mapping[str, list[float]]:
    """Return the median seconds of each case, in each place that dissmodel is imported from."""
    seconds: dict[str, list[list[float]]] = {name: [[] for _ in places] for name, *_ in found}
    for turn in range(repeats + 1):  # the first one compiles
        for name, words, *_ in found:
            for times, place in zip(seconds[name], places, strict=True):
                took = cpu_of(words, {"PYTHONPATH": place}, folder)
                times.extend([took] if turn else [])
    return {name: [statistics.median(times) for times in both] for name, both in seconds.items()}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--side", type=int, default=1000, help="rows and columns of the polygons")
    parser.add_argument("--before", type=Path, help="an older checkout")
    args = parser.parse_args()
    places = [str(Path(__file__).parents[1]), *([str(args.before.resolve())] if args.before else [])]
    found = cases(args.side)
    with tempfile.TemporaryDirectory() as name:
        make(Path(name), args.side)
        medians = measured(found, Path(name), places, args.repeats)
    print(f"CPU seconds, medians of {args.repeats} interleaved repeats\n")
    print("| what | s of CPU | × its libraries | limit | before | × before |\n|---|---:|---:|---:|---:|---:|")
    for name, _, opponent, limit, less in found:
        took = [one - (medians[less][0] if less else 0.0) for one in medians[name]]
        ratio = f"{took[0] / medians[opponent][0]:.2f}" if opponent else ""
        before = f"{took[1]:.2f} | {took[0] / took[1]:.2f}" if args.before else " | "
        what = f"{name}, above the libraries" if less else name
        print(f"| {what} | {took[0]:.2f} | {ratio} | {limit or ''} | {before} |")


if __name__ == "__main__":
    main()
