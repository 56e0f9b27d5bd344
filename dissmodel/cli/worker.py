"""``dissmodel worker``."""

from __future__ import annotations

from typing import Annotated

import typer


def worker(
    jobs: Annotated[
        int, typer.Option(min=1, max=256, envvar="WORKER_CONCURRENCY", help="How many jobs to run at once.")
    ] = 1,
    drain: Annotated[bool, typer.Option("--drain", help="End as soon as no job waits.")] = False,
) -> None:
    """Run the jobs that were submitted to the service.

    Each runs in a process of its own, without credentials: on this machine, or in the Dask cluster or Slurm
    that service.engine names. The worker fetches its input, puts the result into the place, and installs
    packages that the setting trust names. SIGTERM: no new job; what runs has 50 s to end, else another worker
    does it. The log is on standard error, one JSON object a line.

    Example: dissmodel worker --drain
    """
    from dissmodel.service.logs import log_to
    from dissmodel.service.settings import ServiceSettings
    from dissmodel.service.worker import work

    settings = ServiceSettings.load()
    log_to()
    work(settings, jobs=jobs, drain=drain)
