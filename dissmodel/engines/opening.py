"""From what a user says to the engine that runs the tasks."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from dissmodel.config import UserSettings
from dissmodel.engines.engine import Engine
from dissmodel.errors import UsageError


@contextmanager
def open_engine(
    where: str | None,
    workers: int | None,
    threads: int,
    settings: UserSettings,
    environ: Mapping[str, str] | None = None,
) -> Iterator[Engine]:
    """Open an engine; after the block it is closed, and what it started has ended.

    Parameters
    ----------
    where : str, optional
        By default processes of this machine. ``"here"``: this process. ``tcp://HOST:PORT``,
        ``tls://HOST:PORT`` or the path of a scheduler file: a Dask cluster that runs. ``"slurm"``: jobs of
        Slurm.
    workers : int, optional
        How many workers may have a task at a time: as many as there are processors, by default, or as the
        cluster has. Slurm has to be told.
    threads : int
        How many threads the libraries in each worker may use.
    settings : UserSettings
        Has the certificates of a cluster, and the options of Slurm's jobs.
    environ : mapping of str to str, optional
        The environment that jobs of Slurm get; by default that of this process.

    Raises
    ------
    UsageError
        If there is no such place, a worker has other versions than this process (code
        ``"worker_versions"``), or a package is missing.
    EngineLost
        If the cluster can't be reached or has no workers.
    """
    engine = _opened(where, workers, threads, settings, os.environ if environ is None else environ)
    try:
        yield engine
    except BaseException:
        engine.shutdown(wait=False, cancel_futures=True)
        raise
    engine.shutdown()


def _opened(
    where: str | None, workers: int | None, threads: int, settings: UserSettings, environ: Mapping[str, str]
) -> Engine:
    if workers is not None and workers < 1:
        raise UsageError(f"{workers} workers can do no task.", "Give 1 or more: --workers 2")
    if where is None:
        from dissmodel.engines.processes import Processes  # noqa: PLC0415  (help doesn't need it)

        return Processes(workers or _processors(), threads)
    if where == "here":
        from dissmodel.engines.here import Here  # noqa: PLC0415  (as above)

        return Here()
    from dissmodel.engines import existing  # noqa: PLC0415  (as above)

    existing.load_distributed()
    if where == "slurm":
        from dissmodel.engines.slurm import Slurm  # noqa: PLC0415  (as above)

        return Slurm(workers, threads, settings, environ)
    return existing.existing_cluster(where, workers, threads, settings)


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
