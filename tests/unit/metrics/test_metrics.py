"""Measures of maps: published examples, sums by hand, and definitions written out cell by cell."""

import math
from collections import Counter
from fractions import Fraction
from itertools import pairwise, product

import numpy as np
import pytest

from dissmodel import metrics
from dissmodel.errors import WrongValue
from dissmodel.metrics import maps
from dissmodel.metrics.arrays import exact_sums

# The scenes of figure 4 of Costanza (1989), as the package calibration of TerraME has them.
SCENE_1 = """
1 1 1 1 2 2 2 3 3 3
1 1 1 2 2 2 3 3 3 3
1 1 2 2 2 3 3 3 3 3
3 3 2 2 3 3 3 3 3 3
1 3 3 3 3 3 3 3 3 3
1 1 1 3 3 3 3 3 3 3
2 2 2 2 2 2 2 2 3 3
3 3 3 3 3 3 3 3 3 3
3 3 3 3 2 2 3 3 3 3
3 3 3 3 2 2 2 2 3 3
"""
SCENE_2 = """
1 1 2 2 2 2 2 2 3 3
1 1 1 1 2 3 3 3 3 3
1 1 1 2 3 3 3 3 3 3
3 1 2 2 3 3 3 4 4 4
3 3 3 3 3 3 3 3 3 3
1 1 1 3 3 3 3 3 3 3
1 1 2 2 2 2 2 2 3 3
1 2 2 3 3 2 2 3 3 3
3 3 3 3 2 2 2 3 3 3
3 3 3 3 2 2 2 2 3 3
"""


def scene(text):
    return np.array([row.split() for row in text.strip().splitlines()], np.uint8)


def maps_of(table):
    """Return two maps, over classes 1, 2 …, that have a matrix."""
    pairs = [
        (row + 1, column + 1)
        for row, column in np.ndindex(np.shape(table))
        for _ in range(table[row][column])
    ]
    return np.array(pairs).T


# Quantity and allocation: the two examples beside each other in Wikipedia's article on Cohen's kappa, after
# Pontius & Millones (2011); kappa: the grant proposals of the same article, and Cohen's formula for the
# others.
@pytest.mark.parametrize(
    ("table", "quantity", "allocation", "kappa"),
    [
        ([[1, 14], [0, 1]], 14 / 16, 0, 0.01),
        ([[0, 1], [1, 14]], 0, 2 / 16, -0.07),
        ([[20, 5], [10, 15]], 0.1, 0.2, 0.40),
        ([[45, 15], [25, 15]], 0.1, 0.3, 0.13),
        ([[25, 35], [5, 35]], 0.3, 0.1, 0.26),
    ],
)
def test_published_tables(table, quantity, allocation, kappa):
    matrix = metrics.transition_matrix(*maps_of(table))

    found = metrics.disagreement(matrix)

    assert table == matrix.table()
    assert (quantity, allocation) == pytest.approx((found.quantity, found.allocation), abs=1e-15)
    assert kappa == round(metrics.kappa(matrix), 2)


def test_disagreement_of_three_classes_by_hand():
    # Rows 10, 6, 4; columns 8, 8, 4; same 6, 4, 2.
    matrix = metrics.transition_matrix(*maps_of([[6, 3, 1], [1, 4, 1], [1, 1, 2]]))

    found = metrics.disagreement(matrix)

    # Exchange: 1 and 2 have min(3, 1), 1 and 3 min(1, 1), 2 and 3 min(1, 1).
    assert (2 / 20, 6 / 20, 6 / 20, 0) == (found.quantity, found.allocation, found.exchange, found.shift)
    assert {
        1: metrics.ClassDisagreement(2 / 20, 4 / 20, 4 / 20, 0),
        2: metrics.ClassDisagreement(2 / 20, 4 / 20, 4 / 20, 0),
        3: metrics.ClassDisagreement(0, 4 / 20, 4 / 20, 0),
    } == found.classes
    assert (20 * 12 - 144) / (400 - 144) == metrics.kappa(matrix)


