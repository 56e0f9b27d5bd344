"""Polygons that touch, against libpysal and against small layers whose neighbours a person can see."""

import geopandas
import numpy as np
import pandas as pd
import pyogrio
import pytest
import shapely
from libpysal import graph
from shapely.affinity import translate

from dissmodel.errors import InvalidInput
from dissmodel.geo.vector import neighborhood, strategies
from dissmodel.geo.vector.neighborhood import neighborhood_of, queen, rook


def links(found):
    """The links of a neighbourhood as a set of pairs."""
    cells = np.repeat(np.arange(len(found)), found.count)
    return set(zip(cells.tolist(), found.neighbors.tolist(), strict=True))


def of_graph(graph):
    """The links of a libpysal graph, in which an island is its own neighbour."""
    return {(int(i), int(j)) for i, j in graph.adjacency.index if i != j}


def squares(rows=7, cols=9, side=30.0):
    row, col = np.divmod(np.arange(rows * cols), cols)
    return shapely.box(col * side, row * side, (col + 1) * side, (row + 1) * side)


def hexagons(rows=8, cols=9):
    row, col = np.divmod(np.arange(rows * cols), cols)
    x = (2.0 * col + row % 2)[:, None] + np.array([0, 1, 1, 0, -1, -1])
    y = (3.0 * row)[:, None] + np.array([2, 1, -1, -2, -1, 1])
    return shapely.polygons(np.stack([x, y], axis=-1))


def voronoi(cells=300):
    points = shapely.multipoints(np.random.default_rng(4).random((cells, 2)) * 1000)
    return shapely.get_parts(shapely.voronoi_polygons(points))


def quadtree(depth=6):
    """Squares of many sizes: a corner of a small one lies in the middle of a large one's edge."""
    random, done = np.random.default_rng(5), []

    def divide(west, south, side, level):
        if level == depth or (level > 1 and random.random() < 0.4):
            done.append(shapely.box(west, south, west + side, south + side))
            return
        half = side / 2
        for dx in (0, half):
            for dy in (0, half):
                divide(west + dx, south + dy, half, level + 1)

    divide(0.0, 0.0, 64.0, 0)
    return np.array(done)


def multipart():
    """Hexagons and pairs of hexagons that lie apart, as one feature each."""
    cells = hexagons()
    order = np.random.default_rng(6).permutation(len(cells))
    pairs = [shapely.union_all(cells[order[i : i + 2]]) for i in range(0, 40, 2)]
    assert any(pair.geom_type == "MultiPolygon" for pair in pairs)
    return np.array([*pairs, *cells[order[40:]]])


def holed():
    """A frame, its filling, an island inside another's lake, and one that touches the shore in a point."""
    frame = shapely.box(0, 0, 10, 10) - shapely.box(3, 3, 7, 7)
    lake = shapely.box(10, 0, 30, 10) - shapely.box(12, 2, 28, 8)
    twice = shapely.box(0, 20, 30, 30) - shapely.box(2, 22, 5, 25) - shapely.box(20, 22, 25, 25)
    inner = [shapely.box(3, 3, 7, 7), shapely.box(15, 4, 18, 6), shapely.Polygon([(28, 5), (26, 6), (26, 4)])]
    return np.array([frame, lake, twice, *inner, shapely.box(2, 22, 5, 25), shapely.box(22, 23, 23, 24)])


def islands():
    return np.array([shapely.box(4 * i, 0, 4 * i + (4 if i % 3 else 2), 2) for i in range(12)])


def checkerboard():
    row, col = np.divmod(np.arange(64), 8)
    return squares(8, 8)[(row + col) % 2 == 0]


def solid():
    return shapely.force_3d(voronoi(60), np.arange(60.0))


def shuffled():
    return np.random.default_rng(7).permutation(squares())


def fan():
    """Many triangles around one point."""
    angle = np.linspace(0, 2 * np.pi, 41)
    rim = np.column_stack([np.cos(angle), np.sin(angle)])
    return shapely.polygons(np.stack([np.zeros((40, 2)), rim[:-1], rim[1:]], axis=1))


LAYERS = [
    squares,
    shuffled,
    hexagons,
    voronoi,
    quadtree,
    multipart,
    holed,
    islands,
    checkerboard,
    solid,
    fan,
]


@pytest.fixture(scope="module")
def build_contiguity():
    def build(polygons, *, rook):
        return of_graph(graph.Graph.build_contiguity(geopandas.GeoSeries(polygons), rook=rook, strict=True))

    return build


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("rule", ["queen", "rook"])
def test_contiguity_is_that_of_libpysal(layer, rule, build_contiguity):
    polygons = layer()
    expected = build_contiguity(polygons, rook=rule == "rook")

    assert expected == links({"queen": queen, "rook": rook}[rule](polygons))
    assert expected == links(neighborhood_of(polygons, rule))


