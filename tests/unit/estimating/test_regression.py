"""Regressions: planted coefficients, the libraries themselves, and what can't be estimated."""

import importlib
import math

import numpy as np
import pytest

from dissmodel.errors import InvalidInput, MissingModule
from dissmodel.estimating import regression

NAMES = ("slope", "roads", "rain")


@pytest.fixture(scope="module")
def drivers():
    draw = np.random.default_rng(11)
    # Degrees, metres, a share.
    return np.column_stack([draw.uniform(0, 40, 4000), draw.uniform(0, 2e5, 4000), draw.random(4000)])


@pytest.fixture(scope="module")
def classes(drivers):
    """A class whose logit is -1 + 0.08·slope - 2e-5·roads + 1.5·rain."""
    z = -1 + drivers @ [0.08, -2e-5, 1.5]
    return (np.random.default_rng(12).random(4000) < 1 / (1 + np.exp(-z))).astype(np.float64)


def test_logistic_finds_what_was_planted_and_what_statsmodels_finds(drivers, classes):
    from statsmodels.discrete.discrete_model import Logit

    found = regression.fit("logistic", "crop", classes, drivers, names=NAMES)

    said = Logit(classes, np.column_stack([np.ones(4000), drivers])).fit(disp=0)
    assert said.params == pytest.approx([found.const, *found.betas.values()], rel=1e-7)
    assert said.bse == pytest.approx(list(found.std_errors.values()), rel=1e-6)
    assert said.pvalues == pytest.approx(list(found.p_values.values()), rel=1e-4, abs=1e-12)
    assert said.prsquared == pytest.approx(found.r2, rel=1e-9)
    planted = np.array([-1, 0.08, -2e-5, 1.5])
    assert (np.abs(planted - [found.const, *found.betas.values()]) < 3 * said.bse).all()
    assert (4000, classes.sum()) == (found.cells, found.present)


def test_linear_finds_what_statsmodels_finds(drivers):
    from statsmodels.regression.linear_model import OLS

    shares = 0.2 + drivers @ [0.01, -1e-6, 0.1] + np.random.default_rng(3).normal(0, 0.05, 4000)

    found = regression.fit("linear", "crop", shares[:40], drivers[:40], names=NAMES)

    said = OLS(shares[:40], np.column_stack([np.ones(40), drivers[:40]])).fit()
    assert said.params == pytest.approx([found.const, *found.betas.values()], rel=1e-9)
    assert said.bse == pytest.approx(list(found.std_errors.values()), rel=1e-9)
    assert said.pvalues == pytest.approx(list(found.p_values.values()), rel=1e-9)
    assert said.rsquared == pytest.approx(found.r2, rel=1e-12)
    assert found.auc is None
    assert found.roc is None


def test_inflation_is_that_of_statsmodels(drivers):
    from statsmodels.stats.outliers_influence import variance_inflation_factor

    noise = np.random.default_rng(1).normal(0, 0.5, 4000)
    near = np.column_stack([drivers, drivers[:, 0] + drivers[:, 2] + noise])

    found = regression.inflation(near, [*NAMES, "near"])

    design = np.column_stack([np.ones(4000), near])
    said = [variance_inflation_factor(design, place) for place in range(1, 5)]
    assert said == pytest.approx(list(found.values()), rel=1e-9)
    assert found["near"] > regression.MOST_VIF > found["roads"]


def test_the_area_under_the_curve_counts_pairs():
    present = np.array([1, 0, 1, 0, 0, 1.0])
    fitted = np.array([0.9, 0.8, 0.8, 0.1, 0.3, 0.2])
    pairs = [
        (one > zero) + 0.5 * (one == zero) for one in fitted[present == 1] for zero in fitted[present == 0]
    ]

    assert sum(pairs) / 9 == pytest.approx(regression.receiver_curve(present, fitted)[0])


def test_the_curve_goes_from_none_to_all():
    present = np.repeat([1.0, 0.0, 1.0, 0.0], 50)

    _, found = regression.receiver_curve(present, -np.arange(200.0))

    assert (101, (0.0, 0.0), (1.0, 1.0)) == (len(found), found[0], found[-1])
    assert [(0.0, 0.5), (0.5, 0.5), (0.5, 1.0)] == [found[25], found[50], found[75]]