# By hand, after the definitions of Pontius & Santacruz (2014).
@pytest.mark.parametrize(
    ("table", "quantity", "exchange", "shift"),
    [
        ([[5, 2], [2, 1]], 0, 4 / 10, 0),  # two classes change places
        ([[1, 3, 0], [0, 1, 3], [3, 0, 2]], 0, 0, 9 / 13),  # three do, in a ring
        ([[4, 3, 0], [1, 4, 2], [1, 0, 5]], 1 / 20, 2 / 20, 4 / 20),  # rows 7, 7, 6; columns 6, 7, 7
    ],
)
def test_exchange_and_shift(table, quantity, exchange, shift):
    found = metrics.disagreement(metrics.transition_matrix(*maps_of(table)))

    assert (quantity, exchange, shift) == (found.quantity, found.exchange, found.shift)
    assert exchange + shift == pytest.approx(found.allocation, abs=1e-15)
    assert [one.exchange + one.shift for one in found.classes.values()] == pytest.approx(
        [one.allocation for one in found.classes.values()], abs=1e-15
    )


def test_as_scikit_learn_has_them():
    from sklearn import metrics as theirs

    draw = np.random.default_rng(3)
    simulated, observed = draw.integers(0, 5, (2, 500))
    matrix = metrics.transition_matrix(simulated, observed)
    a, b = draw.normal(1e6, 1.0, (2, 500))
    found = metrics.difference(a, b)

    assert theirs.confusion_matrix(simulated, observed).tolist() == matrix.table()
    assert theirs.cohen_kappa_score(simulated, observed) == pytest.approx(metrics.kappa(matrix), rel=1e-12)
    assert theirs.r2_score(b, a) == pytest.approx(found.r2, rel=1e-9)
    assert theirs.mean_absolute_error(b, a) == pytest.approx(found.mae, rel=1e-12)
    assert theirs.root_mean_squared_error(b, a) == pytest.approx(found.rmse, rel=1e-12)


def test_bias_and_r2_by_hand():
    # d = 1, -1, 2, 0; the mean of b is 4, its squares 9 + 1 + 1 + 9.
    found = metrics.difference([2.0, 2.0, 7.0, 7.0], [1.0, 3.0, 5.0, 7.0])

    assert (0.5, 1 - 6 / 20) == (found.bias, found.r2)
    assert metrics.difference([1.0, 2.0], [3.0, 3.0]).r2 is None
    # In float64 the squares of 2**30 + 1 and 2**30 - 1 have no last digit.
    assert 0.5 == metrics.difference([2.0**30, 2.0**30 - 1], [2.0**30 + 1, 2.0**30 - 1]).r2


def test_areas_weigh():
    # A cell of 3 m² disagrees, two of 1 m² agree.
    matrix = metrics.transition_matrix([1, 1, 2], [1, 2, 2], area=[1, 3, 1])

    assert [[1.0, 3.0], [0.0, 1.0]] == matrix.table()
    assert 3 / 5 == metrics.disagreement(matrix).quantity
    assert {1: 4.0, 2: 1.0} == metrics.class_areas([1, 1, 2], area=[1, 3, 1])
    assert {1: 2, 2: 1} == metrics.class_areas([1, 1, 2])


def test_change_by_definition_in_each_cell():
    start, reference, simulated = np.array(list(product([1, 2, 3], repeat=3))).T
    said = Counter()
    for a, b, c in zip(start, reference, simulated, strict=True):
        if b == a:
            said["persistence" if c == a else "false_alarms"] += 1
        else:
            said["hits" if c == b else "misses" if c == a else "wrong_class"] += 1

    found = metrics.change_agreement(start, reference, simulated)

    assert said == {name: getattr(found, name) for name in said}
    assert 6 / (6 + 6 + 6 + 6) == found.figure_of_merit
    assert Fraction(27, 2) == sum(
        getattr(metrics.change_agreement(start, reference, simulated, area=0.5), name) for name in said
    )


def test_costanzas_scenes():
    a, b = scene(SCENE_1), scene(SCENE_2)

    found = metrics.multiresolution_fit(a, b)

    widths = [1, 2, 4, 8, 16]
    weights = [math.exp(-0.1 * (width - 1)) for width in widths]
    fits = [fit_of_windows(a, b, width, step=width) for width in widths]
    assert fits == pytest.approx(list(found.fits.values()), abs=1e-15)
    assert widths == list(found.fits)
    assert np.dot(fits, weights) / sum(weights) == pytest.approx(found.total, abs=1e-15)
    # Windows that move by one cell, as in the paper, are the same where they hold one cell, and all.
    assert 0.80 == round(fit_of_windows(a, b, 1, step=1), 2) == found.fits[1]
    assert 0.92 == round(fit_of_windows(a, b, 10, step=10), 2) == found.fits[16]


