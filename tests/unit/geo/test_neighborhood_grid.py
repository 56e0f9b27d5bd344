"""Neighbours by row and column: what the rule says, and what the geometry says."""

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from dissmodel.errors import InvalidInput, UsageError
from dissmodel.geo.vector.cells import grid, rectangles
from dissmodel.geo.vector.neighborhood import neighborhood_of, queen, rook


def by_definition(rows, cols, rule):
    """Each cell's neighbours: the other cells whose row and column differ by at most one."""
    places = list(zip(rows.tolist(), cols.tolist(), strict=True))
    most = {"queen": 2, "rook": 1}[rule]
    return [
        [
            other
            for other, (r, c) in enumerate(places)
            if max(abs(r - row), abs(c - col)) == 1 and abs(r - row) + abs(c - col) <= most
        ]
        for row, col in places
    ]


def as_lists(found):
    return [found.of(cell).tolist() for cell in range(len(found))]


def same(one, other):
    return np.array_equal(one.offsets, other.offsets) and np.array_equal(one.neighbors, other.neighbors)


@pytest.mark.parametrize(("rule", "expected"), [("queen", [0, 1, 2, 3, 5, 6, 7, 8]), ("rook", [1, 3, 5, 7])])
def test_the_middle_of_nine(rule, expected):
    rows, cols = np.divmod(np.arange(9), 3)

    assert expected == grid(rows, cols, rule=rule).of(4).tolist()


@pytest.mark.parametrize("rule", ["queen", "rook"])
@pytest.mark.parametrize("order", ["row-major", "any"])
@pytest.mark.parametrize("dtype", [np.int64, np.int8, np.uint16])
def test_a_grid_with_missing_cells(rule, order, dtype):
    random = np.random.default_rng(1)
    places = random.choice(12 * 15, 110, replace=False)
    rows, cols = np.divmod(np.sort(places) if order == "row-major" else places, 15)
    rows, cols = rows.astype(dtype), (cols + 40).astype(dtype)

    assert by_definition(rows, cols, rule) == as_lists(grid(rows, cols, rule=rule))


@pytest.mark.slow
@pytest.mark.parametrize("rule", ["queen", "rook"])
def test_places_scattered_too_widely_for_a_table(rule):
    steps = np.arange(0, 3000, 3)
    rows, cols = np.concatenate([steps, steps, steps + 1]), np.concatenate([steps, steps + 1, steps + 2])
    order = np.random.default_rng(2).permutation(len(rows))
    rows, cols = rows[order], cols[order]

    assert by_definition(rows, cols, rule) == as_lists(grid(rows, cols, rule=rule))


def test_places_at_the_ends_of_the_integers():
    least, most = np.iinfo(np.int64).min, np.iinfo(np.int64).max
    rows = np.array([least, least + 1, most, most - 1])
    cols = np.array([most, most - 1, least, least + 1])

    assert [[1], [0], [3], [2]] == as_lists(grid(rows, cols))


@pytest.mark.parametrize("scattered", [1, 10**9])
def test_a_place_that_repeats_is_named(scattered):
    rows, cols = np.arange(2000) * scattered, np.arange(2000) * scattered
    rows[[70, 90]], cols[[70, 90]] = rows[20], cols[20]

    with pytest.raises(InvalidInput) as caught:
        grid(rows, cols)

    assert (
        "2 features repeat the place on the grid of an earlier one; the first is feature 70, like feature 20 "
        "(counted from 0)."
    ) == caught.value.message


@pytest.mark.parametrize(
    ("rows", "cols"), [([0.0, 1.0], [0, 1]), ([0, 1], [0]), ([[0]], [[0]]), (["0", "1"], [0, 1])]
)
def test_what_is_no_row_or_column_is_named(rows, cols):
    with pytest.raises(UsageError, match="not integers, one a cell"):
        grid(np.array(rows), np.array(cols))


def test_an_unknown_rule_is_named():
    with pytest.raises(UsageError, match="no rule 'queens'") as caught:
        grid(np.arange(2), np.arange(2), rule="queens")

    assert "Did you mean 'queen'?" == caught.value.hint


def test_no_cells():
    assert 0 == len(grid(np.empty(0, int), np.empty(0, int)))


