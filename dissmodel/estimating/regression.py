"""Regressions of land use on drivers, with what says how far they can be trusted."""

from __future__ import annotations

import contextlib
import importlib
import io
import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from dissmodel.errors import InvalidInput, MissingModule, extra_hint

Kind = Literal["logistic", "linear", "spatial_lag"]
Floats = NDArray[np.float64]

MOST_VIF = 10.0
"""From here on a driver says little that the others do not say (Belsley, Kuh & Welsch 1980)."""

# Estimates, their covariance, R², fitted values.
_Estimated: TypeAlias = tuple[Floats, Floats, float, Floats]

_DEPENDENT = 1e-9  # of a driver's standard deviation: what the other drivers leave of it
_MOST_LAGGED = 10_000
_SEPARATED = 1e-6  # a probability this near to 0 or 1 in every cell


@dataclass(frozen=True, kw_only=True)
class ClassFit:
    """The regression of a class.

    Attributes
    ----------
    cells, present : int
        How many cells were used, and in how many of them the class occurs.
    const : float
    betas, std_errors, p_values : dict of str to float
        By driver; the last two also of ``const`` and, of a spatial lag, ``ro``.
    ro : float or None
        The coefficient of the spatial lag.
    r2 : float
        Logistic: McFadden's pseudo-R²; linear: R²; spatial lag: the squared correlation of fitted and
        observed.
    auc : float or None
        The area under the ROC curve; None unless each cell has the class or not.
    roc : list of (float, float), or None
        False and true positive rates at 0, 1 … 100 % of the cells, the most likely first; None as `auc`.
    """

    cells: int
    present: int
    const: float
    betas: dict[str, float]
    std_errors: dict[str, float]
    p_values: dict[str, float]
    r2: float
    ro: float | None = None
    auc: float | None = None
    roc: list[tuple[float, float]] | None = None


def fit(
    kind: Kind, lu: str, values: Floats, drivers: Floats, *, names: Sequence[str], weights: Any = None
) -> ClassFit:
    """Regress a class on drivers: ``logistic`` and ``linear`` by statsmodels, ``spatial_lag`` by spreg.

    Drivers are standardized for the estimation, which changes no estimate; so coefficients of drivers of any
    unit are found.

    Parameters
    ----------
    kind : {"logistic", "linear", "spatial_lag"}
        Maximum likelihood of a logit model, ordinary least squares, maximum likelihood of a spatial lag
        model.
    lu : str
        The name of the class.
    values : ndarray of float64, shape (n,)
        The share of the class in each cell; 0 or 1 for ``logistic``.
    drivers : ndarray of float64, shape (n, drivers)
        Finite.
    names : sequence of str
        Of the drivers.
    weights : scipy sparse matrix, shape (n, n), optional
        1 for each neighbour; of a spatial lag only.

    Raises
    ------
    InvalidInput
        If the class occurs in no cell or fills every cell, a driver is constant, drivers are linearly
        dependent, or drivers separate the class perfectly.
    MissingModule
        If statsmodels or spreg is not installed.
    """
    from scipy.stats import t  # noqa: PLC0415  (loaded when something is fitted)

    _check_class(kind, lu, values)
    mean, scale = _check_drivers(drivers, names)
    standard = (drivers - mean) / scale
    if kind == "logistic":
        estimates, covariance, r2, fitted = _logistic(lu, values, standard)
    elif kind == "linear":
        estimates, covariance, r2, fitted = _linear(values, standard)
    else:
        estimates, covariance, r2, fitted = _spatial_lag(values, standard, weights)
    # const + Σ b·(x - mean)/scale, in terms of x; ro stays.
    back = np.eye(len(estimates))
    slopes = np.arange(len(names)) + 1
    back[slopes, slopes] = 1 / scale
    back[0, slopes] = -mean / scale
    found = dict(zip(("const", *names, "ro"), (back @ estimates).tolist(), strict=False))
    errors = dict(zip(found, np.sqrt(np.diag(back @ covariance @ back.T)).tolist(), strict=True))
    is_binary = bool(np.isin(values, (0, 1)).all())
    freedom = values.size - len(estimates) if kind == "linear" else math.inf
    return ClassFit(
        cells=values.size,
        present=int(np.count_nonzero(values)),
        const=found["const"],
        betas={name: found[name] for name in names},
        ro=found.get("ro"),
        std_errors=errors,
        p_values={name: 2 * float(t.sf(abs(found[name]) / errors[name], freedom)) for name in found},
        r2=r2,
        auc=area_under_curve(values, fitted) if is_binary else None,
        roc=roc_curve(values, fitted) if is_binary else None,
    )


def inflation(drivers: Floats, names: Sequence[str]) -> dict[str, float]:
    """Return the variance inflation factor of each driver, 1/(1 - R²) of its regression on the others.

    >>> x = np.array([[1.0, 2.0], [2.0, 1.0], [3.0, 4.0], [4.0, 3.0]])
    >>> [round(one, 4) for one in inflation(x, ["a", "b"]).values()]
    [1.5625, 1.5625]
    """
    correlation = np.atleast_2d(np.corrcoef(drivers, rowvar=False))
    return dict(zip(names, np.diag(np.linalg.inv(correlation)).tolist(), strict=True))


