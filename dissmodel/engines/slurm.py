"""Tasks in jobs of Slurm: a Dask cluster whose scheduler is in this process and whose workers are jobs."""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import shlex
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, cast

from dissmodel import process, temporary
from dissmodel.config import UserSettings
from dissmodel.engines.cluster import Cluster
from dissmodel.engines.engine import EngineLost
from dissmodel.engines.existing import load_distributed
from dissmodel.engines.threads import thread_variables
from dissmodel.errors import MissingModule, UsageError, disk_errors, extra_hint
from dissmodel.inherited import current_folder
from dissmodel.printable import printable

if TYPE_CHECKING:
    from distributed import Security

_PATIENCE_S = 60.0
_COUNT_S = 10.0
_LONGEST = 2000
_NAME = "dissmodel"
_QUEUED = "PENDING,CONFIGURING,RUNNING,SUSPENDED"
_SCRIPT = """#!/bin/sh
{lines}
folder={folder}
export {variables}
exec {python} -P -m distributed.cli.dask_worker --scheduler-file "$folder/scheduler.json" \\
  --tls-ca-file "$folder/ca.pem" --tls-cert "$folder/cert.pem" --tls-key "$folder/key.pem" \\
  --nthreads 1 --memory-limit 0 --death-timeout 60 --no-nanny --no-dashboard --dashboard-address 127.0.0.1:0
"""
# It waits for the end of this process, however that ends, and cancels the jobs.
_GUARD = """
import os, subprocess, sys, time
os.read(0, 1)
for _ in range(5):
    if not subprocess.run(sys.argv[1:]).returncode:
        break
    time.sleep(2)
"""


