"""Where cells are, their zones, links and sums, as a rule has them, on files."""

import geopandas as gpd
import numpy as np
import pytest
import shapely
from affine import Affine
from pyproj import Geod

from dissmodel.cells import CellModel, Classes, Numbers
from dissmodel.cells.mistakes import ModelMistake
from dissmodel.io import save_dataset
from dissmodel.io.convert import cells_to_grid
from dissmodel.io.raster import write_geotiff
from dissmodel.registry.classes import ExecutorRegistry

ROWS, COLS = 6, 5
INSIDE = np.arange(ROWS * COLS).reshape(ROWS, COLS) % 7 != 3
CELLS = np.count_nonzero(INSIDE)
BUILT = (np.arange(ROWS * COLS).reshape(ROWS, COLS) * 5 % 3 == 0).astype(float)
PLANE = Affine(30, 0, 600_000, 0, -20, 9_700_000), "EPSG:31984"
DEGREES = Affine(0.5, 0, -45, 0, -0.25, 2), "EPSG:4326"


@pytest.fixture
def seen(run):
    """Run a rule that returns arrays for one step on a file; return the arrays and the record."""

    def seen(source, look, **more):
        found = []

        class Looking(CellModel):
            name = "looking"
            built = Classes({0: "open", 1: "built up"})
            district = Numbers(changes=False)

            def step(self, cells, now):
                self.next.built[self.built == 1] = 0
                found.append(look(self, cells))

        try:
            record = run(
                Looking, source, "seen.gpkg" if source.suffix != ".tif" else "seen.tif", end_time=1, **more
            )
        finally:
            ExecutorRegistry._executors.pop("looking")
        return found[0], record.record

    return seen


