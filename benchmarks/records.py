"""Measure lists and chains of records against a bare `json.load` of each; print a markdown table.

Wall and CPU seconds of processes that take turns, medians: a busy machine moves both sides alike.

    python benchmarks/records.py
    python benchmarks/records.py --records 1000 --repeats 9
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from dissmodel.record import Artifact, Code, DataSource, ExperimentRecord, Package, Runtime, store
from dissmodel.record.digest import sha256_bytes

PER_FOLDER = 500
PACKAGES = 180  # with them a record has 25 kB
CHAIN = 10
DISSMODEL = (sys.executable, str(Path(sys.executable).with_name("dissmodel")))
BARE = """
import json, pathlib
for path in pathlib.Path("runs").rglob("*.record.json"):
    json.loads(path.read_bytes())
"""
LIMITS = {"record list": 5, "record show --lineage": 10}


def record_of(number: int) -> ExperimentRecord:
    """Return a record as a run leaves it; every tenth begins a chain, the others continue it."""
    output, made = sha256_bytes(f"output {number}".encode()), number % CHAIN != 0
    before = sha256_bytes(f"output {number - 1}".encode() if made else b"grid")
    names = ("end_time", "sea_level_rise_rate", "tide_height", "resolution", "crs", "accretion_enabled")
    return ExperimentRecord(
        experiment_id=sha256_bytes(f"run {number}".encode())[:32],
        created_at=datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=number),
        model_name="coastal_raster",
        source=DataSource(uri="/data/grid.zip", checksum=before, size=5928),
        parameters=dict(zip(names, (number, 0.011, 6.0, None, None, False), strict=True)),
        parameter_origin=dict(zip(names, ("command line", *("default",) * 5), strict=True)),
        output_path=f"r{number}.tif",
        artifacts={"output": output},
        files={"output": Artifact(path=f"r{number}.tif", size=5951, sha256=output)},
        status="completed",
        runtime=Runtime(
            python="3.11.7",
            implementation="CPython",
            platform="Linux-6.18-x86_64",
            os="Debian GNU/Linux 12 (bookworm)",
            machine="x86_64",
            dissmodel=Code(package="dissmodel", version="0.7.0"),
            packages={f"package-{n:03}": Package(version=f"{n % 7}.{n % 10}.{n}") for n in range(PACKAGES)},
        ),
        step_metrics={name: [number / 7] * 20 for name in ("sea_level", "sources", "flooded", "total")},
        derived_from=sha256_bytes(f"run {number - 1}".encode())[:32] if made else None,
    )


def make(folder: Path, count: int) -> int:
    """Write the records and return the size of one."""
    for number in range(count):
        place = folder / f"{number // PER_FOLDER:03}"
        place.mkdir(parents=True, exist_ok=True)
        # Not `store.write`: it waits for the disk each time.
        path = place / f"r{number}.record.json"
        path.write_bytes(store.document_and_bytes(record_of(number), path)[1])
    return (folder / "000" / "r0.record.json").stat().st_size


def seconds_of(words: Sequence[str], folder: Path) -> tuple[float, float]:
    """Return the wall and the CPU seconds of a process."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(words, cwd=folder, check=True, stdout=subprocess.DEVNULL, env=dict(os.environ))
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--records", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    last = given.records - 1
    record = Path("runs", f"{last // PER_FOLDER:03}", f"r{last}.record.json")
    commands: dict[str, Sequence[str]] = {
        "json.loads": (sys.executable, "-c", BARE),
        "record list": (*DISSMODEL, "record", "list", "runs"),
        "record show --lineage": (
            *DISSMODEL,
            *("record", "show", str(record), "--lineage", "--records", "runs"),
        ),
    }
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
    with tempfile.TemporaryDirectory() as name:
        size = make(Path(name, "runs"), given.records)
        for _ in range(given.repeats):
            for command, words in commands.items():
                found[command].append(seconds_of(words, Path(name)))
    medians = {
        name: [statistics.median(column) for column in zip(*times, strict=True)]
        for name, times in found.items()
    }
    bare = medians["json.loads"][1]
    print(
        f"{given.records} records of {size / 1000:.0f} kB, medians of {given.repeats} interleaved repeats\n"
    )
    print("| command | s | s of CPU | × json.loads | limit, s |\n|---|---:|---:|---:|---:|")
    for name, (wall, cpu) in medians.items():
        print(f"| `{name}` | {wall:.1f} | {cpu:.1f} | {cpu / bare:.1f} | {LIMITS.get(name, '')} |")


if __name__ == "__main__":
    main()
