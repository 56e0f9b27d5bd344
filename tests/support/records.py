"""Records of runs that never were."""

from dissmodel.record import ExperimentRecord, store


def leave(path, **fields):
    """Write the record of a run that completed, its folders too; return the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    store.write(ExperimentRecord(**{"model_name": "coast", "status": "completed", **fields}), path)
    return path
