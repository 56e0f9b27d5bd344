"""Centres, areas, distances and zones against their definitions."""

from __future__ import annotations

import math
import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest
import shapely
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pyproj import Geod

from dissmodel.cells.layout import Pixels
from dissmodel.cells.places import PolygonPlaces, Zones
from dissmodel.errors import WrongValue

UTM, FEET, WGS84 = "EPSG:31983", "EPSG:2225", "EPSG:4326"
GEOD = Geod(ellps="WGS84")


def pixel_places(inside, order, transform, crs):
    return Pixels(inside=inside, order=order, transform=transform, crs=crs).places


def boxes(transform, rows, cols):
    """The pixels of a grid as polygons."""
    x, y = transform.c + cols * transform.a, transform.f + rows * transform.e
    return shapely.box(x, y + transform.e, x + transform.a, y)


@settings(deadline=None, max_examples=100)
@given(
    hnp.arrays(np.bool_, st.tuples(st.integers(1, 8), st.integers(1, 8))),
    st.sampled_from([(30.0, -30.0), (10.0, -25.0), (1.0, 1.0)]),
    st.integers(0, 2**32),
)
def test_a_distance_is_the_smallest_of_all_on_pixels_and_polygons(inside, size, seed):
    transform = Affine(size[0], 0, 500_000, 0, size[1], 7_000_000)
    rng = np.random.default_rng(seed)
    rows, cols = np.nonzero(inside)
    visited = rng.permutation(len(rows))
    rows, cols = rows[visited], cols[visited]
    if not len(rows):
        return
    order = np.full(inside.shape, -1)
    order[rows, cols] = np.arange(len(rows))
    mask = rng.random(len(rows)) < 0.3
    x, y = 500_000 + (cols + 0.5) * size[0], 7_000_000 + (rows + 0.5) * size[1]
    apart = np.sqrt((x[:, None] - x[mask]) ** 2 + (y[:, None] - y[mask]) ** 2)
    expected = apart.min(axis=1, initial=np.inf)

    pixels = pixel_places(inside, order, transform, UTM)
    polygons = PolygonPlaces(boxes(transform, rows, cols), UTM)

    for places in (pixels, polygons):
        assert x.tolist() == places.x.tolist()
        assert y.tolist() == places.y.tolist()
        assert expected.tolist() == places.distance_to(mask).tolist()
        assert [abs(size[0] * size[1])] * len(rows) == places.area.tolist()


def test_units_that_are_not_metres_are_converted():
    foot = 1200 / 3937  # the US survey foot, which EPSG:2225 has
    transform = Affine(10, 0, 6_000_000, 0, -10, 2_000_000)
    inside = np.ones((1, 3), bool)
    for places in (
        pixel_places(inside, None, transform, FEET),
        PolygonPlaces(boxes(transform, np.zeros(3), np.arange(3)), FEET),
    ):
        np.testing.assert_allclose(places.area, 100 * foot**2, rtol=1e-12)
        np.testing.assert_allclose(
            places.distance_to(np.array([True, False, False])), [0, 10 * foot, 20 * foot]
        )


def test_a_grid_without_a_crs_or_transform_counts_cells():
    places = pixel_places(np.ones((2, 2), bool), None, None, None)

    assert [0.5, 1.5, 0.5, 1.5] == places.x.tolist()
    assert [1.0] * 4 == places.area.tolist()
    assert [0.0, 1.0, 1.0, math.sqrt(2)] == places.distance_to(np.array([True, False, False, False])).tolist()


def test_a_rotated_grid_has_the_distances_of_its_centres():
    transform = Affine.rotation(30) @ Affine.scale(2)
    places = pixel_places(np.ones((3, 3), bool), None, transform, None)
    mask = np.arange(9) == 0

    np.testing.assert_allclose(4.0, places.area)
    np.testing.assert_allclose(np.hypot(*np.divmod(np.arange(9), 3)) * 2, places.distance_to(mask))


def test_areas_and_distances_in_degrees_are_those_on_the_ellipsoid():
    transform = Affine(0.5, 0, -45, 0, -0.5, 2)
    inside = np.ones((8, 6), bool)
    rows, cols = np.nonzero(inside)
    polygons = boxes(transform, rows, cols)
    area = [abs(GEOD.geometry_area_perimeter(one)[0]) for one in polygons]
    x, y = -45 + (cols + 0.5) * 0.5, 2 - (rows + 0.5) * 0.5
    mask = np.isin(np.arange(48), [3, 20, 44])
    apart = [
        [GEOD.inv(*a, *b)[2] for b in zip(x[mask], y[mask], strict=True)] for a in zip(x, y, strict=True)
    ]

    for places in (pixel_places(inside, None, transform, WGS84), PolygonPlaces(polygons, WGS84)):
        np.testing.assert_allclose(area, places.area, rtol=1e-12)
        np.testing.assert_allclose(np.min(apart, axis=1), places.distance_to(mask), rtol=1e-7)


