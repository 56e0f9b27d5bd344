"""How much each parameter of a sweep matters to a metric: indices of Sobol, elementary effects of Morris."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dissmodel.errors import InvalidInput, MissingModule, extra_hint
from dissmodel.printable import count
from dissmodel.sweeping.designs import LEVELS, Design

CONFIDENCE = 0.95
"""The level of the intervals."""

_SEED = 1  # of the resampling; SALib takes 0 for none
_SHOWN = 20
_SHORT = 16
_INDICES = {"sobol": ("S1", "ST"), "morris": ("mu_star", "mu", "sigma")}


@dataclass(frozen=True)
class Index:
    """An index of a parameter.

    `name` is ``S1`` (first order) or ``ST`` (total), both shares of the variance of the metric; or
    ``mu_star``, ``mu`` or ``sigma``, of the elementary effects, in units of the metric for a step from the
    least to the greatest value of the parameter. `half_width` is that of the 95 % interval, found by
    resampling; None where SALib has none.
    """

    parameter: str
    name: str
    value: float
    half_width: float | None


def indices(
    design: Design, metric: str, outputs: NDArray[np.float64], keys: NDArray[np.str_]
) -> tuple[Index, ...]:
    """Return the indices of a metric, by index and then by parameter; none if the metric is constant.

    Sobol: the estimators of Saltelli et al. (2010, doi:10.1016/j.cpc.2009.09.018), Morris: those of
    Campolongo et al. (2007, doi:10.1016/j.envsoft.2006.10.004), as SALib has them.

    Parameters
    ----------
    outputs : ndarray of float64, shape (rows, replicates)
        The metric of each run, NaN where a run has none; of replicates the mean is analysed.
    keys : ndarray of str, shape (rows, replicates)
        Those of the runs.

    Raises
    ------
    InvalidInput
        If a run has no finite value: SALib would turn all indices into zero or NaN.
    MissingModule
        If SALib is not installed.
    """
    bad = [*dict.fromkeys(key[:_SHORT] for key in keys[~np.isfinite(outputs)].tolist())]
    if bad:
        more = f" and {len(bad) - _SHOWN} more" if len(bad) > _SHOWN else ""
        raise InvalidInput(
            f"The design {design} has no indices of {metric}: {count(len(bad), 'run')} of it failed, did not "
            f"run or have no finite {metric}: {', '.join(bad[:_SHOWN])}{more}.",
            "Give the command of the sweep again, which runs what failed or is missing; or look at a record: "
            f"dissmodel record show DIR/runs/{bad[0]}",
            code="runs_missing",
        )
    means = outputs.mean(axis=1)
    if np.ptp(means) == 0:
        return ()
    found = _analysed(design, means)
    return tuple(
        Index(parameter, name, float(value), None if half_width is None else float(half_width))
        for name in _INDICES[design.kind]
        for parameter, value, half_width in zip(
            design.names, found[name], found.get(f"{name}_conf", [None] * len(design.names)), strict=True
        )
    )


def _analysed(design: Design, means: NDArray[np.float64]) -> dict[str, Any]:
    try:
        from SALib.analyze import morris, sobol  # noqa: PLC0415  (few sweeps have such a design)
    except ImportError as error:
        raise MissingModule(f"The indices of {design} need SALib.", extra_hint(error)) from error
    options: dict[str, Any] = {"conf_level": CONFIDENCE, "seed": _SEED}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of resamples that are constant, whose interval has no width
        if design.kind == "morris":
            options["num_levels"] = LEVELS
            found = morris.analyze(design.problem, design.sample(), means, **options)
        else:
            found = sobol.analyze(design.problem, means, calc_second_order=False, **options)
    return dict(found)
