"""The one way to run a model."""

from __future__ import annotations

import time
from typing import Any

from dissmodel import progress
from dissmodel.executor.model_executor import ModelExecutor
from dissmodel.record import ExperimentRecord

PHASES = ("validate", "load", "run", "save")


def execute_lifecycle(
    executor: ModelExecutor, record: ExperimentRecord
) -> tuple[ExperimentRecord, dict[str, float]]:
    """Validate, load, run and save, each phase timed and announced to the current reporter.

    Returns
    -------
    record : ExperimentRecord
        What ``save`` returned; its ``metrics`` hold the timings.
    timings : dict of str to float
        ``time_{validate,load,run,save,total}_sec``, seconds rounded to milliseconds.

    Raises
    ------
    Exception
        Whatever the executor raised, unchanged. The timings of the phases that began are then in
        the metrics of the record that was given.
    TypeError
        If ``save`` returns something that is not a record.
    """
    timings: dict[str, float] = {}
    data: Any = None
    result: Any = None
    saved: Any = None
    began = time.perf_counter()
    try:
        for phase in PHASES:
            progress.current().phase(phase)
            phase_began = time.perf_counter()
            try:
                match phase:
                    case "validate":
                        executor.validate(record)
                    case "load":
                        data = executor.load(record)
                    case "run":
                        # The input may be large: only the model decides how long it is kept.
                        result, data = executor.run(data, record), None
                    case "save":
                        saved = executor.save(result, record)
            finally:
                timings[f"time_{phase}_sec"] = round(time.perf_counter() - phase_began, 3)
        if not isinstance(saved, ExperimentRecord):
            raise TypeError(
                f"{type(executor).__name__}.save returned {type(saved).__name__}, not the record."
            )
    except BaseException:
        timings["time_total_sec"] = round(time.perf_counter() - began, 3)
        record.metrics = {**record.metrics, **timings}
        raise
    timings["time_total_sec"] = round(time.perf_counter() - began, 3)
    saved.metrics = {**saved.metrics, **timings}
    return saved, timings