def bands():
    districts = np.where(INSIDE, np.indices(INSIDE.shape)[1] // 2, -9999.0)
    return {"built": np.where(INSIDE, BUILT, -9999.0), "district": districts}


def geotiff(path, transform, crs, *, rows=1, cols=1):
    """The map as a raster whose rows and columns are stored from north and west, or the other way round."""
    shift = Affine.translation(0 if cols == 1 else COLS, 0 if rows == 1 else ROWS)
    write_geotiff(
        path,
        {name: band[::rows, ::cols].__getitem__ for name, band in bands().items()},
        shape=INSIDE.shape,
        dtype="float64",
        nodata=-9999.0,
        transform=transform @ shift @ Affine.scale(cols, rows),
        crs=crs,
    )
    return path


def polygons(path, transform, crs, *, numbered, changed=None):
    """The same cells as polygons, with the columns row and col or without."""
    row, col = np.nonzero(INSIDE)
    (west, east), (north, south) = (
        (start + place * size, start + (place + 1) * size)
        for start, place, size in ((transform.c, col, transform.a), (transform.f, row, transform.e))
    )
    boxes = shapely.box(west, south, east, north)
    if changed is not None:
        boxes[0] = changed(boxes[0])
    columns = {name: band[INSIDE] for name, band in bands().items()}
    columns |= {"row": row, "col": col} if numbered else {}
    save_dataset(gpd.GeoDataFrame(columns, geometry=boxes, crs=crs), path)
    return path


def places(model, cells):
    return [cells.x, cells.y, cells.area, cells.distance_to(model.built == 1)]


def by_definition(transform, crs):
    row, col = np.nonzero(INSIDE)
    x, y = transform.c + (col + 0.5) * transform.a, transform.f + (row + 0.5) * transform.e
    built = BUILT[INSIDE] == 1
    if crs == "EPSG:31984":
        apart = np.sqrt((x[:, None] - x[built]) ** 2 + (y[:, None] - y[built]) ** 2)
        return [x, y, np.full(CELLS, 600.0), apart.min(axis=1)]
    geod = Geod(ellps="WGS84")
    area = [
        abs(geod.geometry_area_perimeter(shapely.box(a - 0.25, b - 0.125, a + 0.25, b + 0.125))[0])
        for a, b in zip(x, y, strict=True)
    ]
    apart = [
        [geod.inv(a, b, c, d)[2] for c, d in zip(x[built], y[built], strict=True)]
        for a, b in zip(x, y, strict=True)
    ]
    return [x, y, np.array(area), np.min(apart, axis=1)]


@pytest.mark.parametrize(("transform", "crs"), [PLANE, DEGREES])
def test_places_are_those_of_the_definition_with_equal_bits_everywhere(seen, tmp_path, transform, crs):
    sources = [
        geotiff(tmp_path / "north.tif", transform, crs),
        polygons(tmp_path / "numbered.gpkg", transform, crs, numbered=True),
        polygons(tmp_path / "plain.gpkg", transform, crs, numbered=False),
        geotiff(tmp_path / "south.tif", transform, crs, rows=-1),
        geotiff(tmp_path / "east.tif", transform, crs, rows=-1, cols=-1),
    ]
    found = [seen(source, places) for source in sources]

    for expected, got in zip(by_definition(transform, crs), found[0][0], strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-12 if crs == "EPSG:31984" else 1e-7)
    for (arrays, record), source in zip(found, sources, strict=True):
        assert [a.tobytes() for a in found[0][0]] == [a.tobytes() for a in arrays], source.name
        assert found[0][1].step_metrics == record.step_metrics


def test_polygons_that_fill_pixels_have_the_bits_of_their_raster(seen, tmp_path):
    """A tenth of a degree is no float, and centroids have other last bits than the centres of pixels."""
    source = polygons(tmp_path / "in.gpkg", Affine(0.1, 0, -45, 0, -0.1, 2), "EPSG:4326", numbered=True)
    transform = cells_to_grid(gpd.read_file(source)).transform

    boxes, _ = seen(source, places)
    pixels, _ = seen(geotiff(tmp_path / "in.tif", transform, "EPSG:4326"), places)

    assert [one.tobytes() for one in pixels] == [one.tobytes() for one in boxes]


def test_a_polygon_that_is_cut_has_its_own_area(seen, tmp_path):
    source = polygons(
        tmp_path / "cut.gpkg",
        *PLANE,
        numbered=True,
        changed=lambda box: shapely.Polygon(box.exterior.coords[:3]),
    )
    (_, _, area, _), _ = seen(source, places)

    assert [300.0, 600.0, 600.0] == area[:3].tolist()


@pytest.mark.parametrize(("transform", "crs"), [PLANE, DEGREES])
def test_steps_have_the_number_and_the_area_of_each_class(seen, tmp_path, transform, crs):
    (_, _, area, _), record = seen(geotiff(tmp_path / "in.tif", transform, crs), places)

    metrics = record.step_metrics
    assert ["step", "built_open", "built_open_area_m2", "built_built_up", "built_built_up_area_m2"] == list(
        metrics
    )
    assert ([CELLS], [0], [0.0]) == (
        metrics["built_open"],
        metrics["built_built_up"],
        metrics["built_built_up_area_m2"],
    )
    np.testing.assert_allclose([area.sum()], metrics["built_open_area_m2"])


@pytest.mark.parametrize("crs", [None, 'LOCAL_CS["board",UNIT["metre",1]]'])
@pytest.mark.filterwarnings("ignore:The input has no coordinate")
def test_without_a_crs_that_tells_areas_there_are_numbers_only(seen, tmp_path, crs):
    (_, _, area, _), record = seen(geotiff(tmp_path / "in.tif", PLANE[0], crs), places)

    assert ["step", "built_open", "built_built_up"] == list(record.step_metrics)
    assert [600.0] * CELLS == area.tolist()


FOOT = 1200 / 3937  # m: the US survey foot


@pytest.mark.parametrize(
    ("transform", "crs", "like"),
    [
        (Affine(10, 0, 6_000_000, 0, -10, 2_000_000), "EPSG:2225", None),
        # A grad is 9/10 of a degree.
        (
            Affine(0.5 / 0.9, 0, 2, 0, -0.5 / 0.9, 50),
            "EPSG:4807",
            (Affine(0.5, 0, 1.8, 0, -0.5, 45), "EPSG:4275"),
        ),
    ],
)
def test_other_units_are_converted(seen, tmp_path, transform, crs, like):
    expected = np.full(CELLS, 100 * FOOT**2)
    if like is not None:
        expected = seen(geotiff(tmp_path / "like.tif", *like), places)[0][2]
    for source in (
        geotiff(tmp_path / "in.tif", transform, crs),
        polygons(tmp_path / "in.gpkg", transform, crs, numbered=False, changed=lambda box: box.union(box)),
    ):
        np.testing.assert_allclose(expected, seen(source, places)[0][2], rtol=1e-9)


def test_zones_are_found_once_where_codes_do_not_change(seen, tmp_path):
    def look(model, cells):
        zones = cells.zones(model.district)
        assert zones is cells.zones(model.district)
        assert cells.zones(model.built) is not cells.zones(model.built)
        return zones.sum(model.built == 1), zones.on_cells(zones.mean(model.built))

    (sums, means), _ = seen(geotiff(tmp_path / "in.tif", *PLANE), look)
    columns = np.indices(INSIDE.shape)[1][INSIDE] // 2
    assert [BUILT[INSIDE][columns == zone].sum() for zone in range(3)] == sums.tolist()
    assert [BUILT[INSIDE][columns == zone].mean() for zone in columns] == means.tolist()


def test_a_table_and_weights_stand_for_a_kind(seen, tmp_path):
    def look(model, cells):
        table = cells.links()
        cell, other = table.T
        weights = 1 / np.sqrt((cells.x[cell] - cells.x[other]) ** 2 + (cells.y[cell] - cells.y[other]) ** 2)
        mixed = np.random.default_rng(1).permutation(len(table))
        kinds = (
            cells.neighbors(model.district, weights=weights),
            cells.neighbors(model.district, table=table[mixed], weights=weights[mixed]),
            cells.neighbors(model.district, table=table[mixed].tolist(), weights=weights[mixed]),
        )
        assert kinds[1]._topology is kinds[2]._topology
        return [near.mean() for near in kinds], table

    (means, table), _ = seen(geotiff(tmp_path / "in.tif", *PLANE), look)
    (of_polygons, _), _ = seen(polygons(tmp_path / "in.gpkg", *PLANE, numbered=False), look)

    row, col = np.nonzero(INSIDE)
    near = [
        (a, b)
        for a in range(CELLS)
        for b in range(CELLS)
        if a != b and max(abs(row[a] - row[b]), abs(col[a] - col[b])) == 1
    ]
    assert near == list(map(tuple, table.tolist()))
    district = col // 2
    expected = []
    for cell in range(CELLS):
        total = weight = 0.0
        for other in (b for a, b in near if a == cell):
            w = 1 / np.sqrt((30.0 * (col[cell] - col[other])) ** 2 + (20.0 * (row[cell] - row[other])) ** 2)
            total += district[other] * w
            weight += w
        expected.append(total / weight)
    for found in (*means, *of_polygons):
        assert expected == found.tolist()


@pytest.mark.parametrize(
    ("ask", "message", "hint"),
    [
        (
            lambda m, c: c.neighbors(m.built, table=[[0, 1]], kind="rook"),
            "A table and a kind",
            "Leave out kind",
        ),
        (lambda m, c: c.neighbors(m.built, table=[0, 1]), "no two columns", "a row for each link"),
        (lambda m, c: c.neighbors(m.built, table=[[0, 1]], weights=[1, 2]), "for 1 links", "each row"),
        (lambda m, c: c.distance_to(m.district), "a mask of the type float64", "self.NAME == 1"),
        (lambda m, c: c.zones(m.district[:3]), "zones got the shape (3,)", "self.NAME"),
        (lambda m, c: c.neighbors(m.built, kind="k_nearest"), "needs k", "k="),
        (lambda m, c: c.neighbors(m.built, kind="quen"), "no neighbourhood 'quen'", "'queen'"),
        (lambda m, c: c.x.__setitem__(0, 1), "read-only", ""),
    ],
)
def test_what_is_wrong_is_said(seen, tmp_path, ask, message, hint):
    with pytest.raises(ModelMistake) as told:
        seen(geotiff(tmp_path / "in.tif", *PLANE), ask)

    assert message in told.value.message
    assert hint in told.value.hint


def test_sums_are_exact(seen, tmp_path):
    def look(model, cells):
        values = np.full(CELLS, 0.1)
        return (
            cells.total(values),
            cells.mean(values),
            cells.total(np.full(CELLS, 2**40)),
            cells.total(model.built),
        )

    found, _ = seen(geotiff(tmp_path / "in.tif", *PLANE), look)

    assert (CELLS * 0.1, CELLS * 0.1 / CELLS, CELLS * 2**40, int(BUILT[INSIDE].sum())) == found


@pytest.mark.parametrize(("transform", "crs"), [PLANE, DEGREES])
def test_the_way_to_a_neighbor_leads_there(seen, tmp_path, transform, crs):
    def look(_model, cells):
        start, end = cells.links().T
        return [cells.x[start], cells.y[start], cells.x[end], cells.y[end], *cells.way(start, end)]

    pixels = seen(geotiff(tmp_path / "in.tif", transform, crs), look)[0]
    boxes = seen(polygons(tmp_path / "in.gpkg", transform, crs, numbered=False), look)[0]
    x, y, to_x, to_y, east, north = pixels
    if crs == "EPSG:31984":
        there = x + east, y + north
    else:
        there = Geod(ellps="WGS84").fwd(x, y, np.degrees(np.arctan2(east, north)), np.hypot(east, north))[:2]

    np.testing.assert_allclose(there, [to_x, to_y], rtol=0, atol=1e-9)
    assert [one.tobytes() for one in pixels] == [one.tobytes() for one in boxes]


def test_the_way_is_in_metres(seen, tmp_path):
    feet = geotiff(tmp_path / "in.tif", Affine(10, 0, 6_000_000, 0, -10, 2_000_000), "EPSG:2225")
    east, north = seen(feet, lambda _, cells: cells.way(np.array([0, 1]), np.array([1, 0])))[0]

    np.testing.assert_allclose(east, [10 * FOOT, -10 * FOOT], rtol=1e-12)
    assert [0.0, 0.0] == north.tolist()


def test_the_way_on_a_grid_in_grads_is_that_in_degrees(seen, tmp_path):
    def way(transform, crs):
        source = geotiff(tmp_path / "in.tif", transform, crs)
        return np.array(seen(source, lambda _, cells: cells.way(*cells.links().T))[0])

    degrees = way(Affine(0.5, 0, 1.8, 0, -0.5, 45), "EPSG:4275")
    grads = way(Affine(0.5 / 0.9, 0, 2, 0, -0.5 / 0.9, 50), "EPSG:4807")

    np.testing.assert_allclose(grads, degrees, rtol=1e-9, atol=1e-6)
    assert 30_000 < np.abs(degrees).max() < 60_000
