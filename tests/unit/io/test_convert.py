import geopandas as gpd
import numpy as np
import pytest
import shapely
from rasterio import Affine

from dissmodel.errors import InvalidInput, UsageError
from dissmodel.io.convert import cells_to_grid, resample_cells, vector_to_raster_backend
from dissmodel.io.vector import load_gdf


def boxes(row, col, size=(30.0, 30.0), corner=(0.0, 0.0), *, fields=True, crs="EPSG:31984"):
    row, col = np.asarray(row), np.asarray(col)
    west, north = corner[0] + col * size[0], corner[1] - row * size[1]
    data = {"row": row, "col": col, "uso": np.arange(len(row))} if fields else {"uso": np.arange(len(row))}
    return gpd.GeoDataFrame(data, geometry=shapely.box(west, north - size[1], west + size[0], north), crs=crs)


@pytest.mark.fast_cases("True")
@pytest.mark.parametrize("with_fields", [True, False])
def test_the_real_coast(shared, with_fields):
    cells = load_gdf(shared("elevacao_pol.zip"))[0]
    row, col = cells["row"], cells["col"]
    grid = cells_to_grid(cells if with_fields else cells.drop(columns=["row", "col"]))

    assert (323, 349) == grid.shape
    assert Affine(30, 0, 1077690, 0, -30, -279210) == grid.transform
    assert np.array_equal(row, grid.rows)
    assert np.array_equal(col, grid.cols)
    assert np.dtype(np.int64) == grid.rows.dtype == grid.cols.dtype


def test_the_synthetic_grid(shared):
    grid = cells_to_grid(load_gdf(shared("synthetic_grid_60x60_shp.zip"))[0])

    assert (60, 60) == grid.shape
    assert Affine(100, 0, 500000, 0, -100, 9706000) == grid.transform


def test_numbers_may_begin_anywhere_and_leave_gaps():
    cells = boxes([107, 105, 105], [-3, -3, 2], corner=(1000.0, 9000.0))
    grid = cells_to_grid(cells.astype({"row": float, "col": float}))

    assert [2, 0, 0] == grid.rows.tolist()
    assert [0, 0, 5] == grid.cols.tolist()
    assert (3, 6) == grid.shape
    assert Affine(30, 0, 1000 - 3 * 30, 0, -30, 9000 - 105 * 30) == grid.transform


@pytest.mark.parametrize("fields", [True, False])
def test_cells_that_are_no_squares(fields):
    row, col = np.divmod(np.random.default_rng(1).permutation(200)[:150], 20)
    cells = boxes(row, col, (0.1, 0.3), (-44.7, -2.1), fields=fields)
    grid = cells_to_grid(cells)

    assert np.array_equal(row - row.min(), grid.rows)
    assert np.array_equal(col - col.min(), grid.cols)
    assert np.allclose([0.1, 0, -44.7, 0, -0.3, -2.1], grid.transform[:6], rtol=1e-12)


def test_rounded_coordinates_of_a_wide_grid():
    row, col = np.divmod(np.arange(80_000), 40_000)
    cells = boxes(row, col, (0.00026949, 0.00026949), (-44.7, -2.1), fields=False)
    rounded = cells.set_geometry(shapely.transform(cells.geometry.values, lambda xy: np.round(xy, 7)))
    grid = cells_to_grid(rounded)

    assert np.array_equal(col, grid.cols)
    assert grid.transform.a == pytest.approx(0.00026949, rel=1e-6)


@pytest.mark.parametrize("fields", [True, False])
def test_a_single_cell(fields):
    grid = cells_to_grid(boxes([4], [7], fields=fields))

    assert ([0], [0], (1, 1)) == (grid.rows.tolist(), grid.cols.tolist(), grid.shape)
    assert Affine(30, 0, 210, 0, -30, -120) == grid.transform


def test_a_repeated_pixel_names_both_features():
    cells = boxes([0, 0, 1, 1], [0, 1, 0, 1])
    cells.loc[3, ["row", "col"]] = 0, 1

    with pytest.raises(InvalidInput, match=r"1 of 4 cells would be lost.*feature 3.*feature 1"):
        cells_to_grid(cells)


def test_geometry_that_contradicts_the_numbers():
    row, col = np.divmod(np.arange(400), 20)
    cells = boxes(row, col)
    cells.loc[5, "geometry"] = shapely.affinity.translate(cells.geometry[5], 14.9, -14.9)

    assert Affine(30, 0, 0, 0, -30, 0) == cells_to_grid(cells).transform

    cells.loc[5, "geometry"] = shapely.affinity.translate(cells.geometry[5], 0.2, 0)
    with pytest.raises(InvalidInput, match=r"1 cells \(the first: feature 5.*half a cell"):
        cells_to_grid(cells)
    upside_down = boxes(row, col).assign(row=19 - row)
    with pytest.raises(InvalidInput, match="half a cell"):
        cells_to_grid(upside_down)


def test_numbers_that_are_none():
    for wrong, what in (([0, 0.5], "feature 1"), ([np.nan, 0], "feature 0"), (["a", "b"], "not a number")):
        with pytest.raises(InvalidInput, match=what):
            cells_to_grid(boxes([0, 0], [0, 1]).assign(row=wrong))


