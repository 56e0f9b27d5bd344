"""Where a result is, in longitude and latitude."""

import numpy as np
import pytest
import rasterio
import shapely
from pyproj import CRS

from dissmodel.record import Grid
from dissmodel.sharing.footprint import footprint


def grid_of(crs, west, north, size, shape=(10, 10)):
    transform = (size, 0.0, west, 0.0, -size, north)
    return Grid(shape=shape, transform=transform, crs=crs if "[" in crs else CRS(crs).to_wkt())


def test_a_grid_in_degrees_is_its_own_outline(tmp_path):
    found = footprint(tmp_path, grid_of("EPSG:4326", -45.0, -2.0, 0.1), {})

    assert (-45.0, -3.0, -44.0, -2.0) == found.box
    assert "EPSG:4326" == found.code
    outline = shapely.geometry.shape(found.geometry)
    assert outline.equals(shapely.box(-45, -3, -44, -2))
    assert shapely.is_ccw(shapely.get_exterior_ring(outline))


def test_a_grid_over_the_antimeridian_is_two_parts(tmp_path):
    # 40 km around 180° in UTM zone 60 S; from its central meridian, 177° E, it is 318 km to 180° at 18° S.
    found = footprint(tmp_path, grid_of("EPSG:32760", 797_000.0, 8_010_000.0, 4000.0), {})
    west, _, east, _ = found.box
    east_part, west_part = shapely.get_parts(shapely.geometry.shape(found.geometry))

    assert west > 179.7 > -179.7 > east
    assert (180.0, -180.0) == (east_part.bounds[2], west_part.bounds[0])
    assert pytest.approx(0.38, abs=0.03) == (180 - west) + (east + 180)


def test_a_grid_around_a_pole_reaches_it(tmp_path):
    found = footprint(tmp_path, grid_of("EPSG:3031", -500_000.0, 500_000.0, 100_000.0), {})

    assert (-180.0, -90.0, 180.0) == found.box[:3]
    assert shapely.geometry.shape(found.geometry).is_valid


@pytest.mark.parametrize("crs", ['LOCAL_CS["plan",UNIT["metre",1]]', 'ENGCRS["not a CRS"'])
def test_what_is_not_on_the_earth_has_no_footprint(tmp_path, crs):
    found = footprint(tmp_path, grid_of(crs, 0.0, 0.0, 1.0), {})

    assert (None, None, None) == (found.geometry, found.box, found.code)


def test_bands_say_what_the_file_says(tmp_path):
    path = tmp_path / "r.tif"
    profile = {"driver": "GTiff", "count": 2, "height": 3, "width": 4, "dtype": "float32", "nodata": np.nan}
    with rasterio.open(path, "w", **profile, transform=rasterio.Affine(30, 0, 0, 0, -30, 0)) as dataset:
        dataset.descriptions = ("alt", None)
        dataset.write(np.zeros((2, 3, 4), "float32"))
    (first, second) = footprint(path, Grid(shape=(3, 4)), {"r.tif": path}).bands["r.tif"]

    assert {"name": "alt", "data_type": "float32", "nodata": "nan"} == {
        key: value for key, value in first.items() if ":" not in key
    }
    assert (30.0, "band 2") == (first["raster:spatial_resolution"], second["name"])
