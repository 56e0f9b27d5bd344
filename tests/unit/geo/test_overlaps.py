import warnings

import numpy as np
import pytest
import shapely

from dissmodel.errors import DissmodelWarning, InvalidInput
from dissmodel.geo.vector.contiguity import edges_of, nowhere_twice
from dissmodel.geo.vector.neighborhood import queen


def grid(n=40):
    row, col = np.divmod(np.arange(n * n), n)
    return shapely.box(col * 30.0, row * 30.0, col * 30.0 + 30, row * 30.0 + 30)


def hexagons(n=40):
    row, col = np.divmod(np.arange(n * n), n)
    x = (2.0 * col + row % 2)[:, None] + np.array([0, 1, 1, 0, -1, -1])
    y = (3.0 * row)[:, None] + np.array([2, 1, -1, -2, -1, 1])
    return shapely.polygons(np.stack([x, y], axis=-1))


def holed(n=40):
    """Squares with a hole, two far ones in one cell, and a square in each hole."""
    outer, inner = grid(n), shapely.buffer(shapely.centroid(grid(n)), 8, cap_style="square")
    rings = shapely.difference(outer, inner).reshape(2, -1).T.ravel()
    return np.concatenate([shapely.multipolygons(rings, indices=np.arange(n * n) // 2), inner])


LAYERS = {"grid": grid, "hexagons": hexagons, "holed": holed}


def pairs(cells):
    """Return the pairs that overlap, each found by the area they share."""
    first, second = shapely.STRtree(cells).query(cells)
    first, second = first[first < second], second[first < second]
    shared = shapely.area(shapely.intersection(cells[first], cells[second]))
    return sorted(zip(first[shared > 1e-6].tolist(), second[shared > 1e-6].tolist(), strict=True))


@pytest.fixture(params=LAYERS)
def cells(request):
    return LAYERS[request.param]()


def test_a_coverage_is_quiet(cells):
    assert nowhere_twice(cells)
    assert [] == pairs(cells)
    queen(cells)


def test_holes_and_orientation_do_not_matter():
    cells = holed(6)

    assert nowhere_twice(shapely.reverse(cells))
    assert nowhere_twice(np.where(np.arange(len(cells)) % 2, shapely.reverse(cells), cells))
    assert nowhere_twice(cells[::3])


@pytest.mark.fast_cases(
    "grid-moved",
    "grid-larger",
    "grid-nested",
    "grid-nested on a vertex",
    "grid-crossing",
    "hexagons-crossing",
    "hexagons-moved",
    "hexagons-larger",
    "holed-larger",
)
@pytest.mark.parametrize("change", ["moved", "larger", "nested", "nested on a vertex", "crossing"])
def test_an_overlap_is_counted_and_the_first_named(cells, change):
    at = 815
    one = cells[at]
    corner = shapely.get_coordinates(one)[0]
    middle = shapely.get_coordinates(shapely.point_on_surface(one))[0]
    small = shapely.buffer(shapely.point_on_surface(one), 0.1)
    west, south, east, north = shapely.bounds(one)
    changed = {
        "moved": lambda: np.concatenate(
            [cells[:at], [shapely.transform(one, lambda xy: xy + 0.7)], cells[at + 1 :]]
        ),
        "larger": lambda: np.concatenate([cells[:at], [shapely.buffer(one, 0.3)], cells[at + 1 :]]),
        "nested": lambda: np.append(cells, small),
        "nested on a vertex": lambda: np.append(
            cells, shapely.Polygon([corner, middle, middle + (corner - middle)[::-1] * [0.1, -0.1]])
        ),
        "crossing": lambda: np.append(cells, shapely.box(west - 40, south + 0.3, east + 40, north - 0.3)),
    }[change]()
    expected = pairs(changed)

    assert expected
    assert not nowhere_twice(changed)
    with pytest.warns(DissmodelWarning) as caught:
        queen(changed)
    first, second = expected[0]
    said = str(caught[0].message)
    assert said.startswith(f"{len(expected)} pair")
    assert f"the first are features {first} and {second}, counted from 0" in said


def test_a_few_cells_are_asked_one_by_one():
    with pytest.warns(DissmodelWarning, match="1 pair of cells overlaps.*features 0 and 2, counted from 0"):
        queen(shapely.box([0, 5, 1], 0, [2, 6, 3], 1))


def test_a_rounding_error_is_no_overlap():
    # Bricks, turned: the vertices in the middle of an edge are beside it by some 1e-12.
    row, col = np.divmod(np.arange(1600), 40)
    west = col * 30.0 + row % 2 * 15.0
    bricks = shapely.box(west, row * 30.0, west + 30, row * 30.0 + 30)
    cosine, sine = np.cos(0.3), np.sin(0.3)
    turned = shapely.transform(bricks, lambda xy: xy @ np.array([[cosine, sine], [-sine, cosine]]))
    first, second = shapely.STRtree(turned).query(turned, predicate="intersects")

    assert shapely.relate_pattern(turned[first], turned[second], "T********")[first != second].any()
    queen(turned)


def test_duplicates_are_an_error_all_the_same():
    with pytest.raises(InvalidInput, match="feature 1600, like feature 3"):
        queen(np.append(hexagons(), hexagons()[3]))


def test_edges_know_on_which_side_their_polygon_lies():
    cells = holed(2)
    edges = edges_of(cells)
    middle = (edges.ends[:, :2] + edges.ends[:, 2:]) / 2
    along = edges.ends[:, 2:] - edges.ends[:, :2]
    left = np.stack([-along[:, 1], along[:, 0]], axis=1) * 1e-6
    points = shapely.points(middle + left * edges.side[:, None])

    assert len(edges.ends) == sum(shapely.get_num_coordinates(cells)) - sum(
        shapely.get_num_interior_rings(shapely.get_parts(cells)) + 1
    )
    assert shapely.contains(cells[edges.owners], points).all()


def test_no_warning_comes_twice_for_one_layer():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        queen(shapely.box([0, 1], 0, [2, 3], 1))

    assert 1 == len(caught)
