"""Neighbours by distance, against libpysal and against every distance there is."""

import geopandas
import numpy as np
import pytest
import shapely
from libpysal import graph

from dissmodel.errors import DissmodelWarning, InvalidInput, UsageError
from dissmodel.geo.vector.neighborhood import distance_band, k_nearest, neighborhood_of


def around(points, size=0.25):
    """Squares whose centroids are `points`, exactly where these have few digits."""
    points = np.asarray(points, dtype=float)
    return shapely.box(*(points - size).T, *(points + size).T)


def distances(polygons):
    points = shapely.get_coordinates(shapely.centroid(polygons))
    apart = points[:, None] - points[None]
    return np.sqrt(apart[..., 0] ** 2 + apart[..., 1] ** 2)


def nearest_by_definition(polygons, k):
    far = distances(polygons)
    np.fill_diagonal(far, np.inf)
    return np.sort(np.argsort(far, axis=1, kind="stable")[:, :k], axis=1).tolist()


def as_lists(found):
    return [found.of(cell).tolist() for cell in range(len(found))]


def grid(rows=13, cols=17):
    return around(np.stack(np.divmod(np.arange(rows * cols), cols), axis=1))


def voronoi(cells=400):
    points = shapely.multipoints(np.random.default_rng(4).random((cells, 2)) * 1000)
    return shapely.get_parts(shapely.voronoi_polygons(points))


def clusters():
    """Half of the cells in one place, the others far and wide."""
    random = np.random.default_rng(5)
    return around(np.concatenate([random.random((300, 2)) * 4, random.random((300, 2)) * 10**6]), 0.0001)


def one_row():
    return around([(number * number, 0) for number in range(50)])


def one_column():
    return around([(0, number) for number in range(50)])


def one_inside_the_other():
    """Ten squares with one centroid, and ten with another."""
    places = np.repeat([(0, 0), (64, 64)], 10, axis=0)
    sizes = np.tile(2.0 ** np.arange(10), 2)[:, None]
    return shapely.box(*(places - sizes).T, *(places + sizes).T)


@pytest.mark.parametrize("k", [1, 4, 8, 19])
@pytest.mark.parametrize(
    "layer", [grid, voronoi, clusters, one_row, one_column, one_inside_the_other], ids=lambda f: f.__name__
)
def test_the_nearest_are_the_nearest_and_the_first_of_those_at_one_distance(layer, k):
    polygons = layer()

    assert nearest_by_definition(polygons, k) == as_lists(k_nearest(polygons, k))


def test_all_others_are_the_nearest():
    assert [[1, 2], [0, 2], [0, 1]] == as_lists(k_nearest(around([(0, 0), (1, 0), (5, 5)]), 2))


@pytest.fixture(scope="module")
def libpysal():
    def build(name, polygons, number):
        found = getattr(graph.Graph, name)(geopandas.GeoSeries(shapely.centroid(polygons)), number)
        lists = [[] for _ in polygons]
        for cell, other in found.adjacency.index:
            if cell != other:
                lists[cell].append(int(other))
        return [sorted(others) for others in lists]

    return build


@pytest.mark.parametrize("layer", [voronoi, clusters, one_row])
def test_k_nearest_is_that_of_libpysal(layer, libpysal):
    polygons = layer()

    assert libpysal("build_knn", polygons, 5) == as_lists(k_nearest(polygons, 5))


@pytest.mark.parametrize(
    ("layer", "radius"), [(voronoi, 80.0), (clusters, 1.5), (one_row, 9.0), (grid, 1.0), (grid, 5.0)]
)
def test_distance_band_is_that_of_libpysal(layer, radius, libpysal):
    polygons = layer()
    found = distance_band(polygons, radius)

    assert libpysal("build_distance_band", polygons, radius) == as_lists(found)
    assert all(cell in found.of(other) for cell in range(len(found)) for other in found.of(cell))


