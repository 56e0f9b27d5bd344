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

_DEPENDENT = 1e-12  # of a driver's variance: what the other drivers leave of it
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
    from scipy.special import ndtr, stdtr  # noqa: PLC0415  (loaded when something is fitted)

    _check_class(kind, lu, values)
    standard, mean, scale = _standardized(drivers, names)
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
    named = ("const", *names, "ro")
    found = dict(zip(named, (back @ estimates).tolist(), strict=False))
    errors = np.sqrt(np.diag(back @ covariance @ back.T))
    with np.errstate(divide="ignore", invalid="ignore"):  # a fit may be exact
        ratios = -np.abs(back @ estimates) / errors
    tail = stdtr(values.size - len(estimates), ratios) if kind == "linear" else ndtr(ratios)
    auc, roc = receiver_curve(values, fitted) if _is_binary(values) else (None, None)
    return ClassFit(
        cells=values.size,
        present=int(np.count_nonzero(values)),
        const=found["const"],
        betas={name: found[name] for name in names},
        ro=found.get("ro"),
        std_errors=dict(zip(named, errors.tolist(), strict=False)),
        p_values=dict(zip(named, (2 * tail).tolist(), strict=False)),
        r2=r2,
        auc=auc,
        roc=roc,
    )


def inflation(drivers: Floats, names: Sequence[str]) -> dict[str, float]:
    """Return the variance inflation factor of each driver, 1/(1 - R²) of its regression on the others.

    >>> x = np.array([[1.0, 2.0], [2.0, 1.0], [3.0, 4.0], [4.0, 3.0]])
    >>> [round(one, 4) for one in inflation(x, ["a", "b"]).values()]
    [1.5625, 1.5625]
    """
    drivers = np.asfortranarray(drivers)
    standard = (drivers - drivers.mean(axis=0)) / drivers.std(axis=0)
    return dict(zip(names, np.diag(np.linalg.inv(_correlation(standard))).tolist(), strict=True))


def receiver_curve(present: Floats, fitted: Floats) -> tuple[float, list[tuple[float, float]]]:
    """Return the area under the ROC curve, and false and true positive rates along it.

    The area is the probability that a cell with the class has a higher value than a cell without, ties by
    half. The rates are those at 0, 1 … 100 % of the cells, the highest values first.

    >>> receiver_curve(np.array([0.0, 1.0, 1.0, 0.0]), np.array([0.1, 0.9, 0.4, 0.4]))[0]
    0.875
    """
    order = np.argsort(-fitted, kind="stable")
    hits, value = np.concatenate([[0], np.cumsum(present[order] == 1)]), fitted[order]
    # Where another value begins; in between the curve is straight.
    bends = np.concatenate([[0], np.flatnonzero(value[1:] != value[:-1]) + 1, [present.size]])
    ones = int(hits[-1])
    zeros = present.size - ones
    area = np.diff(bends - hits[bends]) @ (hits[bends[1:]] + hits[bends[:-1]]) / (2 * ones * zeros)
    taken = np.rint(np.linspace(0, present.size, 101)).astype(np.intp)
    rates = zip(((taken - hits[taken]) / zeros).tolist(), (hits[taken] / ones).tolist(), strict=True)
    return float(area), list(rates)


def _correlation(standard: Floats) -> Floats:
    found: Floats = standard.T @ standard / len(standard)
    return found


def _is_binary(values: Floats) -> bool:
    return bool(((values == 0) | (values == 1)).all())


def _check_class(kind: Kind, lu: str, values: Floats) -> None:
    if kind == "logistic" and not _is_binary(values):
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


def _standardized(drivers: Floats, names: Sequence[str]) -> tuple[Floats, Floats, Floats]:
    """Return the drivers, standardized, and the mean and the standard deviation of each."""
    from scipy.linalg import qr  # noqa: PLC0415  (loaded when something is fitted)

    drivers = np.asfortranarray(drivers)  # a driver is read as a whole
    is_constant = drivers.min(axis=0) == drivers.max(axis=0)
    constant = [name for name, one in zip(names, is_constant, strict=True) if one]
    if constant:
        raise InvalidInput(
            f"The driver{'s' * (len(constant) > 1)} {', '.join(map(repr, constant))} "
            f"{'have' if len(constant) > 1 else 'has'} the same value in each of {len(drivers):,} cells.",
            "Leave such drivers out of --drivers.",
            code="driver_constant",
        )
    if len(names) >= len(drivers):
        raise InvalidInput(f"{len(drivers)} cells are too few for {len(names)} drivers.", "--sample N")
    mean, scale = drivers.mean(axis=0), drivers.std(axis=0)
    standard = (drivers - mean) / scale
    # The diagonal falls: a driver that the others before it make up leaves no variance.
    triangle, order = qr(_correlation(standard), mode="r", pivoting=True)
    dependent = [names[place] for place in order[np.abs(np.diag(triangle)) < _DEPENDENT]]
    if dependent:
        raise InvalidInput(
            f"The driver{'s' * (len(dependent) > 1)} {', '.join(map(repr, dependent))} can be computed from "
            "the other drivers: these are collinear, and their coefficients not defined.",
            "Leave such drivers out of --drivers.",
            code="drivers_collinear",
        )
    return standard, mean, scale


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
    part = values.mean()
    without_drivers = values.size * (part * math.log(part) + (1 - part) * math.log(1 - part))
    return found.params, found.cov_params(), float(1 - found.llf / without_drivers), fitted


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
