"""Data to write in many ways, and their digests as this environment writes them."""

import sqlite3

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely

from dissmodel.io.content import content_digest
from dissmodel.io.vector import save_gdf

SHAPE = (90, 70)


@pytest.fixture
def cells():
    """Bands of 90 rows and 70 columns: elevations with -9999 for no data and a NaN, and classes."""
    rng = np.random.default_rng(3)
    alt = rng.normal(size=SHAPE)
    alt[::7, ::5] = -9999
    alt[3, 3], alt[4, 4] = np.nan, 0.0
    return {"alt": alt, "uso": rng.integers(1, 11, SHAPE).astype(float)}


@pytest.fixture
def cells_digest(tmp_path, cells):
    profile = {"driver": "GTiff", "count": 2, "height": SHAPE[0], "width": SHAPE[1], "dtype": "float64"}
    profile |= {"transform": rasterio.Affine(30, 0, 5e5, 0, -30, 9e6), "crs": "EPSG:31984", "nodata": -9999}
    with rasterio.open(tmp_path / "expected.tif", "w", **profile) as dataset:
        dataset.write(np.stack(list(cells.values())))
        dataset.descriptions = list(cells)
    return content_digest(tmp_path / "expected.tif").digest


@pytest.fixture
def features():
    """60 squares in no order: numbers, texts, and their rings, of shape (60, 5, 2)."""
    rng = np.random.default_rng(5)
    row, col = np.divmod(rng.permutation(60), 10)
    boxes = shapely.box(col * 30.1, row * 30.1, col * 30.1 + 30, row * 30.1 + 30)
    return {
        "uso": rng.integers(1, 11, 60),
        "alt": rng.normal(size=60),
        "name": np.array(["é", "", "mangue"] * 20),
        "rings": np.array([shapely.get_coordinates(box) for box in boxes]),
    }


@pytest.fixture
def features_digest(tmp_path, features):
    columns = {name: features[name] for name in ("uso", "alt", "name")}
    gdf = gpd.GeoDataFrame(columns, geometry=shapely.polygons(features["rings"]), crs=31984)
    save_gdf(gdf, tmp_path / "expected.gpkg")
    return content_digest(tmp_path / "expected.gpkg").digest


@pytest.fixture
def vacuum():
    """Give a GeoPackage another page layout; leave other files alone."""

    def run(path):
        if path.suffix == ".gpkg":
            database = sqlite3.connect(path)
            database.executescript("PRAGMA page_size=1024; VACUUM;")
            database.close()

    return run
