"""Where many tasks run: this process, processes here, a Dask cluster, Slurm.

An engine is a `concurrent.futures.Executor` and knows nothing of models. It moves a function and its
arguments, which can be pickled, to a worker and brings the small result back; what is large lies in files.
"""

from dissmodel.engines.engine import Engine, EngineLost, WorkerLost
from dissmodel.engines.opening import check_slurm, open_engine
from dissmodel.engines.shared_folder import check_shared

__all__ = ["Engine", "EngineLost", "WorkerLost", "check_shared", "check_slurm", "open_engine"]
