"""Measure the pages of a service with many experiments: the CPU of an answer, its bytes and its requests.

The experiments are generated: documents of jobs in a folder, and rows of the two caches, as if the service
had run them. The server is a thread of this process, so the times have its client too; medians.

    python benchmarks/pages.py
    python benchmarks/pages.py --experiments 10000
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import re
import socket
import statistics
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from urllib.request import urlopen

import uvicorn
from fastapi import FastAPI
from index import BEGAN

from dissmodel.experiment import index as indexed
from dissmodel.experiment.index import Entry
from dissmodel.experiment.ingest import default_index
from dissmodel.record.scan import Summary
from dissmodel.service.app import create_app
from dissmodel.service.documents import Outcome, Request
from dissmodel.service.jobs import View, document_of, utc
from dissmodel.service.parts import Parts
from dissmodel.service.server import open_service
from dissmodel.service.settings import ServiceSettings
from dissmodel.service.state import Seen

CALLS = 15
PAGES = {
    "the list": "/ui",
    "a page in its middle": "/ui?after={middle}",
    "by a model and a state": "/ui?model=model-3&state=failed",
    "by a model that few have": "/ui?model=rare",
    "by a state that none has": "/ui?state=cancelled",
    "by time": "/ui?since=2026-02-01",
    "by a parameter": "/ui?param=number%3D7",
    "by two parameters and a model": "/ui?param=number%3D7&param=rate%3D0.011&model=model-4",
    "the queue": "/ui/queue",
}


def generate(parts: Parts, folder: Path, count: int) -> str:
    """Write jobs that have ended, and what the caches have of them; return where the middle of them is."""
    chance, middle, rows, read = random.Random(0), "", [], {}  # noqa: S311  (rows, no secrets)
    for number in range(count):
        at, job = BEGAN + timedelta(minutes=number), uuid.UUID(int=chance.getrandbits(128)).hex
        model = "rare" if number % 5000 == 1 else f"model-{number % 10}"
        request = Request(
            experiment_id=job,
            submitted_at=at,
            timeout_s=60,
            model_name=model,
            input="grid.tif",
            parameters={"number": chance.randrange(1000), "rate": 0.011, "kind": f"k{number % 100}"},
        )
        outcome = Outcome(
            status="completed" if number % 21 else "failed", finished_at=at, log=("a line",) * 5
        )
        said, document = request.to_bytes(), document_of(View(request, Seen(outcome)))
        place = folder / "jobs" / job
        place.mkdir(parents=True)
        (place / "request.json").write_bytes(said)
        rows.append((job, utc(at), model, outcome.status, said.decode(), json.dumps(document)))
        summary = Summary(
            experiment_id=job,
            created_at=at,
            model_name=model,
            status="completed",
            parameters=request.parameters,
        )
        read[f"{folder}/experiments/{job}/record.json"] = Entry("1", summary, f"sha256:{number:064x}")
        middle = f"{utc(at)}~{job}" if number == count // 2 else middle
    parts.board._write_all("INSERT INTO job VALUES (?, ?, ?, ?, ?, ?, 1)", rows)  # noqa: SLF001  (as if it had run them)
    scope = parts.indexing._scope  # noqa: SLF001  (as above)
    with default_index().writing() as db, indexed.transaction(db):
        indexed.write(db, scope, read)
        indexed.set_whole(db, scope, is_whole=True)
    return middle


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--experiments", type=int, default=100_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        for variable in ("DATA", "CACHE", "CONFIG"):
            os.environ[f"DISSMODEL_{variable}"] = str(Path(name) / variable.lower())
        service = open_service(ServiceSettings.load())
        app = create_app(service)
        middle = generate(app.state.parts, Path(service.truth.place.uri), given.experiments)
        began = time.process_time()
        app.state.parts.board.refresh(ahead=True)
        listing_s = time.process_time() - began
        with serving(app) as url:
            measure(url, middle, given.experiments)
        print(f"\nTo look for jobs of other servers, beside the pages: {listing_s:.1f} s of CPU each time.")


@contextlib.contextmanager
def serving(app: FastAPI) -> Iterator[str]:
    """Serve in a thread for the block; yield the URL."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


def get(url: str) -> bytes:
    """Return the body of an answer."""
    with urlopen(url) as answer:  # noqa: S310  (ours)
        return bytes(answer.read())


def measure(url: str, middle: str, count: int) -> None:
    """Print the table of pages."""
    print(f"| page, of {count:,} experiments | ms of CPU | rows | kB with what it loads | requests |")
    print("|---|---:|---:|---:|---:|")
    for name, address in PAGES.items():
        times = []
        for _ in range(CALLS):
            began = time.process_time()
            page = get(url + address.format(middle=middle))
            times.append((time.process_time() - began) * 1000)
        loaded = set(re.findall(rb'(?:src|href)="(/ui/static/[^"]+)"', page))
        size = len(page) + sum(len(get(url + one.decode())) for one in loaded)
        rows = page.count(b'<th scope="row">')
        took = statistics.median(times)
        print(f"| {name} | {took:.0f} | {rows} | {size / 1000:.0f} | {len(loaded) + 1} |")
    print("| limit | 200 | | 300 | 15 |")


if __name__ == "__main__":
    main()