def area_under_curve(present: Floats, fitted: Floats) -> float:
    """Return the probability that a cell with the class has a higher value than a cell without, ties by half.

    >>> area_under_curve(np.array([0.0, 1.0, 1.0, 0.0]), np.array([0.1, 0.9, 0.4, 0.4]))
    0.875
    """
    from scipy.stats import rankdata  # noqa: PLC0415  (loaded when something is fitted)

    is_one = present == 1
    ones, zeros = int(np.count_nonzero(is_one)), int(np.count_nonzero(~is_one))
    return float((rankdata(fitted)[is_one].sum() - ones * (ones + 1) / 2) / (ones * zeros))


def roc_curve(present: Floats, fitted: Floats) -> list[tuple[float, float]]:
    """Return false and true positive rates, at 0, 1 … 100 % of the cells, the highest values first."""
    is_one = present[np.argsort(-fitted, kind="stable")] == 1
    taken = np.rint(np.linspace(0, present.size, 101)).astype(np.intp)
    hits = np.concatenate([[0], np.cumsum(is_one)])
    ones = int(hits[-1])
    false = (taken - hits[taken]) / (present.size - ones)
    return list(zip(false.tolist(), (hits[taken] / ones).tolist(), strict=True))


def _check_class(kind: Kind, lu: str, values: Floats) -> None:
    if kind == "logistic" and not np.isin(values, (0, 1)).all():
        raise InvalidInput(
            f"The class {lu!r} has shares between 0 and 1; a logistic regression needs cells with one class.",
            "--kind linear",
            code="illegal_value",
        )
    if not values.any() or values.min() == values.max():
        where = "no cell" if not values.any() else "every cell alike"
        raise InvalidInput(
            f"The class {lu!r} occurs in {where}, of {values.size:,}: there is nothing to be explained.",
            "Leave it out of --classes and give it coefficients of your own, or take more cells: --sample N",
            code="class_absent",
        )


def _check_drivers(drivers: Floats, names: Sequence[str]) -> tuple[Floats, Floats]:
    """Return the mean and the standard deviation of each driver."""
    from scipy.linalg import qr  # noqa: PLC0415  (loaded when something is fitted)

    constant = [name for name, column in zip(names, drivers.T, strict=True) if column.min() == column.max()]
    if constant:
        raise InvalidInput(
            f"The driver{'s' * (len(constant) > 1)} {', '.join(map(repr, constant))} "
            f"{'have' if len(constant) > 1 else 'has'} the same value in each of {len(drivers):,} cells.",
            "Leave such drivers out of --drivers.",
            code="driver_constant",
        )
    mean, scale = drivers.mean(axis=0), drivers.std(axis=0)
    if len(names) >= len(drivers):
        raise InvalidInput(f"{len(drivers)} cells are too few for {len(names)} drivers.", "--sample N")
    # The diagonal falls: a driver that the others before it make up leaves nothing.
    triangle, order = qr((drivers - mean) / scale, mode="r", pivoting=True)
    left = np.abs(np.diag(triangle)) / math.sqrt(len(drivers))
    dependent = [names[place] for place in order[left < _DEPENDENT]]
    if dependent:
        raise InvalidInput(
            f"The driver{'s' * (len(dependent) > 1)} {', '.join(map(repr, dependent))} can be computed from "
            "the other drivers: these are collinear, and their coefficients not defined.",
            "Leave such drivers out of --drivers.",
            code="drivers_collinear",
        )
    return mean, scale


def _module(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        package = name.partition(".")[0]
        raise MissingModule(
            f"This regression needs {package}, which is not installed.", extra_hint(package)
        ) from error


def _logistic(lu: str, values: Floats, standard: Floats) -> _Estimated:
    discrete = _module("statsmodels.discrete.discrete_model")
    errors = _module("statsmodels.tools.sm_exceptions")
    design = np.column_stack([np.ones(len(values)), standard])
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", errors.PerfectSeparationWarning)
            found = discrete.Logit(values, design).fit(disp=0, maxiter=100)
            fitted = found.predict()
            is_found = (
                found.mle_retvals["converged"]
                and np.abs(values - fitted).max() > _SEPARATED
                and bool(np.isfinite(found.bse).all())
            )
    except (errors.PerfectSeparationWarning, errors.PerfectSeparationError, np.linalg.LinAlgError):
        is_found = False
    if not is_found:
        raise InvalidInput(
            f"The drivers separate the class {lu!r} from the others perfectly, or nearly so: its "
            "coefficients would be infinite.",
            "Leave out the driver that says where the class is, or take more cells: --sample N",
            code="perfect_separation",
        )
    return found.params, found.cov_params(), float(found.prsquared), fitted


def _linear(values: Floats, standard: Floats) -> _Estimated:
    linear_model = _module("statsmodels.regression.linear_model")
    found = linear_model.OLS(values, np.column_stack([np.ones(len(values)), standard])).fit()
    return found.params, found.cov_params(), float(found.rsquared), found.fittedvalues


def _spatial_lag(values: Floats, standard: Floats, weights: Any) -> _Estimated:
    if values.size > _MOST_LAGGED:
        raise InvalidInput(
            f"{values.size:,} cells: a spatial lag is estimated from at most {_MOST_LAGGED:,}, because "
            "spreg inverts a matrix with a row and a column for each cell.",
            "--kind linear, or cut the region.",
            code="too_many_cells",
        )
    spreg, libpysal = _module("spreg"), _module("libpysal.weights")
    # It prints the name of its class.
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        neighbours = libpysal.WSP(weights).to_W(silence_warnings=True)
        neighbours.transform = "r"
        found = spreg.ML_Lag(values[:, np.newaxis], standard, neighbours, method="LU", spat_diag=False)
    order = len(found.betas)
    return found.betas.ravel(), np.asarray(found.vm)[:order, :order], float(found.pr2), found.predy.ravel()