def boxes(x, y):
    """The cells between edges, row by row from below."""
    rows, cols = np.divmod(np.arange((len(x) - 1) * (len(y) - 1)), len(x) - 1)
    return shapely.box(x[cols], y[rows], x[cols + 1], y[rows + 1])


@pytest.mark.parametrize("turned", [0, 1, 2, 3])
@pytest.mark.parametrize("backwards", [False, True])
def test_rectangles_are_found_wherever_they_begin(turned, backwards):
    corners = np.roll([(0, 0), (0, 5), (10, 5), (10, 0)], turned, axis=0)[:: -1 if backwards else 1]
    cells = [shapely.Polygon(corners + np.array([10 * i, 0])) for i in range(3)]
    rows, cols = rectangles(np.array(cells))

    assert ([0, 0, 0], [0, 1, 2]) == (rows.tolist(), cols.tolist())


@pytest.mark.parametrize("turned", [0, 1, 2, 3])
@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("moved", [(2, 0), (0, 2), (2, 2)])
def test_a_quadrilateral_with_one_oblique_corner_is_no_rectangle(turned, backwards, moved):
    corners = np.array([(0, 0), (0, 10), (10, 10), (10, 0)])
    corners[0] += moved
    corners = np.roll(corners, turned, axis=0)[:: -1 if backwards else 1]

    assert rectangles(np.array([shapely.Polygon(corners), shapely.box(10, 0, 20, 10)])) is None


@pytest.mark.parametrize(
    "odd",
    [
        shapely.box(30, 0, 45, 10),  # wider than the column below
        shapely.box(35, 0, 40, 10),  # begins within a column
        shapely.box(30, 0, np.nextafter(40.0, 41.0), 10),
        shapely.Polygon([(30, 0), (40, 0), (40, 10), (30, 9)]),
        shapely.Polygon([(30, 0), (40, 0), (40, 10)]),
        shapely.box(30, 0, 40, 10).union(shapely.box(31, 20, 32, 21)),
        shapely.segmentize(shapely.box(30, 0, 40, 10), 6),
    ],
)
@pytest.mark.filterwarnings("ignore:.*of cells overlap:dissmodel.errors.DissmodelWarning")
def test_what_is_not_one_cell_of_the_grid_is_left_to_geometry(odd):
    below = boxes(np.arange(0.0, 60, 10), np.arange(-20.0, 1, 10))
    cells = np.array([*below, odd, shapely.box(40, 0, 50, 10)])

    assert rectangles(cells) is None
    assert same(queen(cells), neighborhood_of(cells))
    assert same(rook(cells), neighborhood_of(cells, "rook"))


@pytest.mark.parametrize("step", [30.0, 0.1, 1 / 3, 1e-9])
def test_edges_as_they_are_written_decide(step):
    number = np.arange(40)
    # The end of a cell and the beginning of the next are different sums, which rounding may tell apart.
    cells = shapely.box(number * step, 0.0, number * step + step, step)

    assert same(queen(cells), neighborhood_of(cells))


edges = st.lists(st.integers(-6, 6), min_size=2, max_size=7, unique=True).map(sorted)


@settings(max_examples=60, deadline=None)
@given(x=edges, y=edges, noise=st.integers(0, 3), seed=st.integers(0, 2**16))
def test_the_grid_finds_what_the_geometry_says(x, y, noise, seed):
    random = np.random.default_rng(seed)
    cells = boxes(np.array(x) * 0.1, np.array(y) * 0.3)
    cells = cells[random.random(len(cells)) < 0.8]
    if noise and len(cells):
        some = random.integers(len(cells), size=noise)
        cells[some] = shapely.transform(cells[some], lambda xy: np.nextafter(xy, xy + random.choice([-1, 1])))

    assert same(queen(cells), neighborhood_of(cells))
    assert same(rook(cells), neighborhood_of(cells, "rook"))


def test_a_regular_grid_is_a_grid():
    assert rectangles(boxes(np.arange(5.0), np.arange(4.0))) is not None
    assert rectangles(boxes(np.array([0.0, 1, 5, 6]), np.array([-3.0, 2, 9]))) is not None
