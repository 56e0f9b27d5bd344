"""Neighbours of cells against their definition, read cell by cell."""

from __future__ import annotations

import math

import numpy as np
import pytest
import shapely
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from dissmodel.cells.grids import grid_topology, window
from dissmodel.cells.layout import Pixels
from dissmodel.cells.links import Links, table_topology
from dissmodel.cells.near import Counts, neighbors, pixel_topology, polygon_topology
from dissmodel.errors import DissmodelWarning, InvalidInput, UsageError, WrongType, WrongValue
from dissmodel.geo.vector.strategies import neighborhood_of

KINDS = st.one_of(
    st.tuples(st.sampled_from(["moore", "von_neumann"]), st.integers(1, 4)),
    st.tuples(st.just("circle"), st.sampled_from([1, 1.5, 2, math.sqrt(5), 3, math.sqrt(13)])),
)
ORDERS = ["row by row", "from below", "from the right", "column by column", "columns from the right", "any"]


def is_near(kind: str, radius: float, down: int, right: int) -> bool:
    if (down, right) == (0, 0):
        return False
    if kind == "moore":
        return max(abs(down), abs(right)) <= radius
    if kind == "von_neumann":
        return abs(down) + abs(right) <= radius
    return math.sqrt(down**2 + right**2) <= radius


def neighbors_by_definition(places, kind, radius):
    """For each place in visiting order, the numbers of its neighbours, ascending."""
    return [
        [n for n, other in enumerate(places) if is_near(kind, radius, other[0] - row, other[1] - col)]
        for row, col in places
    ]


def added(near, values):
    """The sums of floats, as the specification has them: from 0.0, one at a time."""
    sums = []
    for numbers in near:
        total = 0.0
        for number in numbers:
            total += float(values[number])
        sums.append(total)
    return sums


def bits(values):
    return np.asarray(values, np.float64).view(np.uint64).tolist()


@st.composite
def spaces(draw):
    """A mask, its cells in visiting order, and the order as a grid (None for row by row)."""
    inside = draw(hnp.arrays(np.bool_, st.tuples(st.integers(1, 7), st.integers(1, 7))))
    if draw(st.booleans()):
        inside[:] = True
    places = [(int(row), int(col)) for row, col in np.argwhere(inside)]
    kind = draw(st.sampled_from(ORDERS))
    keys = {
        "from below": lambda at: (-at[0], at[1]),
        "from the right": lambda at: (at[0], -at[1]),
        "column by column": lambda at: (at[1], at[0]),
        "columns from the right": lambda at: (-at[1], at[0]),
    }
    if kind == "row by row":
        return inside, places, None
    places = draw(st.permutations(places)) if kind == "any" else sorted(places, key=keys[kind])
    order = np.full(inside.shape, -1)
    for number, place in enumerate(places):
        order[place] = number
    return inside, places, order


def floats(cells, seed):
    """Numbers whose sums depend on the order in which they are added."""
    rng = np.random.default_rng(seed)
    return rng.standard_normal(cells) * 10.0 ** rng.integers(-8, 9, cells)


