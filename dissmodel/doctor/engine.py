"""Whether the engine of the service's jobs can be reached."""

from __future__ import annotations

from dissmodel.config import UserSettings
from dissmodel.engines import check_shared, open_engine
from dissmodel.engines.slurm import check_slurm
from dissmodel.executor.findings import Collector


def look_at_engine(found: Collector, settings: UserSettings) -> None:
    """Find out whether the engine answers, and whether a worker of a Dask cluster shares the scratch folder.

    Slurm is only asked whether it answers: its workers come with the first job.
    """
    where = settings.service_engine
    if where == "slurm":
        check_slurm()
        found.add("ok", "Slurm answers")
        return
    with open_engine(where, None, 1, settings) as engine:
        scratch = settings.service_scratch
        folder = next(one for one in (scratch, *scratch.parents) if one.exists())
        check_shared(engine, folder, "service.scratch")
        found.add("ok", f"{engine.name} answers, has a worker, and shares {folder}")
