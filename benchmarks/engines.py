"""What each engine costs to start and for each task, beside the process pool of Python's own library.

CPU seconds (user and system) of whole processes with all that they start, the cluster too, medians: the
repeats interleave. The tasks do nothing.

    python benchmarks/engines.py
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from pathlib import Path

from dissmodel.config import load_settings
from dissmodel.engines import open_engine

HERE, POOL, PROCESSES, DASK = "this process", "ProcessPoolExecutor", "processes", "a Dask cluster"
ENGINES = (HERE, POOL, PROCESSES, DASK)
WORKERS, FEW = 2, 10
START_LIMIT_S, TASK_LIMIT_MS = 7.0, 5.0


@contextlib.contextmanager
def cluster(folder: Path) -> Iterator[str]:
    """Run a Dask cluster of a scheduler and the workers; gives its scheduler file."""
    file = folder / "scheduler.json"
    common = ("--scheduler-file", str(file), "--host", "127.0.0.1", "--no-dashboard")
    words = (("scheduler", "--port", "0"), *[("worker", "--nthreads", "1", "--no-nanny")] * WORKERS)
    with contextlib.ExitStack() as stack:
        for name, *options in words:
            command = (sys.executable, "-m", f"distributed.cli.dask_{name}", *options, *common)
            process = subprocess.Popen(
                (*command, "--dashboard-address", "127.0.0.1:0"), stderr=subprocess.DEVNULL
            )
            stack.callback(process.wait)
            stack.callback(process.terminate)
            while not file.exists():
                time.sleep(0.05)
        yield str(file)


def do(executor: Executor, number: int) -> None:
    """Do so many tasks, as many at a time as there are workers."""
    flying: set[Future[int]] = set()
    for _ in range(number):
        if len(flying) == WORKERS:
            flying = wait(flying, return_when=FIRST_COMPLETED).not_done
        flying.add(executor.submit(os.getpid))
    wait(flying)


def do_in(engine: str, number: int) -> None:
    """Start an engine and do so many tasks in it."""
    with contextlib.ExitStack() as stack:
        if engine == POOL:
            spawn = multiprocessing.get_context("spawn")
            do(stack.enter_context(ProcessPoolExecutor(WORKERS, spawn)), number)
            return
        where: str | None = {HERE: "here", PROCESSES: None}.get(engine, "")
        if engine == DASK:
            where = stack.enter_context(cluster(Path(stack.enter_context(tempfile.TemporaryDirectory()))))
        do(stack.enter_context(open_engine(where, WORKERS, 1, load_settings())), number)


def cpu_of(engine: str, number: int) -> float:
    """Return the CPU seconds of a process that starts an engine and does so many tasks."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run((sys.executable, __file__, "--engine", engine, "--tasks", str(number)), check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--tasks", type=int, default=1000)
    parser.add_argument("--engine", choices=ENGINES, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.engine:
        do_in(given.engine, given.tasks)
        return
    few: dict[str, list[float]] = {engine: [] for engine in ENGINES}
    many: dict[str, list[float]] = {engine: [] for engine in ENGINES}
    for _ in range(given.repeats):
        for engine in ENGINES:
            few[engine].append(cpu_of(engine, FEW))
            many[engine].append(cpu_of(engine, FEW + given.tasks))
    base = statistics.median(few[HERE])
    print(f"{WORKERS} workers, {given.tasks} tasks, medians of {given.repeats} interleaved repeats\n")
    print("| engine | to start, CPU s | limit | a task, CPU ms | limit |")
    print("|---|---:|---:|---:|---:|")
    for engine in ENGINES:
        start = statistics.median(few[engine]) - base
        task = statistics.median(b - a for a, b in zip(few[engine], many[engine], strict=True)) / given.tasks
        limits = (f"{START_LIMIT_S:.0f}", f"{TASK_LIMIT_MS:.0f}") if engine == DASK else ("", "")
        print(f"| {engine} | {start:.2f} | {limits[0]} | {task * 1e3:.2f} | {limits[1]} |")


if __name__ == "__main__":
    main()
