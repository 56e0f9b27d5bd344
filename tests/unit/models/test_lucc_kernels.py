"""The kernels of land-use change against each other, on shares that need every branch of the correction."""

from typing import Any

import numpy as np
import pytest

from dissmodel.errors import DissmodelWarning
from dissmodel.models.lucc.kernels import choice
from dissmodel.models.lucc.kernels.kernel import Pull, Trial
from dissmodel.models.lucc.kernels.numba_kernel import NumbaKernel
from dissmodel.models.lucc.kernels.numpy_kernel import NumpyKernel

BOTH: list[Any] = [NumpyKernel(), NumbaKernel(1)]


def trial(draws, cells, classes, regions, *, saturates=False, corrects=True):
    """Return a try on shares far from 1, with bounds in which many can't move."""
    past = draws.dirichlet(np.full(classes, 0.4), cells).T.copy()
    past[:, ::7] = np.round(past[:, ::7], 1)
    potential = draws.normal(0, 1, (classes, cells))
    rules = np.zeros((regions, classes, 7))
    rules[:, :, 0] = draws.integers(-1, 2, (regions, classes))
    rules[:, 0, 0] = 0
    rules[:, :, 1] = draws.choice([0, 0, 0.1], (regions, classes))
    rules[:, :, 2] = draws.choice([1, 1, 0.6], (regions, classes))
    rules[:, :, 3] = draws.choice([0, 0.01], (regions, classes))
    rules[:, :, 4] = draws.choice([1, 0.2], (regions, classes))
    rules[:, :, 5], rules[:, :, 6] = 0.5, 0.05
    full = draws.random(cells) if saturates else np.empty(0)
    places = draws.integers(0, regions, cells)
    return Trial(past, potential, np.zeros_like(past), rules, places, full, corrects)


@pytest.mark.slow
@pytest.mark.parametrize("saturates", [False, True])
@pytest.mark.parametrize("regions", [1, 3])
@pytest.mark.parametrize("classes", [2, 3, 5])
def test_a_try(classes, regions, saturates):
    draws = np.random.default_rng(classes * 10 + regions)
    whole = last = 0
    for _ in range(12):
        given = trial(draws, 700, classes, regions, saturates=saturates)
        pull = Pull(
            draws.choice([-1.0, 0.0, 1.0], classes),
            draws.uniform(0.05, 0.6, classes),
            np.arange(classes),
            np.ones(classes, np.bool_),
        )
        found = []
        for kernel in BOTH:
            sums = np.empty(classes)
            given.now[:] = -1
            told = kernel.attempt(given, pull, sums)
            found.append((told, given.now.copy(), sums))
        (one, shares, sums), (other, others, more) = found
        assert one[1] == other[1]
        if one[1] < 0:  # a cell that can't be corrected ends the try
            whole += 1
            assert one == other
            np.testing.assert_array_equal(shares, others)
            np.testing.assert_array_equal(sums, more)
        last += one[1] >= 0
    assert whole + last == 12
    assert whole or classes == 2


def test_classes_and_lua_sort():
    draws = np.random.default_rng(4)
    potential, use = np.round(draws.random((3, 900)), 1), draws.integers(0, 3, 900)
    allowed = draws.random((2, 3, 3)) < 0.6
    regions, bonus = draws.integers(0, 2, 900), np.array([0.0, 0.1, -0.05])
    found = []
    for kernel in BOTH:
        now, cells = use.copy(), np.arange(900)
        counts = kernel.choose(potential, bonus, allowed, regions, now)
        kernel.lua_sort(potential[0], cells)
        found.append([counts.tolist(), now.tolist(), cells.tolist()])

    assert found[0] == found[1]
    assert sorted(found[0][2]) == list(range(900))
    assert (np.diff(potential[0][found[0][2]]) <= 0).all()


def test_a_broken_numba_costs_time_only(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "numba", None)

    with pytest.warns(DissmodelWarning, match="NumPy computes the same results"):
        assert isinstance(choice.choose_kernel(choice.BREAK_EVEN), NumpyKernel)


def test_numba_may_be_switched_off(monkeypatch):
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")

    assert isinstance(choice.choose_kernel(choice.BREAK_EVEN), NumpyKernel)