@settings(deadline=None, max_examples=300)
@given(spaces(), KINDS, st.integers(0, 2**32))
def test_pixels_have_the_neighbours_of_the_definition(space, window_of, seed):
    (inside, places, order), (kind, radius) = space, window_of
    cells, near = len(places), neighbors_by_definition(space[1], kind, radius)
    rng = np.random.default_rng(seed)
    truths, codes = rng.random(cells) < 0.4, rng.integers(0, 256, cells).astype(np.uint8)
    whole, real = rng.integers(-(2**50), 2**50, cells), floats(cells, seed)

    topology = grid_topology(inside, order, kind, radius)
    topology.warned = True

    assert cells == topology.cells
    assert [len(numbers) for numbers in near] == topology.counts.tolist()
    assert [sum(truths[numbers]) for numbers in near] == neighbors(topology, truths).sum().tolist()
    assert [sum(truths[numbers]) for numbers in near] == neighbors(topology, truths).count().tolist()
    assert [any(truths[numbers]) for numbers in near] == neighbors(topology, truths).any().tolist()
    assert [all(truths[numbers]) for numbers in near] == neighbors(topology, truths).min().tolist()
    assert [sum(map(int, codes[n])) for n in near] == neighbors(topology, codes).sum().tolist()
    assert [max(codes[n], default=0) for n in near] == neighbors(topology, codes).max().tolist()
    assert [min(codes[n], default=255) for n in near] == neighbors(topology, codes).min().tolist()
    assert [sum(map(int, whole[n])) for n in near] == neighbors(topology, whole).sum().tolist()
    assert bits(added(near, real)) == bits(neighbors(topology, real).sum())
    largest = [max(real[n], default=np.nan) for n in near]
    np.testing.assert_array_equal(largest, neighbors(topology, real).max())
    smallest = [min(real[n], default=np.nan) for n in near]
    np.testing.assert_array_equal(smallest, neighbors(topology, real).min())


@settings(deadline=None, max_examples=150)
@given(spaces(), st.sampled_from(["moore", "von_neumann"]), st.integers(0, 2**32))
def test_polygons_of_a_grid_have_the_bits_of_pixels(space, kind, seed):
    inside, places, order = space
    if not places:
        return
    rows, cols = np.array(places).T
    # Rows and columns without a cell would be gaps between polygons, which touch none.
    polygons = shapely.box(cols * 30.0, -rows * 20.0, cols * 30.0 + 30, -rows * 20.0 + 20)
    real = floats(len(places), seed)
    pixels = grid_topology(inside, order, kind)
    strategy = {"moore": "queen", "von_neumann": "rook"}[kind]
    links = Links(neighborhood_of(polygons, strategy))

    for topology in (polygon_topology(polygons, kind), polygon_topology(polygons, strategy), links):
        assert bits(pixels.sum(real)) == bits(topology.sum(real))
        assert pixels.counts.tolist() == topology.counts.tolist()
        assert pixels.sum(real > 0).tolist() == topology.sum(real > 0).tolist()
        assert pixels.extreme(real, largest=True).tolist() == topology.extreme(real, largest=True).tolist()
        assert neighbors(pixels, real > 0).sum().dtype == neighbors(topology, real > 0).sum().dtype


def test_a_radius_in_cells_means_the_same_on_polygons_of_a_grid():
    rows, cols = np.divmod(np.arange(30), 6)
    polygons = shapely.box(cols * 10.0, -rows * 10.0, cols * 10.0 + 10, -rows * 10.0 + 10)
    values = floats(30, 1)

    for kind, radius in (("moore", 2), ("von_neumann", 3), ("circle", 2.3)):
        pixels = grid_topology(np.ones((5, 6), bool), kind=kind, radius=radius)
        assert bits(pixels.sum(values)) == bits(polygon_topology(polygons, kind, radius=radius).sum(values))


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("moore", {"radius": 2}),
        ("rook", {}),
        ("circle", {"radius": 1.5}),
        ("k_nearest", {"k": 5}),
        ("distance", {"radius": 65.0}),
    ],
)
def test_pixels_have_every_kind_of_neighbour_with_the_bits_of_polygons(kind, options):
    rng = np.random.default_rng(2)
    inside = rng.random((7, 9)) < 0.8
    rows, cols = np.nonzero(inside)
    visit = rng.permutation(len(rows))
    rows, cols = rows[visit], cols[visit]
    order = np.full(inside.shape, -1)
    order[rows, cols] = np.arange(len(rows))
    polygons = shapely.box(cols * 30.0 + 5, 9 - rows * 20.0 - 20, cols * 30.0 + 35, 9 - rows * 20.0)
    values = floats(len(rows), 5)

    space = Pixels(inside=inside, order=order, transform=Affine(30, 0, 5, 0, -20, 9))
    pixels = pixel_topology(space, kind, **options)

    assert bits(polygon_topology(polygons, kind, **options).sum(values)) == bits(pixels.sum(values))


