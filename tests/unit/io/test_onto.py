"""Values of one dataset on the cells of another, against numbers that were computed by hand."""

import numpy as np
import pytest
import shapely
from affine import Affine
from rasterio.crs import CRS

from dissmodel.errors import InvalidInput
from dissmodel.io.onto import Features, Raster, onto

UTM = CRS.from_epsg(31984)
GRID = Affine(10, 0, 1000, 0, -10, 5000)  # pixels of 10 m; the corner in the north-west is (1000, 5000)
NAN = np.nan


def raster(values, transform=GRID, crs=UTM, shown="r.tif"):
    return Raster(np.asarray(values), transform, crs, shown)


def space(rows, cols, transform=GRID, crs=UTM):
    return raster(np.zeros((rows, cols)), transform, crs, "space.tif")


def features(values, *boxes, crs=UTM, shown="f.gpkg"):
    return Features(np.asarray(values), np.array([shapely.box(*one) for one in boxes]), crs, shown)


def read(cells, other, method=None, *, is_class=False):
    return onto(cells, other, method, is_class=is_class)


def same(expected, found):
    np.testing.assert_array_equal(np.asarray(expected, np.float64), np.asarray(found, np.float64))


def test_the_same_grid_is_exact_and_keeps_the_type():
    values = np.arange(6, dtype=np.uint8).reshape(2, 3)

    found, how = read(space(2, 3), raster(values), "bilinear")

    assert ("exact", np.uint8) == (how, found.dtype)
    same(values, found)


def test_a_larger_and_a_shifted_raster_of_the_same_grid_are_exact():
    values = np.arange(20.0).reshape(4, 5)
    larger = raster(values, GRID @ Affine.translation(-1, -2))

    same(values[2:4, 1:4], read(space(2, 3), larger)[0])
    same([[0, 1], [5, 6], [10, 11]], read(space(3, 2), raster(values))[0])

    found, how = read(space(2, 3), raster([[1, 2], [3, 4]], GRID @ Affine.translation(2, 0)))
    assert "exact" == how
    same([[NAN, NAN, 1], [NAN, NAN, 3]], found)


def test_a_raster_whose_first_row_is_in_the_south_is_exact():
    south_up = Affine(10, 0, 1000, 0, 10, 4980)

    same([[3, 4], [1, 2]], read(space(2, 2), raster([[1, 2], [3, 4]], south_up))[0])


def test_without_a_georeference_the_shape_counts():
    same([[1, 2]], read(space(1, 2, None, None), raster([[1, 2]], None, None))[0])
    with pytest.raises(InvalidInput, match="another grid"):
        read(space(1, 3, None, None), raster([[1, 2]], None, None))
    with pytest.raises(InvalidInput, match="no georeference"):
        read(space(1, 2), raster([[1, 2]], None, None), "nearest")


FINE = Affine(5, 0, 1000, 0, -5, 5000)  # four pixels in each of the space's
FOUR = np.array([[1.0, 2, 5, 5], [3, 4, 5, 6], [7, 7, 0, 0], [7, 9, 0, NAN]])


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("average", [[2.5, 5.25], [7.5, 0]]),
        ("mode", [[1, 5], [7, 0]]),
    ],
)
def test_finer_pixels(method, expected):
    found, how = read(space(2, 2), raster(FOUR, FINE), method)

    assert method == how
    if method == "mode":  # all values of the first pixel are as frequent
        found[0, 0] = 1
    same(expected, found)


def test_another_grid_has_to_be_asked_for():
    with pytest.raises(InvalidInput, match=r"r.tif is on another grid than space.tif") as error:
        read(space(2, 2), raster(FOUR, FINE))
    assert "--resample nearest, bilinear or average" in error.value.hint
    with pytest.raises(InvalidInput) as error:
        read(space(2, 2), raster(FOUR, FINE), is_class=True)
    assert "--resample nearest or mode" in error.value.hint


def test_classes_are_never_averaged():
    assert "mode" == read(space(2, 2), raster(FOUR, FINE), "average", is_class=True)[1]
    assert "nearest" == read(space(2, 2), raster(FOUR, FINE), "bilinear", is_class=True)[1]


def test_nearest_of_coarser_pixels():
    coarse = raster([[1.0, 2], [3, 4]], Affine(20, 0, 1000, 0, -20, 5000))

    same([[1, 1, 2, 2], [1, 1, 2, 2], [3, 3, 4, 4]], read(space(3, 4), coarse, "nearest")[0])


