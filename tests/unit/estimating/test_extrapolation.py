"""Areas of years to come, computed by hand."""

import numpy as np
import pytest

from dissmodel.errors import InvalidInput, UsageError
from dissmodel.estimating.extrapolation import extrapolate

# Rows: forest, crop, town in 2000; 100, 60, 40. Columns: the same in 2010; 70, 80, 50.
CHANGE = [[70, 25, 5], [0, 55, 5], [0, 0, 40]]
OBSERVED = (2000, 2010)


def test_linear():
    found = extrapolate("linear", CHANGE, OBSERVED, [2000, 2004, 2010, 2015])

    assert [[100, 60, 40], [88, 68, 44], [70, 80, 50], [55, 90, 55]] == pytest.approx(found)


def test_exponential():
    found = extrapolate("exponential", CHANGE, OBSERVED, [2000, 2010, 2020])

    # 100·0.7², 60·(4/3)², 40·1.25² = 49, 106.67, 62.5: 218.17 of 200.
    grown = np.array([49, 60 * 16 / 9, 62.5])
    assert [[100, 60, 40], [70, 80, 50]] == found[:2].tolist()
    assert (grown * 200 / grown.sum()).tolist() == pytest.approx(found[2])


def test_markov():
    found = extrapolate("markov", CHANGE, OBSERVED, [2000, 2010, 2015, 2020, 2030])

    # forest 70·0.7; crop 70·0.25 + 80·55/60; town 70·0.05 + 80·5/60 + 50.
    later = [49, 17.5 + 80 * 55 / 60, 3.5 + 80 * 5 / 60 + 50]
    assert [[100, 60, 40], [70, 80, 50]] == found[:2].tolist()
    assert later == pytest.approx(found[3])
    assert [(a + b) / 2 for a, b in zip([70, 80, 50], later, strict=True)] == pytest.approx(found[2])
    assert later[0] * 0.7 == pytest.approx(found[4][0])


@pytest.mark.parametrize("method", ["linear", "exponential", "markov"])
def test_every_year_fills_the_space_and_both_maps_are_exact(method):
    draw = np.random.default_rng(2)
    change = draw.random((5, 5)) * 1e6
    change[3] = change[:, 3] = 0  # a class that only the first map has
    change[3, 0] = 5

    # That class would have less than no area in 1998.
    last = 1997 if method == "linear" else 1999

    found = extrapolate(method, change, (1990, 1997), range(1990, last + 1))

    assert np.full(len(found), change.sum()) == pytest.approx(found.sum(axis=1), rel=1e-12)
    assert change.sum(axis=1) == pytest.approx(found[0], rel=1e-12)
    assert change.sum(axis=0).tolist() == found[7].tolist()
    assert (found >= 0).all()


def test_linear_below_nothing_names_the_class_and_the_year():
    with pytest.raises(
        InvalidInput, match=r"The class 'forest' would have less than no area in 2034"
    ) as caught:
        extrapolate("linear", CHANGE, OBSERVED, range(2010, 2040), names=["forest", "crop", "town"])

    assert "negative_demand" == caught.value.code


def test_a_new_class_does_not_grow_exponentially():
    with pytest.raises(InvalidInput, match="'town' has no area in the first map and 5 in the second"):
        extrapolate("exponential", [[5, 5], [0, 0]], OBSERVED, [2020], names=["forest", "town"])


def test_a_new_class_of_a_markov_chain_stays():
    found = extrapolate("markov", [[5, 5], [0, 0]], OBSERVED, [2020])

    assert [[2.5, 7.5]] == found.tolist()


@pytest.mark.parametrize(("observed", "wanted"), [((2010, 2010), [2020]), ((2000, 2010), [1999])])
def test_years_have_to_ascend(observed, wanted):
    with pytest.raises(UsageError, match="years have to ascend"):
        extrapolate("linear", CHANGE, observed, wanted)