def test_a_distance_goes_across_the_meridian_where_longitudes_begin():
    polygons = shapely.box([179.0, -180.0, 170.0], 0, [180.0, -179.0, 171.0], 1)

    found = PolygonPlaces(polygons, WGS84).distance_to(np.array([False, True, False]))

    np.testing.assert_allclose(GEOD.inv(179.5, 0.5, -179.5, 0.5)[2], found[0])


def test_a_hole_counts_in_no_area_whatever_way_its_ring_runs():
    outer, hole = [(0, 0), (4, 0), (4, 4), (0, 4)], [(1, 1), (2, 1), (2, 2), (1, 2)]
    expected = abs(GEOD.geometry_area_perimeter(shapely.Polygon(outer))[0]) - abs(
        GEOD.geometry_area_perimeter(shapely.Polygon(hole))[0]
    )
    polygons = [shapely.Polygon(outer[::a], [hole[::b]]) for a in (1, -1) for b in (1, -1)]
    both = shapely.MultiPolygon([shapely.Polygon(outer), shapely.Polygon([(9, 0), (9, 1), (8, 1)])])
    small = abs(GEOD.geometry_area_perimeter(both.geoms[1])[0])
    whole = abs(GEOD.geometry_area_perimeter(shapely.Polygon(outer))[0])

    np.testing.assert_allclose(PolygonPlaces([*polygons, both], WGS84).area, [expected] * 4 + [whole + small])


def test_what_has_no_distance_is_said():
    places = pixel_places(np.ones((2, 2), bool), None, None, None)

    assert [math.inf] * 4 == places.distance_to(np.zeros(4, bool)).tolist()
    for mask in (np.ones(4), np.ones((2, 2), bool)):
        with pytest.raises(WrongValue, match=r"distance_to (got the shape|was given a mask)"):
            places.distance_to(mask)
    with pytest.raises(WrongValue, match="rotated"):
        pixel_places(np.ones((2, 2), bool), None, Affine.rotation(10), WGS84).area  # noqa: B018  (it raises)


def test_scipy_is_loaded_by_a_distance_only():
    script = """
import sys
import numpy as np
import dissmodel.cells.near
from dissmodel.cells.layout import Pixels
places = Pixels(inside=np.ones((2, 2), bool), crs="EPSG:31983").places
places.x, places.area
assert not [name for name in sys.modules if name.partition(".")[0] == "scipy"]
places.distance_to(np.ones(4, bool))
assert "scipy.ndimage" in sys.modules
"""
    subprocess.run([sys.executable, "-c", script], check=True)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.floats(-1e300, 1e300))), st.randoms(use_true_random=False))
def test_sums_of_zones_are_exact_in_any_order(cells, random):
    codes = sorted({code for code, _ in cells})
    expected = [float(sum(Fraction(value) for at, value in cells if at == code)) for code in codes]
    random.shuffle(cells)
    of_cells, values = [code for code, _ in cells], np.array([value for _, value in cells], np.float64)

    zones = Zones(np.array(of_cells, np.int64))

    assert codes == zones.codes.tolist()
    assert expected == zones.sum(values).tolist()
    assert [of_cells.count(code) for code in codes] == zones.counts.tolist()
    assert [expected[codes.index(code)] for code in of_cells] == zones.on_cells(zones.sum(values)).tolist()


def test_zones_add_integers_and_truths_exactly():
    zones = Zones([3, 1, 3, 1])

    assert [2**60 + 3, 2] == zones.sum(np.array([1, 2**60, 1, 3])).tolist()
    assert [0, 2] == zones.sum(np.array([True, False, True, False])).tolist()
    assert [0.0, 1.0] == zones.mean(np.array([True, False, True, False])).tolist()


def test_infinite_values_of_a_zone_stay_its_own():
    found = Zones([1, 1, 2, 2, 3]).sum(np.array([np.inf, -np.inf, 1e308, 1e308, 5.0]))

    np.testing.assert_array_equal([np.nan, np.inf, 5.0], found)


def test_wrong_zones_are_refused():
    for codes in ([np.nan, 1.0], [[1, 2]], ["a", "b"]):
        with pytest.raises(WrongValue, match="codes of zones"):
            Zones(codes)
    with pytest.raises(WrongValue, match="sum got the shape"):
        Zones([1, 2]).sum(np.ones(3))