def test_another_crs_has_to_be_asked_for():
    degrees = raster(np.full((4, 4), 7.0), Affine(0.001, 0, -43.49, 0, -0.001, 0.05), CRS.from_epsg(4326))

    with pytest.raises(InvalidInput, match=r"in another CRS \(EPSG:4326\) than space.tif \(EPSG:31984\)"):
        read(space(2, 2), degrees)
    with pytest.raises(InvalidInput, match="do not overlap"):
        read(space(2, 2), degrees, "nearest")

    # 0° E of the central meridian 39° W is at x = 500000, the equator at y = 10000000.
    here = space(2, 2, Affine(10, 0, 500_000, 0, -10, 9_999_900))
    near = raster(np.full((9, 9), 7.0), Affine(0.001, 0, -39.004, 0, -0.001, 0.004), CRS.from_epsg(4326))
    same(np.full((2, 2), 7.0), read(here, near, "nearest")[0])


def test_what_does_not_overlap():
    with pytest.raises(InvalidInput, match=r"r.tif \(x 9000 to 9020, .*\) and space.tif .* do not overlap"):
        read(space(2, 2), raster([[1.0, 2]], Affine(10, 0, 9000, 0, -10, 5000)), "nearest")
    with pytest.raises(InvalidInput, match="do not overlap"):
        read(space(2, 2), features([1], (0, 0, 10, 10)))


POLYGONS = ((1000, 4990, 1020, 5000), (1000, 4980, 1010, 4990), (1012, 4982, 1013, 4983))


def test_zones_have_the_average_of_pixels_and_classes_the_most_frequent():
    pixels = raster([[1.0, 4, 9], [7, NAN, 9]])

    # The first has two pixels, the second one; the third has no centre of a pixel, and its pixel no value.
    found, how = read(features(np.zeros(3), *POLYGONS), pixels)
    assert "average" == how
    same([2.5, 7, NAN], found)

    third = features(np.zeros(1), (1000, 4970, 1030, 5000))
    classes = raster(np.array([[3, 3, 8], [8, 8, 1], [1, 1, 3]]))
    found, how = read(third, classes, is_class=True)
    assert "mode" == how
    same([1], found)  # each three times: the smallest

    same(
        [1, 7, NAN],
        read(features(np.zeros(3), (1000, 4990, 1008, 5000), *POLYGONS[1:]), pixels, "nearest")[0],
    )
    small = features(np.zeros(1), (1012, 4992, 1013, 4993))
    same([4], read(small, pixels)[0])
    with pytest.raises(InvalidInput, match="no bilinear"):
        read(small, pixels, "bilinear")


def test_a_polygon_without_a_geometry_has_no_value():
    shapes = np.array([None, shapely.Polygon(), shapely.box(1000, 4990, 1010, 5000)], object)
    cells = Features(np.zeros(3), shapes, UTM, "f.gpkg")

    same([NAN, NAN, 5], read(cells, raster([[5.0, 6]]))[0])
    same([NAN, NAN, 5], read(cells, raster([[5.0, 6]]), "nearest")[0])
    same([NAN, NAN, 7], read(cells, features([7.0], (0, 0, 9000, 9000)), "average")[0])


def test_polygons_onto_pixels_by_the_centre_or_by_shares():
    # The first covers 4 of 10 m of the first pixel, the second the rest; the third pixel has none.
    strips = features([2.0, 12], (1000, 4990, 1004, 5000), (1004, 4990, 1020, 5000))
    cells = space(1, 3)

    found, how = read(cells, strips)
    assert "nearest" == how
    same([[12, 12, NAN]], found)
    same([[12, 12, NAN]], read(cells, strips, "mode", is_class=True)[0])
    same([[(2 * 40 + 12 * 60) / 100, 12, NAN]], read(cells, strips, "average")[0])
    thirds = features([2, 3, 2], (1000, 4990, 1003, 5000), (1003, 4990, 1007, 5000), (1007, 4990, 1010, 5000))
    same([[2, NAN, NAN]], read(cells, thirds, "mode", is_class=True)[0])  # 3 + 3 m of 2, 4 m of 3
    same([[3, NAN, NAN]], read(cells, thirds, "nearest", is_class=True)[0])


def test_polygons_onto_polygons():
    cells = features(np.zeros(2), (0, 0, 10, 10), (10, 0, 20, 10))
    others = features([1.0, 5], (0, 0, 12, 10), (12, 0, 20, 10))

    assert "exact" == read(cells, features([4.0, 6], (0, 0, 10, 10), (10, 0, 20, 10)))[1]
    with pytest.raises(InvalidInput, match="other polygons"):
        read(cells, others)
    same([1, 5], read(cells, others, "nearest")[0])
    same([1, (2 * 1 + 8 * 5) / 10], read(cells, others, "average")[0])
    same([1, 5], read(cells, others, "mode", is_class=True)[0])