def fit_of_windows(a, b, width, step):
    """F_w as it is defined, over windows that begin every `step` cells."""
    fits = []
    for row, column in product(range(0, len(a), step), repeat=2):
        one, other = (
            np.bincount(scene[row : row + width, column : column + width].ravel(), minlength=5)
            for scene in (a, b)
        )
        fits.append(1 - abs(one - other).sum() / (2 * one.sum()))
    return sum(fits) / len(fits)


def test_windows_by_hand_with_a_mask_and_an_uneven_edge():
    a = np.array([[1, 1, 2], [1, 2, 2]])
    b = np.array([[1, 2, 2], [1, 1, 9]])
    mask = np.array([[True, True, True], [True, True, False]])

    found = metrics.multiresolution_fit(a, b, mask=mask)

    # w = 1: 3 of 5 cells; w = 2: the left window has 3 + 1 in both, the right one cell.
    assert {1: 3 / 5, 2: 1.0, 4: 1.0} == found.fits
    w2, w4 = math.exp(-0.1), math.exp(-0.3)
    assert (0.6 + w2 + w4) / (1 + w2 + w4) == pytest.approx(found.total, abs=1e-15)


def fuzzy_by_definition(a, b, mask):
    """The mean over cells of the smaller membership, by every pair of cells."""
    places = list(zip(*np.nonzero(mask), strict=True))

    def membership(scene, code, place):
        distances = (math.dist(place, one) for one in places if scene[one] == code)
        return max((2 ** (-d / 2) for d in distances if d <= 4), default=0.0)

    found = [min(membership(a, b[one], one), membership(b, a[one], one)) for one in places]
    return sum(found) / len(found)


def test_fuzzy_agreement_by_definition():
    draw = np.random.default_rng(4)
    a, b = np.kron(draw.integers(1, 6, (2, 5, 6)), np.ones((1, 2, 3), int))
    mask = draw.random(a.shape) < 0.9

    found = metrics.fuzzy_agreement(a, b, mask=mask)

    assert fuzzy_by_definition(a, b, mask) == pytest.approx(found.similarity, rel=1e-14)
    assert mask.sum() == sum(found.cells)
    assert 0 < found.cells[-1]


def test_fuzzy_kappa_by_hand_and_of_maps_by_chance():
    matrix = metrics.transition_matrix([1, 1, 1, 2], [1, 2, 2, 2])
    # Of a cell that differs, p = 3/4 and 1/4, q = 1/4 and 3/4: all rings, from 4 to 48 neighbours.
    reached, squares = [4, 8, 12, 20, 24, 28, 36, 44, 48], [1, 2, 4, 5, 8, 9, 10, 13, 16]
    chance = [[(1 - (1 - part) ** n) * (1 - (1 - part) ** n) for n in reached] for part in (1 / 4, 3 / 4)]
    near = [
        sum(2 ** (-math.sqrt(d) / 2) * (p - q) for d, p, q in zip(squares, row, [0, *row], strict=False))
        for row in chance
    ]
    expected = 6 / 16 + 9 / 16 * near[0] + 1 / 16 * near[1]
    found = metrics.FuzzyAgreement((2, 2, *[0] * 9))
    draw = np.random.default_rng(6)
    a, b = draw.choice(3, (200, 200), p=[0.6, 0.3, 0.1]), draw.choice(3, (200, 200), p=[0.2, 0.3, 0.5])
    by_chance = metrics.fuzzy_agreement(a, b)

    similarity = (2 + 2 * 2**-0.5) / 4
    assert (similarity - expected) / (1 - expected) == pytest.approx(found.kappa(matrix), rel=1e-12)
    assert abs(by_chance.kappa(metrics.transition_matrix(a, b))) < 0.02
    assert metrics.FuzzyAgreement().kappa(matrix) is None
    assert metrics.fuzzy_agreement([[1]], [[1]]).kappa(metrics.transition_matrix([1], [1])) is None