def is_symmetric(found):
    cells = np.repeat(np.arange(len(found)), found.count).tolist()
    pairs = set(zip(cells, found.neighbors.tolist(), strict=True))
    return pairs == {(neighbor, cell) for cell, neighbor in pairs}


@pytest.mark.parametrize("layer", LAYERS)
def test_contiguity_is_symmetric_and_ordered(layer):
    found = queen(layer())

    assert is_symmetric(found)
    assert all(np.all(np.diff(found.of(cell)) > 0) for cell in range(len(found)))


@pytest.mark.filterwarnings("ignore:.*of cells overlap:dissmodel.errors.DissmodelWarning")
def test_overlapping_polygons_are_neighbours():
    near = shapely.box([0, 2, 3, 2.5, 20], [0, 0, 1, 0.5, 20], [3, 5, 4, 2.9, 21], [3, 3, 2, 0.9, 21])
    # 0 and 1 overlap, 2 lies within 1 and touches 0, 3 lies within both.
    expected = [[1, 2, 3], [0, 2, 3], [0, 1], [0, 1], []]
    found = queen(near)

    assert expected == [found.of(cell).tolist() for cell in range(5)]
    assert [4] == found.islands.tolist()


@pytest.mark.filterwarnings("ignore:.*of cells overlap:dissmodel.errors.DissmodelWarning")
def test_overlaps_are_what_libpysal_finds_without_the_strictness():
    corner = np.random.default_rng(8).random((200, 2)) * 100
    boxes = shapely.box(*corner.T, *(corner + 6).T)
    expected = of_graph(graph.Graph.build_fuzzy_contiguity(geopandas.GeoSeries(boxes)))

    assert expected == links(queen(boxes))


def test_rook_of_overlapping_polygons_needs_an_edge_in_common():
    # 0 and 1 share an edge and overlap, 2 overlaps both and shares none.
    boxes = shapely.box([0, 0, 0.5], [0, 0, 1], [2, 1, 3], [2, 2, 3])

    assert {(0, 1), (1, 0)} == links(rook(boxes))


def test_a_gap_of_one_rounding_is_a_gap():
    edge = np.nextafter(30.0, 31.0)
    apart = shapely.box([0, edge], [0, 0], [30, 60], [30, 30])

    assert set() == links(queen(apart))
    assert set() == links(neighborhood_of(apart))


def test_zero_and_minus_zero_are_one_place():
    halves = [shapely.Polygon([(0.0, 0), (0.0, 1), (2, 3)]), shapely.Polygon([(-0.0, 0), (-0.0, 1), (-2, 3)])]

    assert {(0, 1), (1, 0)} == links(queen(halves))
    assert {(0, 1), (1, 0)} == links(rook(halves))


def test_hashes_that_collide_do_no_harm(monkeypatch, build_contiguity):
    from dissmodel.geo.vector import contiguity

    monkeypatch.setattr(contiguity, "hashes", lambda points: (points[:, 0] % 7).astype(np.uint64))
    polygons = voronoi(120)

    assert build_contiguity(polygons, rook=False) == links(queen(polygons))
    assert build_contiguity(polygons, rook=True) == links(rook(polygons))


@pytest.mark.parametrize("find", [queen, rook, neighborhood_of])
def test_no_cells_have_no_neighbours(find):
    assert 0 == len(find([]))


@pytest.mark.parametrize("find", [queen, rook, neighborhood_of])
def test_one_cell_is_an_island(find):
    assert [0] == find(hexagons(1, 1)).islands.tolist()


def test_frames_and_series_are_taken():
    frame = geopandas.GeoDataFrame({"uso": range(72)}, geometry=hexagons(), index=range(100, 172))
    expected = links(queen(hexagons()))

    assert expected == links(queen(frame))
    assert expected == links(rook(frame.geometry))
    assert expected == links(neighborhood_of(frame.rename_geometry("cells")))


def endless(east):
    """A box as a file may hold it."""
    with np.errstate(invalid="ignore"):
        return shapely.Polygon([(0, 0), (0, 2), (east, 2), (east, 0)])


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        (None, "1 of 72 features have no geometry; the first is feature 5, counted from 0."),
        (
            shapely.Polygon(),
            "1 of 72 features have an empty geometry; the first is feature 5, counted from 0.",
        ),
        (
            shapely.Point(0, 0),
            "1 of 72 features are not polygons; the first is feature 5, counted from 0: a Point.",
        ),
        (shapely.GeometryCollection(), "features are not polygons; the first is feature 5"),
        ("text", "features are not polygons; the first is feature 5, counted from 0: a str."),
        (
            shapely.Polygon([(0, 0), (2, 2), (2, 0), (0, 2)]),
            "1 of 72 features have an invalid geometry; the first is feature 5, counted from 0: Self-int",
        ),
        (endless(np.nan), "feature 5, counted from 0: Invalid Coordinate"),
        (endless(np.inf), "feature 5, counted from 0: Invalid Coordinate"),
    ],
)
@pytest.mark.parametrize("find", [queen, rook, neighborhood_of])
def test_bad_geometry_is_named(broken, says, find):
    polygons = hexagons().astype(object)
    polygons[5] = broken

    with pytest.raises(InvalidInput) as caught:
        find(polygons)

    assert says in caught.value.message
    assert "bad_geometry" == caught.value.code


