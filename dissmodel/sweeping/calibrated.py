"""What a calibration is asked for, and how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dissmodel.sweeping.calibrate_metrics import Direction
from dissmodel.sweeping.calibrate_study import Sampler
from dissmodel.sweeping.folder import SweepFolder
from dissmodel.sweeping.swept import SweepRequest
from dissmodel.sweeping.values import Varied


@dataclass(frozen=True, kw_only=True)
class CalibrateRequest(SweepRequest):
    """What a user asked for: of a sweep's request the plan, the output, where runs run and the consent.

    `plan` is the model and all that is the same in all runs; `vary` is name → bounds, or the values to choose
    from. `observed` is the observed map, as an input is given: name of the field, empty where there is one,
    and place; None: `metric` is one of the model's own, and is to come near `target`.
    """

    vary: Mapping[str, Varied]
    metric: str
    observed: tuple[str, str] | None = None
    target: float | None = None
    trials: int = 100
    sampler: Sampler = "tpe"


@dataclass(frozen=True, kw_only=True)
class Best:
    """The best trial.

    Attributes
    ----------
    trial : int
        Its number, from 1.
    metric : float
        The metric; over replicates, their mean.
    sd : float or None
        The standard deviation of the metric over its replicates; None for one run.
    values : mapping
        The values of the parameters.
    record_path : Path
        The record of its run; of several, the first.
    command : str
        What runs it.
    """

    trial: int
    metric: float
    sd: float | None
    values: Mapping[str, Any]
    record_path: Path
    command: str


@dataclass(frozen=True, kw_only=True)
class Calibrated:
    """How a calibration ended.

    Attributes
    ----------
    folder : SweepFolder
        Where it is.
    metric, direction : str
        What was made greatest or least; with a target, its distance was.
    trials, failed : int
        How many trials there are, and of how many the metric is not known.
    best : Best or None
        None where every trial failed.
    tolerance : float or None
        How far the metric of a trial may be from the best to count as near.
    near : int
        How many trials are near, with the best.
    ranges : mapping of str to (low, high), or the values
        The values of each parameter in the trials that are near.
    """

    folder: SweepFolder
    metric: str
    direction: Direction
    trials: int
    failed: int
    best: Best | None
    tolerance: float | None = None
    near: int = 0
    ranges: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