def test_a_cell_at_the_radius_is_a_neighbour():
    # 3, 4, 5 makes the distance exact.
    polygons = around([(0, 0), (3, 4), (0, 5.25)])

    assert [[1], [0, 2], [1]] == as_lists(distance_band(polygons, 5))
    assert [[], [2], [1]] == as_lists(distance_band(polygons, np.nextafter(5.0, 0)))


def test_far_from_the_origin_a_cell_at_the_radius_is_a_neighbour():
    polygons = around(np.array([(0, 0), (30, 0), (60, 0)]) + 2.0**40)

    assert [[1], [0, 2], [1]] == as_lists(distance_band(polygons, 30))


def test_no_cells():
    assert 0 == len(distance_band([], 1))


@pytest.mark.parametrize("radius", [0, -1, np.nan, np.inf, "5", True, None])
def test_a_radius_that_is_none_is_named(radius):
    with pytest.raises(UsageError, match="radius"):
        neighborhood_of(grid(), "distance_band", radius=radius)


@pytest.mark.parametrize("k", [0, -1, 2.0, "5", True, None])
def test_a_number_of_neighbours_that_is_none_is_named(k):
    with pytest.raises(UsageError, match=r"\bk\b"):
        neighborhood_of(grid(), "k_nearest", k=k)


@pytest.mark.parametrize("cells", [0, 1, 5])
def test_more_neighbours_than_cells_are_named(cells):
    with pytest.raises(UsageError, match=f"k is 5, and there are {cells} cells"):
        k_nearest(grid()[:cells], 5)


def test_a_radius_that_would_fill_the_memory_is_named(monkeypatch):
    from dissmodel.geo.vector import proximity

    monkeypatch.setattr(proximity, "_MOST_LINKS", 1000)

    with pytest.raises(
        UsageError, match=r"A radius of 1e.06 gives the first 16 of 221 cells 3520 neighbours"
    ):
        distance_band(grid(), 1e6)


@pytest.mark.parametrize(("find", "number"), [(k_nearest, 2), (distance_band, 2.0)])
def test_an_invalid_polygon_is_named(find, number):
    polygons = grid()
    polygons[7] = shapely.Polygon([(0, 0), (2, 2), (2, 0), (0, 2)])

    with pytest.raises(
        InvalidInput, match=r"the first is feature 7, counted from 0: Self-intersection\[1 1\]"
    ):
        find(polygons, number)


@pytest.mark.parametrize(
    ("strategy", "numbers"),
    [
        ("queen", {"k": 3}),
        ("rook", {"radius": 3.0}),
        ("k_nearest", {"k": 3, "radius": 3.0}),
        ("distance_band", {"k": 3, "radius": 3.0}),
    ],
)
def test_a_number_that_is_not_the_strategys_is_named(strategy, numbers):
    with pytest.raises(UsageError, match=f"The neighbourhood '{strategy}' has no (k|radius)"):
        neighborhood_of(grid(), strategy, **numbers)


def test_an_unknown_strategy_is_named():
    with pytest.raises(UsageError, match="no neighbourhood 'quen'") as caught:
        neighborhood_of(grid(), "quen")

    assert "Did you mean 'queen'?" == caught.value.hint


@pytest.mark.parametrize(
    ("strategy", "number"), [("k_nearest", {"k": 2}), ("distance_band", {"radius": 2.0})]
)
def test_degrees_are_no_distance(strategy, number):
    cells = geopandas.GeoSeries(grid(), crs="EPSG:4326")

    with pytest.warns(DissmodelWarning, match="in degrees"):
        found = neighborhood_of(cells, strategy, **number)

    assert found is neighborhood_of(cells.set_crs("EPSG:31983", allow_override=True), strategy, **number)


def test_other_numbers_are_other_neighbourhoods():
    assert 2 == neighborhood_of(grid(), "k_nearest", k=2).count[0]
    assert 3 == neighborhood_of(grid(), "k_nearest", k=3).count[0]