def test_a_stray_number_makes_no_huge_raster():
    with pytest.raises(InvalidInput, match="too many"):
        cells_to_grid(boxes([0, 0, 10_000_000], [0, 1, 1]))
    with pytest.raises(InvalidInput, match="too many"):
        cells_to_grid(boxes([0, 0, 10_000_000], [0, 1, 1], fields=False))


def test_polygons_that_are_no_grid_say_how_many_would_be_lost():
    row, col = np.divmod(np.arange(100), 10)
    regular = boxes(row, col, fields=False)
    doubled = gpd.GeoDataFrame(
        geometry=[*regular.geometry, regular.geometry[3], regular.geometry[4]], crs=regular.crs
    )
    rotated = regular.set_geometry(regular.rotate(10, origin=(0, 0)))
    hexagons = regular.set_geometry(shapely.buffer(regular.centroid.array, 15, quad_segs=2))

    with pytest.raises(InvalidInput, match=r"2 of 102 cells would be lost") as caught:
        cells_to_grid(doubled)
    assert "resolution" in caught.value.hint
    for wrong in (rotated, hexagons):
        with pytest.raises(InvalidInput, match="of 100 cells would be lost"):
            cells_to_grid(wrong)
    with pytest.raises(InvalidInput, match="would be lost"):
        cells_to_grid(regular, resolution=60)


def test_bad_geometry_is_named():
    regular = boxes([0, 0, 0], [0, 1, 2]).geometry
    for wrong, what in (
        (None, "no geometry"),
        (shapely.Polygon(), "empty"),
        (shapely.Point(0, 0), "not polygons"),
        (shapely.Polygon([(0, 0), (1, 1), (1, 0), (0, 1)]), "invalid"),
    ):
        cells = gpd.GeoDataFrame({"uso": [1, 2, 3]}, geometry=[regular[0], wrong, regular[2]])
        with pytest.raises(InvalidInput, match=rf"1 of 3 features .*{what}.*the first is feature 1"):
            cells_to_grid(cells)
    with pytest.raises(InvalidInput, match="no cells"):
        cells_to_grid(boxes([], []))


def test_resampling_takes_the_first_of_overlapping_cells():
    cells = gpd.GeoDataFrame(
        geometry=[shapely.box(0, 0, 30, 30), shapely.box(20, 0, 50, 30), shapely.box(80, 0, 90, 30)]
    )
    index, transform = resample_cells(cells, 10)

    assert [[0, 0, 0, 1, 1, -1, -1, -1, 2]] * 3 == index.tolist()
    assert np.dtype(np.int64) == index.dtype
    assert Affine(10, 0, 0, 0, -10, 30) == transform
    for wrong in (0, -1, float("nan")):
        with pytest.raises(UsageError, match="resolution"):
            resample_cells(cells, wrong)


def test_resampling_covers_what_is_left_over():
    index, _ = resample_cells(boxes([0, 0], [0, 1]), 25)

    assert (2, 3) == index.shape
    assert [0, 1, -1] == index[0].tolist()


def test_burning_columns_as_the_public_package_does(tmp_path):
    cells = boxes([0, 0, 1], [0, 1, 0]).assign(alt=[0.1, 2**60 + 0.0, np.nan], big=[1, 2**40, 3])
    backend = vector_to_raster_backend(cells, 30, ["uso", "alt", "big"], nodata=-1)

    assert ["mask", "uso", "alt", "big"] == list(backend.arrays)
    assert [[1, 1], [1, 0]] == backend.arrays["mask"].tolist()
    assert np.dtype(np.float32) == backend.arrays["mask"].dtype
    assert [[0, 1], [2, -1]] == backend.arrays["uso"].tolist()
    assert np.dtype(np.int32) == backend.arrays["uso"].dtype
    assert [[1, 2**40], [3, -1]] == backend.arrays["big"].tolist()
    assert np.dtype(np.int64) == backend.arrays["big"].dtype
    alt = np.array([[0.1, 2.0**60], [np.nan, -1]], np.float32)
    assert np.array_equal(alt, backend.arrays["alt"], equal_nan=True)
    assert np.dtype(np.float32) == backend.arrays["alt"].dtype
    assert Affine(30, 0, 0, 0, -30, 0) == backend.transform
    assert cells.crs == backend.crs

    cells.to_file(tmp_path / "a.gpkg")
    without = vector_to_raster_backend(tmp_path / "a.gpkg", 30, {"uso": 7}, nodata_value=-9, add_mask=False)
    assert ["uso"] == list(without.arrays)
    assert [[0, 1], [2, -9]] == without.arrays["uso"].tolist()
    assert [[0, 1], [2, 7]] == vector_to_raster_backend(cells, 30, {"uso": 7}).arrays["uso"].tolist()


def test_burning_says_what_is_missing():
    cells = boxes([0], [0])
    with pytest.raises(ValueError, match="'usa'") as caught:
        vector_to_raster_backend(cells, 30, ["usa"])
    assert "Known: col, row, uso." == caught.value.hint
    with pytest.raises(UsageError, match="must not be empty"):
        vector_to_raster_backend(cells, 30, [])
    with pytest.raises(InvalidInput, match="no CRS"):
        vector_to_raster_backend(boxes([0], [0], crs=None), 30, ["uso"])
    assert 4326 == vector_to_raster_backend(cells, 0.001, ["uso"], crs=4326).crs.to_epsg()
