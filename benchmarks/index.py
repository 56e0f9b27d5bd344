"""Measure the index of records: ingest, ingest again, lists and searches; print two markdown tables.

Processes that take turns, medians; of searches the median of many calls in one process.

    python benchmarks/index.py
    python benchmarks/index.py --records 1000 --rows 10000
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import statistics
import tempfile
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from records import DISSMODEL, make, seconds_of

from dissmodel.experiment import index as indexed
from dissmodel.experiment.index import Entry, RecordIndex, Scope, search
from dissmodel.record.scan import Summary

CALLS = 50
BATCH = 5000
SCOPE = Scope("", "/runs/")
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
SEARCHES: Mapping[str, tuple[Mapping[str, Any], float | None]] = {
    "a page by model and time": ({"model": "model-3", "since": BEGAN + timedelta(days=30)}, 50),
    "a page by two parameters that many have": ({"parameters": {"rate": 0.011, "on": True}}, 150),
    "a page by two parameters that few have together": ({"parameters": {"number": 7, "kind": "k7"}}, 150),
    "a page by two parameters that none has together": ({"parameters": {"parity": 0, "odd": True}}, 150),
    "the latest": ({}, None),
    "by input": ({"input": f"{5:064}"}, None),
}


def generate(index: RecordIndex, count: int) -> None:
    """Fill an index with rows, as if so many records had been read."""
    chance = random.Random(0)  # noqa: S311  (rows, no secrets)
    with index.writing() as db:
        for start in range(0, count, BATCH):
            read = {}
            for number in range(start, min(start + BATCH, count)):
                summary = Summary(
                    experiment_id=f"{number:032x}",
                    created_at=BEGAN + timedelta(minutes=number),
                    model_name=f"model-{number % 10}",
                    status="completed" if number % 20 else "failed",
                    parameters={
                        "rate": 0.011,
                        "on": number % 3 != 0,
                        "number": chance.randrange(1000),
                        "kind": f"k{chance.randrange(100)}",
                        "parity": number % 2,
                        "odd": number % 2 == 1,
                    },
                    artifacts={"output": f"{number:064x}"},
                )
                read[f"/runs/r{number}.record.json"] = Entry("1", summary, f"sha256:{number:064x}")
            with indexed.transaction(db):
                indexed.write(db, SCOPE, read)
        with indexed.transaction(db):
            indexed.set_whole(db, SCOPE, is_whole=True)


def measure_commands(count: int, repeats: int, folder: Path) -> None:
    """Print the table of commands."""
    make(folder / "runs", count)
    os.environ["DISSMODEL_DATA"] = str(folder / "data")
    commands = {
        "record list runs": ("record", "list", "runs"),
        "ingest runs": ("ingest", "runs"),
        "ingest runs, again": ("ingest", "runs"),
        "record list runs --index": ("record", "list", "runs", "--index"),
    }
    found: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(repeats):
        shutil.rmtree(folder / "data", ignore_errors=True)
        for name, words in commands.items():
            found[name].append(seconds_of((*DISSMODEL, *words), folder)[1])
    size = (folder / "data" / "index.db").stat().st_size
    print(f"{count:,} records; the index has {size / 1e6:.0f} MB. Medians of {repeats} interleaved repeats\n")
    first = statistics.median(next(iter(found.values())))
    print("| command | s of CPU | × the first |\n|---|---:|---:|")
    for name, times in found.items():
        print(f"| `{name}` | {statistics.median(times):.2f} | {statistics.median(times) / first:.2f} |")


def measure_searches(count: int, folder: Path) -> None:
    """Print the table of searches."""
    index = RecordIndex(folder / "generated.db")
    generate(index, count)
    print(f"\n| search among {count:,} | ms of CPU | rows | limit, ms |\n|---|---:|---:|---:|")
    for name, (filters, limit) in SEARCHES.items():
        times = []
        for _ in range(CALLS):
            began = time.process_time()
            page = search(index, scope=SCOPE, **filters)
            times.append((time.process_time() - began) * 1000)
        print(f"| {name} | {statistics.median(times):.1f} | {len(page.rows)} | {limit or ''} |")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--records", type=int, default=10_000)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        measure_commands(given.records, given.repeats, Path(name))
        measure_searches(given.rows, Path(name))


if __name__ == "__main__":
    main()
