"""Sums of floats against those of fractions, which are exact."""

import math
from fractions import Fraction

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from dissmodel.cells.sums import exact_sum, exact_sums, parts_of

ANY = st.floats(allow_nan=False, allow_infinity=False)
SMALL = st.floats(-1e290, 1e290)


def rounded_once(values):
    try:
        return float(sum(map(Fraction, values), Fraction()))
    except OverflowError:
        return math.inf if sum(map(Fraction, values), Fraction()) > 0 else -math.inf


@settings(deadline=None, max_examples=200)
@given(st.lists(ANY))
def test_a_sum_is_rounded_once(values):
    assert rounded_once(values) == exact_sum(np.array(values, np.float64))


@settings(deadline=None)
@given(st.lists(st.tuples(ANY, st.integers(0, 3))))
def test_so_is_that_of_each_group(rows):
    values, groups = [value for value, _ in rows], [group for _, group in rows]
    expected = [rounded_once([value for value, of in rows if of == group]) for group in range(4)]

    assert expected == exact_sums(np.array(values, np.float64), np.array(groups, np.intp), 4).tolist()


@settings(deadline=None, max_examples=50)
@given(st.lists(SMALL, min_size=1), st.randoms(use_true_random=False))
def test_parts_are_the_values_and_add_without_rounding_in_any_order(values, random):
    parts = [part.tolist() for part in parts_of(np.array(values))]

    of_values = [sum(map(Fraction, of_value), Fraction()) for of_value in zip(*parts, strict=True)]
    assert list(map(Fraction, values)) == (of_values or [0] * len(values))
    for part in parts:
        random.shuffle(part)
        total = 0.0
        for value in part:
            total += value
        assert sum(map(Fraction, part)) == total


def test_a_sum_of_many_blocks_is_that_of_fsum():
    values = np.random.default_rng(1).lognormal(0, 20, 200_001) * np.array([1, -1, 1])[np.arange(200_001) % 3]

    assert math.fsum(values.tolist()) == exact_sum(values)
    assert exact_sum(values) == exact_sum(values[::-1])


def test_infinities_and_nan_stay():
    assert math.inf == exact_sum(np.array([1e308, math.inf]))
    assert math.isnan(exact_sum(np.array([math.inf, -math.inf])))
    assert math.isnan(exact_sum(np.array([1.0, math.nan])))
    assert 0.0 == exact_sum(np.empty(0))
