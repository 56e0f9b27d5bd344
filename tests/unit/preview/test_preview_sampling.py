"""What is drawn of a dataset, and the exact counts of all of it."""

import geopandas
import numpy as np
import pytest
import shapely
from pyproj import CRS, Geod
from rasterio import Affine

from dissmodel.io.geotiff_writer import write_geotiff
from dissmodel.preview.amounts import CellCounts
from dissmodel.preview.canvas import common_canvas, metres_per_unit
from dissmodel.preview.sampling import DrawableLayer, gather, open_map

UTM = "EPSG:31983"


PLACE = Affine(30.0, 0.0, 600_000.0, 0.0, -30.0, 9_700_000.0)


def write(path, values, *, transform=PLACE, crs=UTM, nodata=None, tags=None):
    write_geotiff(
        path,
        {"uso": lambda rows: values[rows]},
        shape=values.shape,
        dtype=values.dtype,
        nodata=nodata,
        transform=transform,
        crs=CRS(crs).to_wkt() if crs else None,
        band_tags={"uso": tags or {}},
    )


def most(aspect):
    return round(1000 * min(aspect, 1.0)), round(1000 / max(aspect, 1.0))


def canvas_of(*maps):
    return common_canvas(maps, most)


def seen(one, name, canvas, *, as_classes=True):
    """Return what a canvas shows of a dataset, and the counts."""
    layer = gather(canvas, (one, name)).after
    return layer.values(as_classes=as_classes), layer.counts


def sampled(path):
    with open_map(path) as one:
        canvas = canvas_of(one)
        return *seen(one, one.names[0], canvas), canvas