def separated(drivers):
    return (drivers[:, 0] > 20).astype(np.float64)


@pytest.mark.parametrize(
    ("change", "code", "said"),
    [
        (lambda x, y: (x, separated(x)), "perfect_separation", "separate the class 'crop' from the others"),
        (lambda x, y: (x, 0 * y), "class_absent", "The class 'crop' occurs in no cell, of 4,000"),
        (lambda x, y: (x, 0 * y + 1), "class_absent", "The class 'crop' occurs in every cell alike"),
        (lambda x, y: (x, y / 2), "illegal_value", "The class 'crop' has shares between 0 and 1"),
        (
            lambda x, y: (x * [1, 0, 1], y),
            "driver_constant",
            "The driver 'roads' has the same value",
        ),
        (
            lambda x, y: (np.column_stack([x[:, :2], 3 + 0.1 * x[:, 0] - 1e-4 * x[:, 1]]), y),
            "drivers_collinear",
            "can be computed from the other drivers",
        ),
        (lambda x, y: (x[:3], np.array([0, 1, 1.0])), "invalid_input", "3 cells are too few for 3 drivers"),
    ],
)
def test_what_can_not_be_estimated_is_said(change, code, said, drivers, classes):
    x, y = change(drivers, classes)

    with pytest.raises(InvalidInput) as caught:
        regression.fit("logistic", "crop", y, x, names=NAMES)

    assert code == caught.value.code
    assert said in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(("kind", "package"), [("logistic", "statsmodels"), ("spatial_lag", "spreg")])
def test_a_missing_extra_says_what_to_install(kind, package, drivers, classes, monkeypatch):
    real = importlib.import_module

    def without(name, *args):
        if name.partition(".")[0] == package:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return real(name, *args)

    monkeypatch.setattr(importlib, "import_module", without)

    with pytest.raises(MissingModule) as caught:
        regression.fit(kind, "crop", classes, drivers, names=NAMES)

    assert f"This regression needs {package}, which is not installed." == caught.value.message
    assert "The extra 'lucc' brings it: python -m pip install spreg statsmodels" == caught.value.hint


def test_a_lag_of_too_many_cells_is_refused(drivers, classes, monkeypatch):
    monkeypatch.setattr(regression, "_MOST_LAGGED", 3999)

    with pytest.raises(InvalidInput, match="4,000 cells: a spatial lag is estimated from at most 3,999"):
        regression.fit("spatial_lag", "crop", classes, drivers, names=NAMES)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of spreg itself
def test_a_spatial_lag_finds_what_was_planted_and_what_spreg_finds(capfd):
    import libpysal
    import spreg

    from dissmodel.estimating.fit import _moore

    used, weights = _moore(np.ones((24, 25), np.bool_))
    count = used.sum()
    draw = np.random.default_rng(4)
    x = np.column_stack([draw.uniform(0, 40, count), draw.random(count) * 1e5])
    row_standardized = weights.toarray() / weights.sum(axis=1)[:, np.newaxis]
    noise = draw.normal(0, 0.02, count)
    # y = 0.1 + 0.004·a - 1e-6·b + 0.6·W y + noise
    y = np.linalg.solve(np.eye(count) - 0.6 * row_standardized, 0.1 + x @ [0.004, -1e-6] + noise)

    found = regression.fit("spatial_lag", "crop", y, x, names=("a", "b"), weights=weights)

    assert "" == capfd.readouterr().out
    neighbours = libpysal.weights.lat2W(24, 25, rook=False)
    neighbours.transform = "r"
    said = spreg.ML_Lag(y[:, None], x, neighbours, spat_diag=False)
    assert said.betas.ravel() == pytest.approx([found.const, *found.betas.values(), found.ro], rel=1e-5)
    assert np.sqrt(np.diag(said.vm))[:4] == pytest.approx(list(found.std_errors.values()), rel=1e-4)
    assert 0.6 == pytest.approx(found.ro, abs=3 * found.std_errors["ro"])
    assert 0.004 == pytest.approx(found.betas["a"], abs=3 * found.std_errors["a"])
    assert math.isfinite(found.r2)
