"""The neighbours of all cells, as one structure."""

import numpy as np
import pytest
import shapely

from dissmodel.geo.vector import Neighborhood
from dissmodel.geo.vector.neighborhood import queen
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
    found = Neighborhood(np.array([0, 1, 2]), mine)

    for values in (found.offsets, found.neighbors, found.of(0)):
        with pytest.raises(ValueError, match="read-only"):
            values[0] = 0
    with pytest.raises(AttributeError):
        found.offsets = mine

    mine[0] = 1  # the caller's own array stays the caller's


@pytest.mark.parametrize(
    ("offsets", "neighbors", "says"),
    [
        ([], [], "begin with 0"),
        ([1, 2], [0], "begin with 0"),
        ([0, 2, 1], [0], "ascend"),
        ([0, 1], [0, 0], "ascend"),
        ([0, 1], [1], "numbers of the 1 cells"),
        ([0, 1], [-1], "numbers of the 1 cells"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(offsets, neighbors, says):
    arrays = np.array(offsets, np.int64), np.array(neighbors, np.int64)

    with pytest.raises(ValueError, match=says):
        Neighborhood(*arrays)


def test_types_are_those_promised():
    found = queen(shapely.box([0, 1], 0, [1, 2], 1))

    assert (np.int64, np.int32) == (found.offsets.dtype, found.neighbors.dtype)


def test_distinct_values_ascend():
    assert [1, 2, 5] == distinct(np.array([5, 1, 2, 5, 1])).tolist()
    assert [] == distinct(np.empty(0)).tolist()