def quarters(values):
    """Return the value in the middle of each quarter of a picture: north-west, north-east, south-west, …."""
    rows, cols = values.shape
    return [values[row, col] for row in (rows // 4, 3 * rows // 4) for col in (cols // 4, 3 * cols // 4)]


def test_a_raster_larger_than_the_picture_is_counted_cell_by_cell(tmp_path):
    values = np.random.default_rng(3).integers(1, 4, (2311, 3007), dtype=np.uint8)
    values[100, 200] = 77  # one cell of seven million
    write(tmp_path / "r.tif", values)

    picture, counts, canvas = sampled(tmp_path / "r.tif")
    codes, times = np.unique(values, return_counts=True)

    assert dict(zip(codes.tolist(), times.tolist(), strict=True)) == counts.cells
    assert 900.0 == counts.areas[77]
    assert values.size == counts.number
    assert (769, 1000) == picture.shape == canvas.shape
    assert 3007 * 30.0 == canvas.metres


@pytest.mark.parametrize(
    ("transform", "expected"),
    [
        (Affine(1, 0, 0, 0, -1, 0), [1, 2, 3, 4]),
        (Affine(1, 0, 0, 0, 1, 0), [3, 4, 1, 2]),  # the first row in the south
        (Affine(-1, 0, 0, 0, -1, 0), [2, 1, 4, 3]),  # the first column in the east
        (Affine(0, 1, 0, 1, 0, 0), [2, 4, 1, 3]),  # rows to the east, columns to the north
    ],
    ids=["usual", "south up", "west right", "transposed"],
)
def test_the_north_is_above_whatever_a_raster_begins_with(tmp_path, transform, expected):
    place = Affine.translation(600_000, 9_700_000) @ transform @ Affine.scale(30)
    values = np.kron(np.array([[1, 2], [3, 4]], np.uint8), np.ones((10, 10), np.uint8))
    write(tmp_path / "r.tif", values, transform=place)

    picture, counts, _ = sampled(tmp_path / "r.tif")

    assert expected == quarters(picture)
    assert dict.fromkeys((1, 2, 3, 4), 100 * 900.0) == counts.areas


def test_what_is_no_value_is_neither_drawn_nor_counted(tmp_path):
    values = np.array([[1.0, np.nan], [-9999.0, 7.0]])
    write(tmp_path / "r.tif", values, nodata=-9999.0)
    write(tmp_path / "tagged.tif", values[[1]], tags={"nodata": "-9999"})

    picture, counts, _ = sampled(tmp_path / "r.tif")
    _, tagged, _ = sampled(tmp_path / "tagged.tif")

    assert [1.0, True, True, 7.0] == [x if np.isfinite(x) else True for x in quarters(picture)]
    assert ({1: 1, 7: 1}, 2, 8.0) == (counts.cells, counts.number, counts.total)
    assert {7: 1} == tagged.cells


def test_a_raster_without_a_place_has_cells_and_no_areas(tmp_path):
    values = np.kron(np.array([[1, 2], [3, 4]], np.uint8), np.ones((10, 10), np.uint8))
    write(tmp_path / "r.tif", values, transform=None, crs=None)

    picture, counts, canvas = sampled(tmp_path / "r.tif")

    assert [1, 2, 3, 4] == quarters(picture)
    assert (None, None) == (counts.areas, canvas.metres)


def test_areas_are_those_of_the_unit_of_the_crs():
    # The US survey foot, 1200/3937 m.
    assert 1200 / 3937 == pytest.approx(metres_per_unit(CRS(2263)))
    assert metres_per_unit(CRS(4326)) is None
    assert metres_per_unit(None) is None


def test_degrees_far_from_the_equator_keep_the_form_of_the_ground():
    square = geopandas.GeoDataFrame({"a": [1]}, geometry=[shapely.box(10, 60, 12, 61)], crs=4326)

    canvas = canvas_of(DrawableLayer(square))

    # The radii of WGS 84's ellipsoid at 60.5°, of the meridian and of the prime vertical.
    sine, e2 = np.sin(np.radians(60.5)), 0.00669437999014
    meridian = 6378137 * (1 - e2) / (1 - e2 * sine**2) ** 1.5
    parallel = 6378137 / (1 - e2 * sine**2) ** 0.5 * np.cos(np.radians(60.5))
    assert meridian / (2 * parallel) == pytest.approx(canvas.aspect, rel=1e-5)
    assert np.radians(2) * parallel == pytest.approx(canvas.metres, rel=1e-6)


@pytest.mark.slow
def test_polygons_points_and_what_is_missing():
    frame = geopandas.GeoDataFrame(
        {"a": [1.0, 2.0, np.nan, 4.0, 5.0], "name": list("vwxyz")},
        geometry=[
            shapely.box(0, 0, 10, 10),
            shapely.box(10, 0, 20, 10),
            shapely.box(0, 10, 10, 20),
            None,
            shapely.Point(15, 15),
        ],
        crs=UTM,
    )
    one = DrawableLayer(frame)
    picture, counts = seen(one, "a", canvas_of(one))

    assert ("a",) == one.names
    assert [True, 5.0, 1.0, 2.0] == [x if np.isfinite(x) else True for x in quarters(picture)]
    assert {1: 1, 2: 1, 4: 1, 5: 1} == counts.cells
    assert {1: 100.0, 2: 100.0, 4: 0.0, 5: 0.0} == counts.areas


@pytest.mark.slow
def test_a_raster_and_its_cells_as_polygons_are_one_picture(tmp_path):
    values = np.random.default_rng(5).integers(1, 9, (30, 40), dtype=np.uint8)
    write(tmp_path / "r.tif", values)
    rows, cols = (index.ravel() for index in np.indices(values.shape))
    west, north = 600_000 + 30 * cols, 9_700_000 - 30 * rows
    boxes = shapely.box(west, north - 30, west + 30, north)
    features = DrawableLayer(geopandas.GeoDataFrame({"uso": values.ravel()}, geometry=boxes, crs=UTM))

    with open_map(tmp_path / "r.tif") as raster:
        canvas = canvas_of(features, raster)
        pictures = [seen(one, "uso", canvas)[0] for one in (raster, features)]
        in_degrees = DrawableLayer(features._frame.to_crs(4326))
        other = seen(in_degrees, "uso", canvas)[0]
        again = canvas_of(in_degrees, raster)

    assert np.array_equal(*pictures)
    assert not np.isnan(pictures[0]).any()
    assert (other == pictures[0]).mean() > 0.999
    assert canvas.bounds == pytest.approx(again.bounds, abs=1)
    assert CRS(UTM) == again.crs


@pytest.mark.parametrize(
    ("values", "whole", "cells"),
    [
        (np.array([1, 1, 3], np.int64), True, {1: 2, 3: 1}),
        (np.array([1.0, 1.5]), False, {1: 1}),
        (np.array([70_000, -40_000, 5]), False, {5: 1}),
        (np.array([True, False]), True, {0: 1, 1: 1}),
        (np.array([], np.uint8), True, {}),
        (np.array([2**64 - 1, 3], np.uint64), False, {3: 1}),
    ],
)
def test_a_counts_knows_whole_numbers_from_measures(values, whole, cells):
    counts = CellCounts()
    counts.add(values, None)

    assert (whole, cells, values.size) == (counts.all_whole, counts.cells, counts.number)


def shrunken(values, rows, cols, pick):
    """Return what `pick` says of the cells of each pixel; the centre of a cell decides which has it."""
    down = ((np.arange(values.shape[-2]) + 0.5) / values.shape[-2] * rows).astype(int)
    right = ((np.arange(values.shape[-1]) + 0.5) / values.shape[-1] * cols).astype(int)
    return np.array(
        [[pick(values[..., down == row, :][..., right == col]) for col in range(cols)] for row in range(rows)]
    )


def most_frequent(cells):
    codes, counts = np.unique(cells[~np.isnan(cells)], return_counts=True)
    return codes[np.argmax(counts)] if codes.size else np.nan


def became(pair):
    before, after = pair[0].ravel(), pair[1].ravel()
    both = ~np.isnan(before) & ~np.isnan(after) & (before != after)
    return most_frequent(after[both])


@pytest.fixture
def shrunken_pair(tmp_path):
    """Two states of 137 by 190 cells on a canvas of 20 by 27 pixels: the states, and what it shows."""
    random = np.random.default_rng(8)
    states = random.integers(1, 5, (2, 137, 190)).astype(np.float64)
    states[1, :, 60:] = states[0, :, 60:]
    states[1, 100, 100] = states[0, 100, 100] % 4 + 1  # a single changed cell
    states[:, :30, :40] = np.nan
    for name, state in zip("ab", states, strict=True):
        write(tmp_path / f"{name}.tif", state, nodata=np.nan)
    with open_map(tmp_path / "a.tif") as before, open_map(tmp_path / "b.tif") as after:
        canvas = common_canvas((before, after), lambda _aspect: (20, 27))
        names = before.names[0], after.names[0]
        yield states, gather(canvas, (after, names[1]), (before, names[0]), [1, 2, 3, 4])


def test_a_shrunken_pixel_shows_its_most_frequent_class(shrunken_pair):
    states, found = shrunken_pair

    for state, layer in zip(states, (found.before, found.after), strict=True):
        expected = shrunken(state, 20, 27, most_frequent)

        assert np.array_equal(expected, layer.values(as_classes=True), equal_nan=True)


def test_a_pixel_with_a_changed_cell_shows_what_most_of_them_became(shrunken_pair):
    states, found = shrunken_pair
    expected = shrunken(states, 20, 27, became)

    assert np.array_equal(expected, found.change.became(), equal_nan=True)
    assert states[1, 100, 100] == expected[100 * 20 // 137, 100 * 27 // 190]


def test_a_class_that_is_most_frequent_nowhere_still_has_a_pixel(tmp_path):
    values = np.ones((300, 400), np.uint8)
    values[:, 200:] = 2
    values[250, 37] = 77
    write(tmp_path / "r.tif", values)

    with open_map(tmp_path / "r.tif") as one:
        picture, _ = seen(one, "uso", common_canvas((one,), lambda _aspect: (3, 4)))

    assert [2, 0] == np.argwhere(picture == 77)[0].tolist()
    assert 1 == (picture == 77).sum()


def test_measures_have_their_mean_and_a_change_of_them_its_largest_difference(tmp_path):
    random = np.random.default_rng(2)
    states = random.normal(size=(2, 70, 90)).round(3)
    states[1, 20:] = states[0, 20:]
    for name, state in zip("ab", states, strict=True):
        write(tmp_path / f"{name}.tif", state)
    with open_map(tmp_path / "a.tif") as before, open_map(tmp_path / "b.tif") as after:
        canvas = common_canvas((before, after), lambda _aspect: (7, 9))
        found = gather(canvas, (after, "uso"), (before, "uso"))
    blocks = states.reshape(2, 7, 10, 9, 10).swapaxes(2, 3).reshape(2, 7, 9, 100)
    differences = blocks[1] - blocks[0]
    largest = np.take_along_axis(differences, np.abs(differences).argmax(axis=2)[..., None], axis=2)[..., 0]

    assert blocks[1].mean(axis=2) == pytest.approx(found.after.values(as_classes=False))
    assert largest == pytest.approx(found.change.difference())


def cells_of(values):
    rows, cols = (index.ravel() for index in np.indices(values.shape))
    west, north = 600_000 + 30 * cols, 9_700_000 - 30 * rows
    boxes = shapely.box(west, north - 30, west + 30, north)
    return geopandas.GeoDataFrame({"uso": values.ravel()}, geometry=boxes, crs=UTM)


@pytest.mark.parametrize("kinds", ["polygons", "polygons and raster", "raster and polygons", "rasters"])
def test_a_single_changed_cell_is_seen_on_any_pair_of_datasets(tmp_path, kinds):
    before = np.ones((40, 60), np.uint8)
    after = before.copy()
    after[23, 41] = 9
    write(tmp_path / "a.tif", before)
    write(tmp_path / "b.tif", after)
    with open_map(tmp_path / "a.tif") as a, open_map(tmp_path / "b.tif") as b:
        old = a if kinds.startswith("raster") else DrawableLayer(cells_of(before))
        new = b if kinds in {"polygons and raster", "rasters"} else DrawableLayer(cells_of(after))
        canvas = common_canvas((old, new), lambda _aspect: (4, 5))
        changed = gather(canvas, (new, "uso"), (old, "uso"), [1, 9]).change.became()

    assert [[23 * 4 // 40, 41 * 5 // 60]] == np.argwhere(changed == 9).tolist()


def test_cells_of_another_grid_are_compared_where_the_middles_of_the_results_are(tmp_path):
    fine = np.ones((40, 60), np.uint8)
    fine[7, 11] = fine[20:, 30:] = 2
    write(tmp_path / "a.tif", fine[::2, ::2], transform=PLACE @ Affine.scale(2))
    write(tmp_path / "b.tif", fine)
    with open_map(tmp_path / "a.tif") as before, open_map(tmp_path / "b.tif") as after:
        canvas = common_canvas((before, after), lambda _aspect: (4, 6))
        changed = gather(canvas, (after, "uso"), (before, "uso"), [1, 2]).change.became()

    assert [[0, 1]] == np.argwhere(changed == 2).tolist()


def test_a_strip_between_the_middles_of_pixels_is_seen_whole():
    strip = shapely.box(0, 10.1, 1000, 11.9)  # between the middles of two rows of pixels
    rest = shapely.box(0, 12, 1000, 100), shapely.box(0, 0, 1000, 10)
    frames = [
        DrawableLayer(geopandas.GeoDataFrame({"a": values}, geometry=[*rest, strip], crs=UTM))
        for values in ([1, 1, 1], [1, 1, 2])
    ]
    canvas = common_canvas(frames, lambda _aspect: (10, 100))
    changed = gather(canvas, (frames[1], "a"), (frames[0], "a"), [1, 2]).change.became()

    assert (changed == 2).any(axis=1).any()


def test_areas_in_degrees_are_those_on_the_ellipsoid(tmp_path):
    values = np.array([[1, 2], [1, 2]], np.uint8)
    write(tmp_path / "r.tif", values, transform=Affine(0.5, 0, 10, 0, -0.5, 61), crs="EPSG:4326")
    boxes = [shapely.box(x, y, x + 0.5, y + 0.5) for y in (60.5, 60) for x in (10, 10.5)]
    layer = DrawableLayer(geopandas.GeoDataFrame({"uso": values.ravel()}, geometry=boxes, crs=4326))
    geod = Geod(ellps="WGS84")
    expected = [abs(geod.geometry_area_perimeter(one)[0]) for one in boxes]

    with open_map(tmp_path / "r.tif") as one:
        canvas = canvas_of(one)
        raster = seen(one, "uso", canvas)[1].areas
        _, counts = seen(layer, "uso", canvas)

    assert {1: expected[0] + expected[2], 2: expected[1] + expected[3]} == pytest.approx(raster, rel=1e-9)
    assert raster == pytest.approx(counts.areas, rel=1e-9)
    assert geod.inv(10, 60.5, 11, 60.5)[2] == pytest.approx(canvas.metres, rel=1e-4)


def test_a_projection_that_stretches_has_a_scale_of_the_ground():
    mercator = geopandas.GeoDataFrame({"a": [1]}, geometry=[shapely.box(0, 8.39e6, 1000, 8.4e6)], crs=3857)
    canvas = canvas_of(DrawableLayer(mercator))

    # At 60° it stretches lengths by 2 on a sphere, of the ellipsoid's own latitude nearly so.
    assert 500 == pytest.approx(canvas.metres, rel=0.01)
    assert 4 == pytest.approx(canvas.stretching[1], rel=0.02)