def test_bad_geometries_are_counted():
    polygons = hexagons()
    polygons[[3, 8, 9]] = shapely.Polygon([(0, 0), (2, 2), (2, 0), (0, 2)])

    with pytest.raises(
        InvalidInput, match="3 of 72 features have an invalid geometry; the first is feature 3"
    ):
        queen(polygons)


def test_a_box_without_end_is_no_grid():
    with pytest.raises(InvalidInput, match="Invalid Coordinate"):
        neighborhood_of([shapely.box(-1, 0, 0, 2), endless(np.inf)])


@pytest.mark.parametrize("side", [0, 1, 2])
def test_a_box_without_width_is_named(side):
    flat = shapely.box(side, 0, side, 1)

    with pytest.raises(InvalidInput, match="the first is feature 2, counted from 0: Too few points"):
        neighborhood_of([*shapely.box([0, 1], 0, [1, 2], 1), flat])


def test_a_table_without_geometry_is_named():
    with pytest.raises(InvalidInput, match="no geometry"):
        queen(pd.DataFrame({"uso": [1, 2], "alt": [0, 1]}))


@pytest.mark.parametrize("find", [queen, rook, neighborhood_of])
def test_duplicates_are_named(find):
    polygons = hexagons()
    # The same areas: another first vertex, and one more vertex on an edge.
    polygons[60] = shapely.Polygon(np.roll(polygons[4].exterior.coords[:-1], 2, axis=0))
    polygons[31] = shapely.segmentize(polygons[7], 0.9)

    with pytest.raises(InvalidInput) as caught:
        find(polygons)

    assert (
        "2 features repeat the geometry of an earlier one; the first is feature 31, like feature 7 "
        "(counted from 0)."
    ) == caught.value.message
    assert "duplicate_cells" == caught.value.code


def test_duplicate_squares_are_named():
    polygons = squares()
    polygons[[40, 50]] = polygons[3]

    with pytest.raises(InvalidInput, match=r"2 features repeat .* the first is feature 40, like feature 3"):
        neighborhood_of(polygons)


@pytest.mark.filterwarnings("ignore:.*of cells overlap:dissmodel.errors.DissmodelWarning")
def test_a_polygon_within_the_bounds_of_another_is_no_duplicate():
    diamond = shapely.Polygon([(0, 1), (1, 2), (2, 1), (1, 0)])

    assert {(0, 1), (1, 0)} == links(queen([shapely.box(0, 0, 2, 2), diamond]))


def test_a_geometry_is_found_once():
    first = neighborhood_of(hexagons())

    assert first is neighborhood_of(hexagons())
    assert first is not neighborhood_of(hexagons(), "rook")
    assert neighborhood_of(hexagons(), "rook") is neighborhood_of(hexagons(), "rook")


def test_a_geometry_that_changed_is_found_anew():
    polygons = hexagons()
    before = neighborhood_of(polygons)
    polygons[10] = translate(polygons[10], 1000, 0)
    after = neighborhood_of(polygons)

    assert 6 == len(before.of(10))
    assert [10] == after.islands.tolist()


def test_the_same_rings_in_other_features_are_not_confused():
    one, two, three = shapely.box([0, 10, 11], [0, 0, 1], [1, 11, 12], [1, 1, 2])
    together = neighborhood_of([shapely.MultiPolygon([one, two]), three])
    apart = neighborhood_of([one, shapely.MultiPolygon([two, three])])

    assert ([1, 1], [0, 0]) == (together.count.tolist(), apart.count.tolist())


def test_few_are_kept():
    for side in range(2, 12):
        neighborhood_of(hexagons(side, 2))

    assert 4 == len(strategies._RECENT)
    assert 22 == len(neighborhood_of(hexagons(11, 2)))


def test_the_real_coast_is_a_grid(shared):
    cells = pyogrio.read_dataframe(f"/vsizip/{shared('elevacao_pol.zip')}")
    by_fields = neighborhood.grid(cells["row"].astype(int), cells["col"].astype(int))
    found, by_geometry = neighborhood_of(cells), queen(cells)

    for other in (by_fields, by_geometry):
        assert np.array_equal(found.offsets, other.offsets)
        assert np.array_equal(found.neighbors, other.neighbors)
