"""A Dask cluster on loopback: a scheduler and workers, each started by its own command."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

TESTS = Path(__file__).parents[1]
_WAIT_S = 60
_OPTIONS = ("--host", "127.0.0.1", "--no-dashboard", "--dashboard-address", "127.0.0.1:0")


class DaskCluster:
    """A scheduler and its workers; `certificates` has the paths of CA, certificate and key."""

    def __init__(self, folder, certificates=None):
        self.file = folder / "scheduler.json"
        self.folder = folder
        self.processes = []
        names = ("--tls-ca-file", "--tls-cert", "--tls-key")
        self._tls = [word for pair in zip(names, certificates or (), strict=False) for word in pair]
        self._protocol = ["--protocol", "tls"] if certificates else []
        self.scheduler = self._start(
            "scheduler", "--scheduler-file", self.file, "--port", "0", *self._protocol
        )
        self.address = ""
        self._wait(self._has_address)

    def worker(self, *options, paths=(), **variables):
        """Start a worker, without a nanny unless `options` has one; `paths` come first where it looks."""
        environ = {**variables, "PYTHONPATH": os.pathsep.join(map(str, (*paths, TESTS)))}
        nanny = [] if "--nanny" in options else ["--no-nanny", "--memory-limit", "0"]
        words = ["--scheduler-file", self.file, "--nthreads", "1", "--local-directory", self.folder]
        return self._start("worker", *words, *nanny, *options, **environ)

    def end(self):
        """Kill all that is left."""
        for process in self.processes:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def _start(self, what, *words, **variables):
        log = self.folder / f"{what}-{len(self.processes)}.log"
        with log.open("wb") as stream:
            process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    f"distributed.cli.dask_{what}",
                    *map(str, (*words, *_OPTIONS, *self._tls)),
                ],
                env={**os.environ, **variables},
                stdout=stream,
                stderr=stream,
                start_new_session=True,
            )
        self.processes.append(process)
        return process

    def _has_address(self):
        """Whether the scheduler has written its file, to the end."""
        with contextlib.suppress(OSError, ValueError):
            self.address = json.loads(self.file.read_text())["address"]
        return self.address

    def _wait(self, is_so):
        until = time.monotonic() + _WAIT_S
        while not is_so():
            if time.monotonic() > until:
                raise TimeoutError
            time.sleep(0.05)


@contextlib.contextmanager
def dask_cluster(folder, workers=0, certificates=None):
    """Run a cluster with so many workers."""
    cluster = DaskCluster(folder, certificates)
    try:
        for _ in range(workers):
            cluster.worker()
        yield cluster
    finally:
        cluster.end()


def false_version(folder, package, version):
    """Make a folder that says that another version of a package is installed."""
    place = folder / f"{package}-{version}.dist-info"
    place.mkdir(parents=True)
    (place / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n")
    return folder
