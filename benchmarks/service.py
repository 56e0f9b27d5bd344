"""Measure the service under a load: submissions while workers run, CPU, event streams, memory. Linux.

A real `dissmodel serve` with its workers on loopback, state and results in a folder; clients submit runs of
60 by 60 cells, each with a parameter of its own. The CPU of a job is that of the workers and of all that they
start, beside the CPU of `dissmodel run` on the same input.

    python benchmarks/service.py
    python benchmarks/service.py --experiments 100 --clients 8 --workers 2 --streams 50
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import importlib.util
import json
import os
import re
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

MAKER = Path(__file__).resolve().parents[1] / "examples" / "coast" / "make_coast.py"
DISSMODEL = (sys.executable, "-m", "dissmodel")
SIDE, STEPS, RUNS = 60, 5, 5
START_S, LOOK_S, STREAM_S, LEAST_S = 120, 1.0, 3600, 600
LIMITS = {"median": 50, "p99": 500, "cpu": 1.5, "memory": 200}


def make_coast() -> ModuleType:
    """Return the example's maker of grids."""
    spec = importlib.util.spec_from_file_location("make_coast", MAKER)
    assert spec is not None and spec.loader is not None  # noqa: PT018  (a file)
    module = sys.modules["make_coast"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@dataclass
class Client:
    """One connection to the API, which stays open."""

    host: str
    connection: http.client.HTTPConnection = field(init=False)

    def __post_init__(self) -> None:
        self.connection = http.client.HTTPConnection(self.host, timeout=60)

    def ask(self, method: str, path: str, body: bytes = b"", kind: str = "application/json") -> Any:
        """Return the JSON of an answer, which has to be a 200."""
        self.connection.request(method, path, body, {"Content-Type": kind} if body else {})
        answer = self.connection.getresponse()
        text = answer.read()
        if answer.status != http.client.OK:
            raise SystemExit(f"{method} {path}: {answer.status} {text[:300]!r}")
        return json.loads(text)


@dataclass
class Measured:
    """What was measured: seconds of each POST, and of the processes."""

    posts: list[float]
    jobs: list[str]
    seconds: float = 0
    completed: int = 0
    events: int = 0
    ended_streams: int = 0
    api_cpu: float = 0
    api_memory: float = 0
    worker_cpu: float = 0


def children_cpu() -> float:
    """Return the CPU seconds of the processes that have ended, and of all that those waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def cpu_of(pid: int) -> float:
    """Return the CPU seconds of a process that runs."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_of(pid: int) -> float:
    """Return the most megabytes that a process has had in memory."""
    text = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return int(re.findall(r"VmHWM:\s+(\d+) kB", text)[0]) / 1000


@contextlib.contextmanager
def serving(folder: Path, workers: int) -> Iterator[tuple[int, str]]:
    """Serve for the block; yield the number of the process and where it listens."""
    words = [*DISSMODEL, "serve", "--port", "0", "--workers", str(workers)]
    with (folder / "log").open("wb") as log, subprocess.Popen(words, cwd=folder, stderr=log) as process:
        try:
            until = time.monotonic() + START_S
            while not (said := re.search(r"http://(\S+)", (folder / "log").read_text(encoding="utf-8"))):
                if process.poll() is not None or time.monotonic() > until:
                    raise SystemExit((folder / "log").read_text(encoding="utf-8"))
                time.sleep(0.1)
            yield process.pid, said[1]
        finally:
            process.send_signal(signal.SIGTERM)


def upload(client: Client, path: Path) -> str:
    """Upload the input; return its URI."""
    mark = "benchmark-boundary"
    part = '--{}\r\nContent-Disposition: form-data; name="{}"{}\r\n\r\n'
    body = part.format(mark, "label", "").encode() + b"coast\r\n"
    body += part.format(mark, "file", f'; filename="{path.name}"').encode() + path.read_bytes()
    body += f"\r\n--{mark}--\r\n".encode()
    return str(client.ask("POST", "/data/upload", body, f"multipart/form-data; boundary={mark}")["uri"])


def submit(host: str, uri: str, numbers: range) -> tuple[list[float], list[str]]:
    """Submit experiments one after the other; return the seconds of each POST, and the ids."""
    client, seconds, jobs = Client(host), [], []
    for number in numbers:
        body = {"model_name": "coastal_raster", "input_dataset": uri, "input_format": "tiff"}
        body["parameters"] = {"end_time": STEPS, "sea_level_rise_rate": 0.01 + number / 1e6}
        began = time.perf_counter()
        jobs.append(str(client.ask("POST", "/submit_job", json.dumps(body).encode())["job_id"]))
        seconds.append(time.perf_counter() - began)
    return seconds, jobs


def wait_for(host: str, job: str) -> None:
    """Wait until a job has completed."""
    until = time.monotonic() + LEAST_S
    while (status := Client(host).ask("GET", f"/job/{job}")["status"]) != "completed":
        if status == "failed" or time.monotonic() > until:
            raise SystemExit(f"the job {job} is {status}")
        time.sleep(LOOK_S)


def listen(host: str, job: str, measured: Measured, lock: threading.Lock) -> None:
    """Read the events of a job until the stream ends."""
    connection = http.client.HTTPConnection(host, timeout=STREAM_S)
    connection.request("GET", f"/jobs/{job}/events")
    answer = connection.getresponse()
    count = sum(line.startswith(b"event:") for line in answer)
    with lock:
        measured.events += count
        measured.ended_streams += 1


def measure(given: argparse.Namespace, folder: Path) -> Measured:
    """Serve, submit, listen, and wait until all have ended."""
    before = children_cpu()
    with serving(folder, given.workers) as (pid, host):
        uri = upload(Client(host), folder / "grid.tif")
        for job in submit(host, uri, range(-given.workers, 0))[1]:  # until the workers have started
            wait_for(host, job)
        began = time.perf_counter()
        with ThreadPoolExecutor(given.clients) as pool:
            parts = [range(start, given.experiments, given.clients) for start in range(given.clients)]
            answers = [future.result() for future in [pool.submit(submit, host, uri, part) for part in parts]]
        measured = Measured(
            [one for seconds, _ in answers for one in seconds], [job for _, jobs in answers for job in jobs]
        )
        lock = threading.Lock()
        listeners = [
            threading.Thread(target=listen, args=(host, job, measured, lock), daemon=True)
            for job in measured.jobs[: given.streams]
        ]
        for listener in listeners:
            listener.start()
        until = time.monotonic() + LEAST_S + 10 * given.experiments
        while measured.completed < given.experiments + given.workers and time.monotonic() < until:
            time.sleep(LOOK_S)
            client = Client(host)  # the server closes what is idle
            totals = {
                status: client.ask("GET", f"/jobs?limit=1&status={status}")["total"]
                for status in ("completed", "failed")
            }
            if totals["failed"]:
                raise SystemExit((folder / "log").read_text(encoding="utf-8")[-3000:])
            measured.completed = totals["completed"]
        measured.seconds = time.perf_counter() - began
        for listener in listeners:
            listener.join(10)
        measured.api_cpu, measured.api_memory = cpu_of(pid), peak_of(pid)
    measured.worker_cpu = children_cpu() - before - measured.api_cpu
    return measured


def cpu_of_a_run(folder: Path) -> float:
    """Return the median CPU seconds of `dissmodel run` on the same input."""
    found = []
    for number in range(RUNS + 1):
        words = [*DISSMODEL, "run", "coastal_raster", "-i", "grid.tif", "-o", f"r{number}.tif", "-q"]
        before = children_cpu()
        subprocess.run([*words, "-p", f"end_time={STEPS}"], cwd=folder, check=True)
        found.append(children_cpu() - before)
    return statistics.median(found[1:])  # the first compiles


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--experiments", type=int, default=1000)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--streams", type=int, default=50)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for variable in ("DATA", "CACHE", "CONFIG"):
            os.environ[f"DISSMODEL_{variable}"] = str(folder / variable.lower())
        os.environ["NUMBA_CACHE_DIR"] = str(folder / "numba")
        make_coast().main(["--rows", str(SIDE), "--cols", str(SIDE), "--output", str(folder / "grid.tif")])
        alone = cpu_of_a_run(folder)
        found = measure(given, folder)
    posts = sorted(found.posts)
    per_run = found.worker_cpu / found.completed
    rows = (
        ("POST, median, ms", f"{statistics.median(posts) * 1000:.1f}", LIMITS["median"]),
        ("POST, 99 of 100, ms", f"{posts[int(len(posts) * 0.99)] * 1000:.1f}", LIMITS["p99"]),
        ("CPU of `dissmodel run`, s", f"{alone:.2f}", ""),
        ("CPU of a job, workers and children, s", f"{per_run:.2f}", ""),
        ("the same, × `dissmodel run`", f"{per_run / alone:.2f}", LIMITS["cpu"]),
        ("CPU of the API for each job, s", f"{found.api_cpu / found.completed:.3f}", ""),
        ("memory of the API at the most, MB", f"{found.api_memory:.0f}", LIMITS["memory"]),
        (
            f"event streams of {given.streams} that ended with their job",
            str(found.ended_streams),
            given.streams,
        ),
        ("jobs an hour", f"{found.completed / found.seconds * 3600:.0f}", ""),
    )
    print(f"{given.experiments} experiments, {given.clients} clients, {given.workers} workers\n")
    print("| measured | | limit |\n|---|---:|---:|")
    for what, value, limit in rows:
        print(f"| {what} | {value} | {limit} |")


if __name__ == "__main__":
    main()
