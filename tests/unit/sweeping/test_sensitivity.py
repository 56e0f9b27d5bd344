"""Indices of sensitivity of the function of Ishigami and Homma (1990), whose exact values are known."""

import math

import numpy as np
import pytest

from dissmodel.errors import InvalidInput
from dissmodel.sweeping.designs import Design
from dissmodel.sweeping.sensitivity import indices
from dissmodel.sweeping.values import Bounds

NAMES = ("x1", "x2", "x3")
FACTORS = dict.fromkeys(NAMES, Bounds(-math.pi, math.pi))


def ishigami(rows):
    """Sin x1 + 7 sin² x2 + 0.1 x3⁴ sin x1."""
    x = np.array([[row[name] for name in NAMES] for row in rows])
    return np.sin(x[:, 0]) + 7 * np.sin(x[:, 1]) ** 2 + 0.1 * x[:, 2] ** 4 * np.sin(x[:, 0])


def found(design, *, replicates=1, noise=0.0):
    outputs = ishigami(design.rows())[:, np.newaxis] + noise * np.resize([1, -1], replicates)
    keys = [[f"{row:04d}{one}" for one in range(replicates)] for row in range(len(outputs))]
    return indices(design, "y", outputs, np.array(keys))


@pytest.mark.parametrize("seed", [0, 1])
def test_sobol_has_the_exact_indices_within_its_intervals(seed):
    exact = {"S1": (0.3139, 0.4424, 0.0), "ST": (0.5576, 0.4424, 0.2437)}

    made = found(Design(kind="sobol", size=1024, factors=FACTORS, seed=seed))

    assert [(name, one) for name in exact for one in NAMES] == [(one.name, one.parameter) for one in made]
    for one, value in zip(made, [*exact["S1"], *exact["ST"]], strict=True):
        assert abs(one.value - value) <= one.half_width <= 0.1


def test_morris_has_the_exact_effects_of_four_levels():
    exact = (7.704, 7.875, 6.249)

    made = found(Design(kind="morris", size=1000, factors=FACTORS, seed=1))

    effects = [one for one in made if one.name == "mu_star"]
    assert list(NAMES) == [one.parameter for one in effects]
    assert exact == pytest.approx([one.value for one in effects], rel=0.05)
    for one, value in zip(effects, exact, strict=True):
        assert abs(one.value - value) <= one.half_width + 1e-9
    assert {"mu_star", "mu", "sigma"} == {one.name for one in made}
    assert {None} == {one.half_width for one in made if one.name != "mu_star"}


def test_the_same_runs_have_the_same_indices_to_the_bit():
    design = Design(kind="sobol", size=64, factors=FACTORS)

    assert found(design) == found(design)


def test_of_replicates_the_mean_is_analysed():
    design = Design(kind="sobol", size=64, factors=FACTORS)

    made = found(design, replicates=2, noise=3.0)

    assert [one.value for one in found(design)] == pytest.approx([one.value for one in made])


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_design_with_a_run_that_is_not_finite_is_refused_with_the_keys_of_these(bad):
    design = Design(kind="sobol", size=4, factors=FACTORS)
    outputs = ishigami(design.rows())[:, np.newaxis]
    outputs[[3, 5]] = bad

    with pytest.raises(InvalidInput) as raised:
        indices(design, "y", outputs, np.array([[f"{row:02d}{'0' * 62}"] for row in range(len(outputs))]))

    assert "runs_missing" == raised.value.code
    assert "2 runs of it failed" in raised.value.message
    assert "03" + "0" * 14 + ", 05" + "0" * 14 in raised.value.message


def test_a_constant_metric_has_no_indices():
    design = Design(kind="morris", size=4, factors=FACTORS)

    assert () == indices(design, "y", np.full((len(design), 1), 7.0), np.full((len(design), 1), "k"))