def test_distances_of_pixels_in_degrees_are_warned_of():
    with pytest.warns(DissmodelWarning, match="geographic"):
        pixel_topology(Pixels(inside=np.ones((2, 2), bool), crs="EPSG:4326"), "distance", radius=1.0)
    with pytest.raises(UsageError, match="has no k"):
        pixel_topology(Pixels(inside=np.ones((2, 2), bool)), "moore", k=3)


@st.composite
def tables(draw):
    cells = draw(st.integers(1, 12))
    links = draw(st.lists(st.tuples(st.integers(0, cells - 1), st.integers(0, cells - 1)), unique=True))
    return cells, links


@settings(deadline=None, max_examples=200)
@given(tables(), st.integers(0, 2**32))
def test_a_table_gives_its_links_in_visiting_order(table, seed):
    cells, links = table
    table = np.array(links, np.int64).reshape(-1, 2)
    rng = np.random.default_rng(seed)
    weights, values, truths = rng.random(len(links)), floats(cells, seed), rng.random(cells) < 0.5
    rows = [
        sorted((to, weights[n]) for n, (at, to) in enumerate(links) if at == cell) for cell in range(cells)
    ]
    near = [[to for to, _ in row] for row in rows]
    weighted, total = [], []
    for row in rows:
        weighted.append(0.0)
        total.append(0.0)
        for to, weight in row:
            weighted[-1] += float(values[to]) * float(weight)
            total[-1] += float(weight)

    topology = table_topology(cells, table)
    weighing = neighbors(topology, values, weights)

    assert bits(added(near, values)) == bits(neighbors(topology, values).sum())
    assert bits(weighted) == bits(weighing.sum())
    topology.warned = True
    with np.errstate(invalid="ignore"):  # 0 by 0 where no neighbour is
        np.testing.assert_array_equal(np.array(weighted) / np.array(total), weighing.mean())
    assert sorted(links) == list(map(tuple, topology.links().tolist()))
    assert [len(numbers) for numbers in near] == topology.counts.tolist()
    assert [sum(truths[numbers]) for numbers in near] == neighbors(topology, truths).count().tolist()
    assert [any(truths[numbers]) for numbers in near] == neighbors(topology, truths, weights).any().tolist()


def test_a_cell_with_very_many_neighbours_costs_no_table_of_that_width():
    hub = np.zeros(5000, np.int64)
    spokes = np.arange(1, 5001)
    topology = table_topology(5001, np.concatenate([np.stack([hub, spokes], 1), np.stack([spokes, hub], 1)]))

    assert [5000, 1, 1] == topology.counts[:3].tolist()
    assert 5000 == neighbors(topology, np.ones(5001, bool)).sum()[0]
    assert 10_000 == sum(len(level) for level in topology._levels)


@pytest.mark.parametrize("kind", ["queen", "rook", "k_nearest", "distance"])
def test_polygons_have_the_neighbours_of_libpysal(kind):
    graph = pytest.importorskip("libpysal.graph")
    gpd = pytest.importorskip("geopandas")
    points = np.random.default_rng(3).random((200, 2)) * 1000
    frame = gpd.GeoDataFrame(
        geometry=shapely.get_parts(shapely.voronoi_polygons(shapely.multipoints(points)))
    )
    centres = frame.set_geometry(frame.centroid)
    options, build = {
        "queen": ({}, lambda: graph.Graph.build_contiguity(frame, rook=False, strict=True)),
        "rook": ({}, lambda: graph.Graph.build_contiguity(frame, rook=True, strict=True)),
        "k_nearest": ({"k": 5}, lambda: graph.Graph.build_knn(centres, k=5)),
        "distance": ({"radius": 90.0}, lambda: graph.Graph.build_distance_band(centres, threshold=90.0)),
    }[kind]
    values = floats(200, 4)
    expected = {cell: list(there) for cell, there in build().neighbors.items()}
    near = [sorted(n for n in expected.get(cell, []) if n != cell) for cell in range(200)]

    found = polygon_topology(frame, kind, **options)

    assert bits(added(near, values)) == bits(found.sum(values))