@pytest.mark.parametrize("size", [(8, 8), (8, 24), (16, 64), (64, 64)])
def test_maps_in_blocks_have_the_measures_of_whole_maps(size):
    draw = np.random.default_rng(8)
    simulated, reference, start = np.kron(draw.integers(-3, 4, (3, 9, 14)), np.ones((1, 4, 3), np.int16))
    mask = draw.random(start.shape) < 0.8
    tally = metrics.ClassTally(start.shape, size[0])
    for block in maps.blocks(start.shape, size):
        tally.add([one[block.cells] for one in (simulated, reference, start)], mask[block.cells], block)
    found = tally.measures()

    assert metrics.compare_classes(simulated, reference, start, mask=mask) == found
    assert metrics.transition_matrix(simulated, reference, mask=mask) == found.matrix
    assert metrics.transition_matrix(start, reference, mask=mask) == found.observed
    assert metrics.transition_matrix(start, simulated, mask=mask) == found.simulated
    assert metrics.change_agreement(start, reference, simulated, mask=mask) == found.change
    assert metrics.multiresolution_fit(simulated, reference, mask=mask) == found.fit
    assert metrics.fuzzy_agreement(simulated, reference, mask=mask) == found.fuzzy
    assert metrics.class_areas(reference, mask=mask) == tally.amounts(1)


def test_shares_in_windows():
    a = np.array([[[0.5, 0.0]], [[0.5, 1.0]]])
    b = np.array([[[0.0, 0.25]], [[1.0, 0.75]]])

    # (0.5 + 0.5)/2 and (0.25 + 0.25)/2 are wrong; together 0.25 of 2 cells.
    assert {1: 1 - (0.5 + 0.25) / 2, 2: 1 - 0.5 / 4} == metrics.multiresolution_fit(a, b).fits


def test_shares_of_whole_cells_are_classes():
    a, b = scene(SCENE_1), scene(SCENE_2)
    shares = [np.array([one == code for code in (1, 2, 3, 4)], np.float64) for one in (a, b)]

    assert metrics.multiresolution_fit(a, b) == metrics.multiresolution_fit(*shares)


def test_difference_by_hand():
    found = metrics.difference([0.0, 0.5, 1.0, 0.25], [0.5, 0.25, 1.0, 0.25], tolerance=0.25)

    assert (4, 3, 0.5) == (found.cells, found.within, found.max_error)
    assert (0.75 / 4, math.sqrt(0.3125 / 4), 75.0) == (found.mae, found.rmse, found.match)
    assert (0.25 / 4, 0.5 / 4) == (found.quantity, found.allocation)


@pytest.mark.parametrize("size", [5e-324, 1e-200, 1.0, 1e200])
def test_errors_of_any_size(size):
    found = metrics.difference([size, size, 0.0, size], [0.0, 0.0, 0.0, 0.0])

    assert math.sqrt(0.75) * size == pytest.approx(found.rmse, rel=1e-15, abs=5e-324)
    assert size == found.max_error
    assert 25.0 == found.match


def test_nothing_to_compare_is_undefined():
    none = np.zeros(3, np.bool_)
    nothing = metrics.difference([0.0], [1.0], mask=[False])
    empty = metrics.transition_matrix([1, 2, 3], [1, 2, 3], mask=none)
    everywhere = metrics.transition_matrix([7, 7], [7, 7])

    assert [None] * 8 == [
        nothing.bias,
        nothing.r2,
        nothing.mae,
        nothing.rmse,
        nothing.match,
        nothing.max_error,
        nothing.quantity,
        nothing.allocation,
    ]
    assert metrics.Disagreement(None, None, None, None, {}) == metrics.disagreement(empty)
    assert metrics.kappa(empty) is None
    assert metrics.kappa(everywhere) is None
    assert metrics.change_agreement([1], [1], [1]).figure_of_merit is None
    assert metrics.ResolutionFit({}, None) == metrics.multiresolution_fit([[1]], [[1]], mask=[[False]])


