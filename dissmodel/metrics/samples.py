"""Statistics of a sample of numbers."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
"""By linear interpolation between order statistics (type 7 of Hyndman and Fan, 1996)."""
CONFIDENCE = 0.95
"""The level of intervals."""


def quantile_name(quantile: float) -> str:
    """Return what a quantile is called in tables and maps.

    >>> quantile_name(0.05)
    'q05'
    """
    return f"q{100 * quantile:02.0f}"


STATISTICS = ("runs", "mean", "sd", "min", *map(quantile_name, QUANTILES), "max")
"""What `statistics` returns, in this order."""


def statistics(values: NDArray[np.float64]) -> tuple[float, ...]:
    """Return number, mean, sample standard deviation, least, `QUANTILES` and greatest of the finite values.

    NaN stands where there are too few of them. They are added in order of size, so their order is no matter.
    """
    finite = np.sort(values[np.isfinite(values)])
    if not finite.size:
        return (0, *[math.nan] * (len(STATISTICS) - 1))
    sd = float(finite.std(ddof=1)) if finite.size > 1 else math.nan
    quantiles = np.quantile(finite, QUANTILES, method="linear").tolist()
    return (finite.size, float(finite.mean()), sd, float(finite[0]), *quantiles, float(finite[-1]))


def mean_interval(values: NDArray[np.float64]) -> tuple[float, float, float, float]:
    """Return number and mean of the finite values, and the ends of the mean's interval, by Student's t."""
    from scipy.special import stdtrit  # noqa: PLC0415  (few tables need it)

    number, mean, sd, *_ = statistics(values)
    half = (
        float(stdtrit(number - 1, (1 + CONFIDENCE) / 2)) * sd / math.sqrt(number) if number > 1 else math.nan
    )
    return number, mean, mean - half, mean + half