def test_the_mean_of_a_cell_without_neighbours_is_nan_and_a_warning_counts_them_once():
    topology = grid_topology(np.array([[True, True, False, True]]))

    with pytest.warns(DissmodelWarning, match="1 of 3 cells have no neighbours"):
        means = neighbors(topology, np.array([1.0, 5.0, 9.0])).mean()

    np.testing.assert_array_equal([5.0, 1.0, np.nan], means)
    np.testing.assert_array_equal(
        [0.0, 1.0, np.nan], neighbors(topology, np.array([True, False, True])).mean()
    )


def test_a_mean_is_the_sum_by_the_number_or_by_the_weights():
    topology = table_topology(3, np.array([[0, 2], [0, 1], [1, 0], [2, 0]]))
    values = np.array([8, 2, 4])

    assert [3.0, 8.0, 8.0] == neighbors(topology, values).mean().tolist()
    assert [3.5, 8.0, 8.0] == neighbors(topology, values, [3.0, 1.0, 2.0, 2.0]).mean().tolist()


def test_weights_of_pixels_are_those_of_their_links():
    topology = grid_topology(np.array([[True, True], [False, True]]))

    assert [[0, 1], [0, 2], [1, 0], [1, 2], [2, 0], [2, 1]] == topology.links().tolist()
    found = neighbors(topology, np.array([10, 20, 30]), np.array([1, 2, 3, 4, 5, 6])).sum()
    assert [20 + 2 * 30, 3 * 10 + 4 * 30, 5 * 10 + 6 * 20] == found.tolist()
    for weights in (np.ones(5), np.full(6, np.nan), ["a"] * 6):
        with pytest.raises(WrongValue, match="for 6 links"):
            neighbors(topology, np.ones(3), weights)


@pytest.mark.parametrize(
    ("dtype", "least", "most"), [("u1", 0, 255), ("i8", -(2**63), 2**63 - 1), ("f8", np.nan, np.nan)]
)
def test_the_extreme_of_a_cell_without_neighbours_is_said_once(dtype, least, most):
    topology = grid_topology(np.array([[True, True, False, True]]))
    near = neighbors(topology, np.array([1, 5, 9], dtype))

    with pytest.warns(DissmodelWarning, match=rf"1 of 3 cells have no neighbours: max\(\) is {least} there"):
        largest = near.max()

    np.testing.assert_array_equal(np.array([5, 1, least], dtype), largest)
    np.testing.assert_array_equal(np.array([5, 1, most], dtype), near.min())


def test_nan_of_a_neighbour_is_seen_and_that_of_others_is_not():
    topology = grid_topology(np.ones((1, 4), bool))
    near = neighbors(topology, np.array([np.nan, 1.0, 2.0, 3.0]))

    np.testing.assert_array_equal([1.0, np.nan, 4.0, 2.0], near.sum())
    np.testing.assert_array_equal([1.0, np.nan, 3.0, 2.0], near.max())
    np.testing.assert_array_equal([1.0, np.nan, 1.0, 2.0], near.min())


def test_the_largest_of_two_zeros_is_the_same_everywhere():
    row = np.array([[0.0, -0.0, -0.0, 0.0]])
    found = neighbors(grid_topology(np.ones((1, 4), bool)), row[0]).max()

    assert not np.signbit(found).any()