def test_any_blocks_in_any_order_give_the_same_bits():
    draw = np.random.default_rng(5)
    start, reference, simulated = draw.integers(1, 6, (3, 2000)).astype(np.int16)
    area = draw.uniform(1e-3, 1e9, 2000)
    a, b = draw.random((2, 2000)) * 10.0 ** draw.integers(-200, 100, 2000)

    def measured(which):
        return (
            metrics.transition_matrix(simulated[which], reference[which], area=area[which]),
            metrics.change_agreement(start[which], reference[which], simulated[which], area=area[which]),
            metrics.difference(a[which], b[which], tolerance=1e-3),
        )

    whole = measured(np.arange(2000))
    blocks = [measured(which) for which in np.split(draw.permutation(2000), [1, 7, 900])]
    added = [one + two + three + four for one, two, three, four in zip(*blocks, strict=True)]

    assert whole[:2] == tuple(added[:2])
    assert (whole[2].mae, whole[2].quantity, whole[2].within) == (
        added[2].mae,
        added[2].quantity,
        added[2].within,
    )
    assert whole[2].rmse == pytest.approx(added[2].rmse, rel=1e-15)
    by_pair = Counter()
    for pair, size in zip(
        zip(simulated.tolist(), reference.tolist(), strict=True), area.tolist(), strict=True
    ):
        by_pair[pair] += Fraction(size)
    assert by_pair == whole[0].sizes
    assert (
        float(sum(abs(Fraction(one - two)) for one, two in zip(a.tolist(), b.tolist(), strict=True)) / 2000)
        == whole[2].mae
    )


def test_exact_sums_beyond_a_block(monkeypatch):
    monkeypatch.setattr("dissmodel.metrics.arrays._BLOCK", 3)
    values = np.array([1e16, 1.0, -1e16, 5e-324, 0.1, -0.0, 2.0**-1030])

    found = exact_sums(values, np.array([0, 0, 0, 1, 1, 1, 1]), 3)

    assert [1, Fraction(5e-324) + Fraction(0.1) + Fraction(2.0**-1030), 0] == found


def test_exact_sums_of_many():
    values = np.random.default_rng(2).random(50_000)

    assert sum(map(int, np.ldexp(values, 60))) == exact_sums(values)[0] * 2**60


@pytest.mark.parametrize(
    "dtype", [np.bool_, np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.int64, np.uint64]
)
def test_codes_of_any_integer_type(dtype):
    ends = [False, True] if dtype is np.bool_ else [np.iinfo(dtype).min, np.iinfo(dtype).max]
    codes = np.array([ends[0], ends[1], ends[1]], dtype)

    assert {int(ends[0]): 1, int(ends[1]): 2} == metrics.class_areas(codes)
    assert {
        (int(ends[1]), int(ends[1])): 1,
        (int(ends[0]), int(ends[1])): 1,
        (int(ends[1]), int(ends[0])): 1,
    } == (metrics.transition_matrix(codes, codes[[1, 0, 2]]).sizes)


def test_codes_at_the_end_of_the_largest_type():
    codes = np.array([2**64 - 1, 2**64 - 2], np.uint64)

    assert {2**64 - 2: 1, 2**64 - 1: 1} == metrics.class_areas(codes)


def test_many_codes_take_little_memory():
    codes = np.arange(50_000) * 7

    matrix = metrics.transition_matrix(codes, codes[::-1], area=2.0)

    assert 50_000 == len(matrix.sizes)
    assert {2} == set(matrix.sizes.values())


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: metrics.transition_matrix([1, 2], [1]), r"after has the shape (1,), before (2,)."),
        (lambda: metrics.transition_matrix([1.0], [1]), "before holds float64 values, not codes of classes"),
        (
            lambda: metrics.class_areas([1], area=[-1.0]),
            "area holds numbers that are negative or not finite.",
        ),
        (
            lambda: metrics.class_areas([1], area=[math.nan]),
            "area holds numbers that are negative or not finite.",
        ),
        (lambda: metrics.class_areas([1], mask=[1]), "mask is int64 of shape (1,), not bool of shape (1,)."),
        (lambda: metrics.difference([math.nan], [1.0]), "A difference of a and b is not finite."),
        (lambda: metrics.difference([1.0], [1.0], tolerance=math.nan), "tolerance = nan"),
        (lambda: metrics.multiresolution_fit([1], [1]), "a is int64 of shape (1,)"),
        (lambda: metrics.multiresolution_fit([[1]], [[1.0]]), "b float64 of shape (1, 1)"),
        (
            lambda: metrics.multiresolution_fit([[[math.nan]]], [[[1.0]]]),
            "A difference of shares is not finite.",
        ),
    ],
)
def test_wrong_arrays(call, said):
    with pytest.raises(WrongValue) as caught:
        call()

    assert said in caught.value.message
    assert caught.value.hint


def test_the_public_names_are_those_of_the_module():
    assert all(one < other for one, other in pairwise(metrics.__all__))
    assert all(callable(getattr(metrics, name)) for name in metrics.__all__)
