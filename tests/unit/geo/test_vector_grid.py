import numpy as np
import pytest
import shapely

from dissmodel.geo import parse_idx, vector_grid
from dissmodel.geo.vector.cells import rectangles


def bounds(grid):
    return shapely.bounds(grid.geometry.to_numpy()).tolist()


def test_cells_stand_column_by_column_from_the_south_west():
    grid = vector_grid(dimension=(2, 3), resolution=10.0)

    assert ["0-0", "1-0", "2-0", "0-1", "1-1", "2-1"] == grid.index.tolist()
    assert [[0, 0, 10, 10], [0, 10, 10, 20], [0, 20, 10, 30], [10, 0, 20, 10]] == bounds(grid)[:4]
    assert ("id", None) == (grid.index.name, grid.crs)


def test_a_label_is_a_row_and_a_column():
    assert (12, 3) == parse_idx("12-3") == (parse_idx("12-3").row, parse_idx("12-3").col)


def test_a_resolution_covers_the_bounds_and_may_reach_beyond():
    grid = vector_grid(bounds=(100, 50, 125, 59), resolution=10.0, crs=31983)

    assert ["0-0", "0-1", "0-2"] == grid.index.tolist()
    assert [100, 50, 130, 60] == grid.total_bounds.tolist()
    assert 31983 == grid.crs.to_epsg()


def test_a_dimension_divides_the_bounds():
    grid = vector_grid(bounds=(0, 0, 8, 3), dimension=(4, 1))

    assert [[0, 0, 2, 3], [2, 0, 4, 3], [4, 0, 6, 3], [6, 0, 8, 3]] == bounds(grid)


def test_a_frame_gives_its_bounds_and_its_crs():
    whole = vector_grid(bounds=(10, 20, 30, 60), dimension=(1, 1), crs=31983)

    assert [[10, 20, 30, 40], [10, 40, 30, 60]] == bounds(vector_grid(whole, resolution=20))
    assert whole.crs == vector_grid(whole, resolution=20).crs


@pytest.mark.parametrize("count", [3, 7, 49, 93, 107])
def test_rounding_adds_no_column(count):
    side = 0.1
    grid = vector_grid(bounds=(0, 0, sum([side] * count), side), resolution=side)

    assert count == len(grid)
    assert count == len(vector_grid(bounds=(0, 0, 1, 1), dimension=(count, 1)))


@pytest.mark.parametrize("how", [{"resolution": 0.1}, {"dimension": (30, 30)}])
def test_cells_share_their_edges_exactly(how):
    grid = vector_grid(bounds=(0.3, 0.7, 3.3, 3.7), **how)

    rows, cols = rectangles(grid.geometry.to_numpy())

    assert [[29 - row, col] for row, col in map(parse_idx, grid.index)] == np.c_[rows, cols].tolist()


def test_a_column_holds_a_value():
    grid = vector_grid(dimension=(2, 1), resolution=1.0, attrs={"state": 0, "use": "wood", "past": [1, 2]})

    assert [0, 0] == grid["state"].tolist()
    assert ["wood", "wood"] == grid["use"].tolist()
    assert [[1, 2], [1, 2]] == grid["past"].tolist()
    assert "i" == grid["state"].dtype.kind


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "A grid needs gdf, bounds, or both dimension and resolution."),
        ({"dimension": (2, 2)}, "A grid needs gdf, bounds, or both dimension and resolution."),
        ({"bounds": (0, 0, 1, 1)}, "A grid needs resolution or dimension."),
        ({"bounds": (0, 0, 1, 1), "dimension": (0, 1)}, "0 is not a count of cells"),
        ({"bounds": (0, 0, 1, 1), "resolution": -1.0}, "resolution=-1.0 is not a cell size"),
        ({"bounds": (0, 0, 1, 1), "resolution": float("nan")}, "resolution=nan is not a cell size"),
        ({"bounds": (3, 0, 1, 1), "resolution": 1}, "3 to 1 is not an extent"),
        ({"bounds": (0, 0, float("inf"), 1), "resolution": 1}, "0 to inf is not an extent"),
    ],
)
def test_what_makes_no_grid(given, message):
    with pytest.raises(ValueError) as raised:
        vector_grid(**given)

    assert message in str(raised.value)