def test_counts_never_wrap_round():
    near = neighbors(grid_topology(np.ones((3, 3), bool)), np.ones(9, bool)).sum()

    assert isinstance(near, Counts)
    assert [0, 2, 0, 2, 5, 2, 0, 2, 0] == (near - 3).tolist()
    assert [-3, -5] == (-near[:2]).tolist()
    assert 800 == (near * 100)[4] == near[4] * 100
    assert 300 == np.where(near > 0, near, 0)[0] * 100
    assert -1 == (np.stack([near, near]) - 4).min()
    assert 40 == near.sum() == np.sum(near)
    assert [False, True, False] == (near[:3] >= 4).tolist()
    assert [True] * 9 == (near == near.copy()).tolist()
    near += 300
    assert 308 == near[4]


def test_more_than_255_neighbours_are_counted():
    topology = grid_topology(np.ones((30, 30), bool), radius=12)

    assert 24 * 25 + 24 == neighbors(topology, np.ones(900, bool)).sum().max()


def test_a_sum_of_integers_that_does_not_fit_is_refused():
    topology = grid_topology(np.ones((3, 3), bool))

    with pytest.raises(WrongValue, match="does not fit 64 bits"):
        neighbors(topology, np.full(9, 2**61)).sum()
    assert 8 * 2**59 == neighbors(topology, np.full(9, 2**59)).sum()[4]


@pytest.mark.parametrize(
    ("values", "error"),
    [(np.zeros((2, 2)), WrongValue), (np.zeros(3), WrongValue), (np.array(["a"] * 4), WrongType)],
)
def test_values_that_are_not_one_number_a_cell_are_refused(values, error):
    with pytest.raises(error, match=r"neighbors(\(\) was given| got the shape)"):
        neighbors(grid_topology(np.ones((2, 2), bool)), values)


@pytest.mark.parametrize(
    ("kind", "radius"),
    [("moore", 0), ("moore", 1.5), ("circle", math.inf), ("circle", math.nan), ("moore", True)],
)
def test_a_window_that_does_not_exist_is_refused(kind, radius):
    with pytest.raises(UsageError):
        window(kind, radius)


def test_a_wrong_table_is_refused():
    with pytest.raises(InvalidInput, match=r"1 of 2 rows of the table name a cell.*first is 3"):
        table_topology(3, np.array([[0, 1], [3, 1]]))
    with pytest.raises(InvalidInput, match="1 rows of the table repeat a link; the first is 0, 1"):
        table_topology(3, np.array([[0, 1], [0, 1]]))
    for table in (np.array([[0.5, 1.0]]), np.array([0, 1]), np.zeros((2, 3), int)):
        with pytest.raises(WrongValue, match="no two columns of integers"):
            table_topology(3, table)


def test_polygons_that_are_no_grid_have_no_radius_in_cells():
    bricks = shapely.box([0, 15, 0], [0, 10, 20], [30, 45, 30], [10, 20, 30])

    assert isinstance(polygon_topology(bricks, "moore"), Links)
    for kind, radius in (("moore", 2), ("circle", 1)):
        with pytest.raises(UsageError, match="not the cells of a grid"):
            polygon_topology(bricks, kind, radius=radius)
    with pytest.raises(UsageError, match="no neighbourhood 'quen'") as caught:
        polygon_topology(bricks, "quen")
    assert caught.value.hint == "Did you mean 'queen'?"
    with pytest.raises(UsageError, match="has no k"):
        polygon_topology(bricks, "queen", k=3)


def test_two_polygons_in_one_place_are_refused():
    with pytest.raises(InvalidInput, match="repeats the"):
        polygon_topology(shapely.box([0, 0, 10], 0, [10, 10, 20], 10))


def test_a_grid_that_is_nearly_empty_takes_links():
    diagonal = np.arange(3000) * 2.0
    polygons = shapely.box(diagonal, diagonal, diagonal + 1, diagonal + 1)

    assert isinstance(polygon_topology(polygons), Links)
