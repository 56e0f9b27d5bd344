"""The engine that a worker's jobs run in, where ``service.engine`` names one."""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from dissmodel import temporary
from dissmodel.config import load_settings
from dissmodel.config.keys import Value
from dissmodel.engines import Engine, EngineLost, WorkerLost, check_shared, open_engine
from dissmodel.engines.slurm import check_slurm
from dissmodel.errors import StorageError, UsageError, disk_errors
from dissmodel.process import STORAGE
from dissmodel.record.known_secrets import is_secret_variable
from dissmodel.record.redact import redact
from dissmodel.service.elsewhere import JobElsewhere
from dissmodel.service.hold import Hold
from dissmodel.service.repeated import repeated
from dissmodel.service.settings import ServiceSettings
from dissmodel.service.task import Task

_LOOK_S, _AGAIN_S = 1.0, 10.0
_IDLE_S = 60.0
_LOG = logging.getLogger(__name__)


class JobEngine:
    """A Dask cluster or Slurm: opened again when it is lost; Slurm has workers only while there are jobs.

    `jobs` is how many jobs may run at once; `is_needed` returns whether a job waits or runs.

    Attributes
    ----------
    given : dict of str to str
        Settings that go before the user's own: environments of packages are where the engine's workers see
        them.
    """

    threads = 1

    def __init__(self, settings: ServiceSettings, jobs: int, is_needed: Callable[[], bool]) -> None:
        self._settings, self._jobs, self._is_needed = settings, jobs, is_needed
        self.given: dict[str, Value] = {"data_dir": str(settings.scratch)}
        self._engine: Engine | None = None
        self._closing = contextlib.ExitStack()
        self._needed = time.monotonic()
        self._is_away = False

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Keep the engine for the block; an engine that is away is waited for.

        Raises
        ------
        UsageError
            If it can't be used as it is set.
        """
        try:
            if self._settings.engine == "slurm":
                check_slurm()
            else:
                self._tend()
        except (StorageError, WorkerLost) as error:
            _LOG.warning("%s %s", error.message, error.hint, extra={"code": error.code})
        bug = "the engine is not looked after"
        try:
            with repeated(self._tend, lambda _took_s: _AGAIN_S if self._is_away else _LOOK_S, bug=bug):
                yield
        finally:
            self._close()

    def has_room(self, jobs: int) -> bool:
        """Return whether one more than so many jobs can run now."""
        engine = self._engine  # another thread may close it
        return engine is not None and not engine.is_lost and jobs < engine.slots

    def start(
        self, task: Task, scratch: Path, *, data_dir: Path, trust: Sequence[str], hold: Hold
    ) -> JobElsewhere:
        """Start a task there, as `JobProcess` does it here.

        Raises
        ------
        EngineLost
            If there is no engine now.
        """
        engine = self._engine
        if engine is not None:
            with contextlib.suppress(RuntimeError):  # it is being closed
                return JobElsewhere(
                    engine, task, scratch, data_dir, trust, hold=hold, lease_s=self._settings.lease_s
                )
        raise EngineLost(f"{self._settings.engine}: the engine was closed just now.")

    def _tend(self) -> None:
        """Open the engine if it is needed, and close it when it is lost or was not needed for a time."""
        is_needed = self._settings.engine != "slurm" or self._is_needed()
        if is_needed:
            self._needed = time.monotonic()
        if self._engine is not None and (self._engine.is_lost or time.monotonic() - self._needed > _IDLE_S):
            self._close()
        if self._engine is None and is_needed:
            self._is_away = True
            self._open()
            self._is_away = False

    def _open(self) -> None:
        where = self._settings.engine
        with contextlib.ExitStack() as stack:
            environ = without_secrets(os.environ)
            engine = stack.enter_context(
                open_engine(where, self._jobs, self.threads, load_settings(), environ)
            )
            with disk_errors(f"{self._settings.scratch} can't be made", "Set another: service.scratch"):
                check_own(self._settings.scratch)
            check_shared(engine, self._settings.scratch, "service.scratch")
            self._closing = stack.pop_all()
        self._engine = engine
        _LOG.info("Jobs run in %s.", engine.name)

    def _close(self) -> None:
        engine, self._engine = self._engine, None
        if engine is not None:
            engine.shutdown(wait=False, cancel_futures=True)
        self._closing.close()


def check_own(folder: Path) -> None:
    """Make the folder of running jobs, or check that it is this user's: code from it is run.

    Raises
    ------
    UsageError
        If it is another user's (code ``"folder_not_own"``).
    OSError
        If it can't be made, or nothing can be made in it.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with temporary.new_folder(folder) as ours:  # over a network this user may have another number
        is_own = folder.lstat().st_uid == ours.stat().st_uid
    if not is_own:
        raise UsageError(
            f"{folder}: this folder is another user's, who could change what jobs run.",
            "Name a folder of your own: dissmodel config set service.scratch FOLDER",
            code="folder_not_own",
        )


def without_secrets(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that a cluster may see: no credentials, and no settings, for they may hold some.

    >>> given = {"PATH": "/bin", "MINIO_SECRET_KEY": "s", "CONFIGS_REPO": "https://me:token@host/models"}
    >>> without_secrets(given | {"SLURM_CONF": "/etc/slurm.conf", "DISSMODEL_SERVICE_QUEUE": "sqlite"})
    {'PATH': '/bin', 'SLURM_CONF': '/etc/slurm.conf'}
    """
    return {
        name: value
        for name, value in environ.items()
        if not (name.startswith(("DISSMODEL_", *STORAGE)) or is_secret_variable(name))
        and redact(value) == value
    }
