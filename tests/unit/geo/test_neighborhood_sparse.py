"""The structure itself, and neighbours that somebody wrote down."""

import geopandas
import numpy as np
import pandas as pd
import pytest
import shapely
from libpysal import graph

from dissmodel.errors import InvalidInput
from dissmodel.geo.vector import Neighborhood
from dissmodel.geo.vector.neighborhood import from_table, k_nearest, queen
from dissmodel.geo.vector.sparse import distinct


def line():
    """Three cells in a row and one apart."""
    return Neighborhood(np.array([0, 1, 3, 4, 4]), np.array([1, 0, 2, 1], dtype=np.int32))


def test_neighbours_counts_and_islands():
    found = line()

    assert 4 == len(found)
    assert [[1], [0, 2], [1], []] == [found.of(cell).tolist() for cell in range(4)]
    assert [1, 2, 1, 0] == found.count.tolist()
    assert [3] == found.islands.tolist()


@pytest.mark.parametrize("cell", [-1, 4])
def test_a_cell_that_is_none_is_an_error(cell):
    with pytest.raises(IndexError, match=f"There is no cell {cell}: they are numbered 0 to 3."):
        line().of(cell)


def test_what_is_shared_can_not_be_changed():
    mine = np.array([1, 0])
    found = Neighborhood(np.array([0, 1, 2]), mine, np.ones(2))

    for values in (found.offsets, found.neighbors, found.weights, found.of(0)):
        with pytest.raises(ValueError, match="read-only"):
            values[0] = 0
    with pytest.raises(AttributeError):
        found.offsets = mine

    mine[0] = 1  # the caller's own array stays the caller's


@pytest.mark.parametrize(
    ("offsets", "neighbors", "weights", "says"),
    [
        ([], [], None, "begin with 0"),
        ([1, 2], [0], None, "begin with 0"),
        ([0, 2, 1], [0], None, "ascend"),
        ([0, 1], [0, 0], None, "ascend"),
        ([0, 1], [1], None, "numbers of the 1 cells"),
        ([0, 1], [-1], None, "numbers of the 1 cells"),
        ([0, 1, 2], [1, 0], [1.0], "one weight for each"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(offsets, neighbors, weights, says):
    arrays = np.array(offsets, np.int64), np.array(neighbors, np.int64)

    with pytest.raises(ValueError, match=says):
        Neighborhood(*arrays, None if weights is None else np.array(weights))


@pytest.mark.parametrize(
    ("neighbors", "weights", "expected"),
    [([1, 0], None, True), ([1, 0], [2.0, 2.0], True), ([1, 0], [2.0, 1.0], False), ([1, 1], None, False)],
)
def test_symmetry_is_of_links_and_weights(neighbors, weights, expected):
    values = None if weights is None else np.array(weights)

    assert expected is Neighborhood(np.array([0, 1, 2]), np.array(neighbors), values).is_symmetric()


def test_types_are_those_promised():
    found = queen(shapely.box([0, 1], 0, [1, 2], 1))

    assert (np.int64, np.int32, None) == (found.offsets.dtype, found.neighbors.dtype, found.weights)


def test_distinct_values_ascend():
    assert [1, 2, 5] == distinct(np.array([5, 1, 2, 5, 1])).tolist()
    assert [] == distinct(np.empty(0)).tolist()


@pytest.mark.parametrize("kind", [list, np.array, pd.DataFrame])
def test_a_table_is_kept_as_it_is(kind):
    found = from_table(["b", "a", "c"], kind([("a", "c"), ("b", "c"), ("a", "b")]), [1.0, 2.0, 3.0])

    assert [[2], [0, 2], []] == [found.of(cell).tolist() for cell in range(3)]
    assert [2.0, 3.0, 1.0] == found.weights.tolist()


def test_ids_may_be_text_and_numbers():
    found = from_table([7, "7", "x"], [(7, "x"), ("7", 7)])

    assert [[2], [0], []] == [found.of(cell).tolist() for cell in range(3)]


def test_a_table_without_pairs_leaves_islands():
    assert [0, 1] == from_table(["a", "b"], []).islands.tolist()


def test_a_libpysal_table_is_read():
    cells = geopandas.GeoSeries(shapely.box([0, 1, 9], 0, [1, 2, 10], 1), index=["a", "b", "c"])
    table = graph.Graph.build_contiguity(cells, strict=True).adjacency.reset_index()
    found = from_table(cells.index, table[["focal", "neighbor"]], table["weight"])

    assert [[1], [0], []] == [found.of(cell).tolist() for cell in range(3)]


def test_a_neighbourhood_comes_back_from_its_own_table():
    points = np.random.default_rng(1).random((50, 2))
    found = k_nearest(shapely.box(*points.T, *(points + 0.01).T), 4)
    ids = np.array([f"cell {number}" for number in range(50)])
    pairs = np.column_stack([np.repeat(ids, found.count), ids[found.neighbors]])
    back = from_table(ids, np.random.default_rng(2).permutation(pairs))

    assert np.array_equal(found.offsets, back.offsets)
    assert np.array_equal(found.neighbors, back.neighbors)


@pytest.mark.parametrize(
    ("ids", "pairs", "weights", "says"),
    [
        (["a", "b", "a"], [], None, "1 of 3 ids repeat an earlier one; the first is 'a', of feature 2"),
        (["a", "b"], [("a", "b"), ("b", "z")], None, "1 of 2 pairs .* the first is pair 1 .*, with id 'z'"),
        (["1", "2"], [(1, 2)], None, "with id .*1.*"),
        (["a", "b"], [("a", "a")], None, "1 cells are their own neighbours; the first is 'a'"),
        (["a", "b"], [("a", "b"), ("a", "b")], None, r"1 pairs of neighbours repeat; one is \('a', 'b'\)"),
        (["a", "b"], [("a", "b", "c")], None, "has 3 columns"),
        (["a", "b"], [("a", "b")], [1.0, 2.0], "2 weights for 1 pairs"),
        (
            ["a", "b"],
            [("a", "b")],
            [np.nan],
            "1 of 1 weights are not finite numbers; the first is nan, of pair 0",
        ),
        (["a", "b"], [("a", "b")], ["much"], "not a number"),
    ],
)
def test_a_bad_table_is_named(ids, pairs, weights, says):
    with pytest.raises(InvalidInput, match=says):
        from_table(ids, pairs, weights)