class Slurm(Cluster):
    """So many jobs of Slurm, each a worker; a job that ends is replaced.

    What the workers need lies in a folder that only this user may enter: certificates that are made for this
    engine alone, the scheduler's address and the jobs' script and logs. `settings` has the jobs' options;
    `environ` is the environment of sbatch, which passes it on to the jobs.

    Raises UsageError if Slurm is not installed, or takes no such jobs; EngineLost if they end before they
    become workers.
    """

    patience = math.inf  # jobs may wait in a queue for days

    def __init__(
        self, workers: int | None, threads: int, settings: UserSettings, environ: Mapping[str, str]
    ) -> None:
        if workers is None:
            raise UsageError(
                "How many workers Slurm shall start isn't said.", "Add it: --workers 20", code="workers"
            )
        self._number = workers
        self._settings, self._environ = settings, environ
        self._sbatch, self._squeue, self._scancel = _programs()
        self._name = f"{_NAME}-{token_hex(6)}"
        self._counted = 0.0
        self._ended = 0  # jobs that ended since a worker came
        self._known = 0  # workers that came before
        super().__init__("slurm", _new_certificates(), workers, threads)

    @contextlib.asynccontextmanager
    async def _scheduler(self) -> AsyncIterator[str]:
        from distributed import Scheduler  # noqa: PLC0415  (an extra)

        self.name = f"{self._number} jobs of Slurm"
        with self._shared_folder() as self._folder:
            self._write_files()
            scheduler = Scheduler(
                protocol="tls",
                interface=self._settings.text("slurm.interface"),
                security=self._security,
                scheduler_file=str(self._folder / "scheduler.json"),
                dashboard=False,
                dashboard_address="127.0.0.1:0",
            )
            async with scheduler:
                with self._cancelled_at_end():
                    why = await self._start(self._number)
                    if why:
                        raise UsageError(
                            f"sbatch starts no jobs: {why}",
                            "Look at the settings slurm.*: dissmodel config show",
                            code="sbatch",
                        )
                    yield scheduler.address

    async def _look_after(self) -> None:
        """Replace jobs that ended."""
        if time.monotonic() - self._counted < _COUNT_S:
            return
        self._counted = time.monotonic()
        words = [self._squeue, "--noheader", "--array", f"--name={self._name}", f"--states={_QUEUED}"]
        said = await self._finished([*words, "--format=%i"])
        if said.code:  # Slurm is busy: next time
            return
        if self._accepted > self._known:
            self._ended = 0
            self._known = self._accepted
        missing = self._number - len(said.out.split())
        self._ended += missing
        why = await self._start(missing) if missing > 0 else ""
        if self._ended > 2 * self._number and not self._running:
            raise EngineLost(
                f"Jobs of Slurm end before they become workers. The last said: {why or self._last_log()}",
                "Look at the settings slurm.*: dissmodel config show",
                code="jobs_end",
            )

    async def _start(self, number: int) -> str:
        """Start jobs; return why not, or nothing."""
        options = {"partition": "partition", "time": "time", "mem": "memory"}
        given = {option: self._settings.text(f"slurm.{name}") for option, name in options.items()}
        words = [f"--job-name={self._name}", f"--array=1-{number}", "--ntasks=1", "--no-requeue"]
        words += [f"--cpus-per-task={self._threads}", f"--output={self._folder}/%A_%a.log"]
        words += [f"--{option}={value}" for option, value in given.items() if value]
        said = await self._finished([self._sbatch, *words, str(self._folder / "worker.sh")])
        return printable(said.err.strip()[:_LONGEST]) or "it failed" if said.code else ""

    @contextlib.contextmanager
    def _shared_folder(self) -> Iterator[Path]:
        parent = Path(self._settings.text("slurm.folder") or self._settings.data_dir).expanduser()
        hint = "Set another: dissmodel config set slurm.folder FOLDER"
        with contextlib.ExitStack() as stack:
            with disk_errors(f"{parent} can't be written", hint):
                parent.mkdir(parents=True, exist_ok=True)
                folder = stack.enter_context(temporary.new_folder(parent))
            yield folder

    def _write_files(self) -> None:
        for name, field in {"ca": "ca_file", "cert": "worker_cert", "key": "worker_key"}.items():
            text = getattr(self._security, f"tls_{field}")
            (self._folder / f"{name}.pem").write_text(text, encoding="ascii")
        lines = cast("tuple[str, ...]", self._settings.value("slurm.lines") or ())
        script = _SCRIPT.format(
            lines="\n".join(lines),
            variables=" ".join(f"{name}={value}" for name, value in thread_variables(self._threads).items()),
            python=shlex.quote(sys.executable),
            folder=shlex.quote(str(self._folder)),
        )
        (self._folder / "worker.sh").write_text(script, encoding="utf-8")

    @contextlib.contextmanager
    def _cancelled_at_end(self) -> Iterator[None]:
        """Cancel all jobs after the block, and when this process is killed."""
        guard = subprocess.Popen(  # noqa: S603  (our own words)
            [sys.executable, "-I", "-S", "-c", _GUARD, self._scancel, f"--name={self._name}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=self._environ,
            start_new_session=True,
        )
        assert guard.stdin is not None
        try:
            yield
        finally:
            guard.stdin.close()
            guard.wait()

    async def _finished(self, words: Sequence[str]) -> process.Ended:
        """Run a program of Slurm."""
        folder = current_folder() or Path.home()
        try:
            return await asyncio.to_thread(
                process.finished, words, env=self._environ, patience=_PATIENCE_S, folder=folder
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return process.Ended(1, b"", str(error))

    def _last_log(self) -> str:
        """Return the end of the latest log of a job."""
        logs = sorted(self._folder.glob("*.log"), key=lambda path: path.stat().st_mtime)
        text = logs[-1].read_bytes()[-_LONGEST:].decode(errors="replace") if logs else ""
        return printable(text.strip()) or "nothing"


def check_slurm() -> None:
    """Ask Slurm for jobs, and start none.

    Raises UsageError if Slurm or a package is not installed; EngineLost if it does not answer.
    """
    load_distributed()
    words = [_programs()[1], "--noheader", f"--name={_NAME}"]
    try:
        said = process.finished(words, env=os.environ, patience=_COUNT_S, folder=Path.home())
    except (OSError, subprocess.TimeoutExpired) as error:
        said = process.Ended(1, b"", str(error))
    if said.code:
        why = printable(said.err.strip()[:_LONGEST]) or "it failed"
        raise EngineLost(f"Slurm doesn't answer: {why}", "Look at it: sinfo", code="no_slurm_controller")


def _programs() -> tuple[str, str, str]:
    return _program("sbatch"), _program("squeue"), _program("scancel")


def _program(name: str) -> str:
    found = process.installed_program(name)
    if found is None:
        raise UsageError(
            f"This machine has no program {name}, which Slurm brings.",
            "Use it where jobs are submitted, or give the address of a Dask cluster: --cluster tcp://HOST:8786",
            code="no_slurm",
        )
    return found


def _new_certificates() -> Security:
    from distributed import Security  # noqa: PLC0415  (an extra)

    try:
        return Security.temporary()
    except ImportError as error:
        raise MissingModule(
            "Workers of Slurm need the package cryptography.", extra_hint("cryptography")
        ) from error
