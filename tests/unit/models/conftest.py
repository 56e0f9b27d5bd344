import hashlib

import geopandas
import numpy as np
import pytest
import rasterio
import shapely

from dissmodel.executor import ExperimentRecord, execute_lifecycle
from dissmodel.io.vector import save_gdf
from dissmodel.models.coastal.raster import CoastalRaster
from dissmodel.models.coastal.vector import CoastalVector


@pytest.fixture(scope="session")
def state_hash():
    """The digest by which results are published: the cells of an output, in visiting order."""
    return _state_hash


def _state_hash(path):
    with rasterio.open(path) as dataset:
        bands = dict(zip(dataset.descriptions, dataset.read(), strict=True))
    inside = bands["uso"] != -9999
    visit = np.argsort(bands["order"][inside]) if "order" in bands else slice(None)
    uso, solo, alt = (bands[name][inside][visit] for name in ("uso", "solo", "alt"))
    content = uso.astype("<i2").tobytes() + solo.astype("<i2").tobytes() + alt.astype("<f8").tobytes()
    return hashlib.sha256(content).hexdigest()[:16]


@pytest.fixture
def run_raster(tmp_path):
    """Run coastal_raster on a file; return the record, whose output lies in tmp_path."""

    def run(source, output="result.tif", **fields):
        parameters = fields.pop("parameters", {})
        record = ExperimentRecord(
            model_name="coastal_raster",
            source={"uri": str(source)},
            parameters=parameters,
            output_path=str(tmp_path / output),
            **fields,
        )
        return execute_lifecycle(CoastalRaster(), record)[0]

    return run


@pytest.fixture
def write_tif(tmp_path):
    """Write bands (name → array, or a list of arrays without names) as a GeoTIFF; return its path."""

    def write(bands, name="grid.tif", *, crs="EPSG:31983", nodata=None, tags=None, band_tags=None):
        arrays = list(bands.values()) if isinstance(bands, dict) else bands
        path = tmp_path / name
        with rasterio.open(
            path,
            "w",
            driver="GTiff",
            width=arrays[0].shape[1],
            height=arrays[0].shape[0],
            count=len(arrays),
            dtype=np.result_type(*arrays),
            crs=crs,
            nodata=nodata,
            transform=rasterio.Affine(30.0, 0.0, 600000.0, 0.0, -30.0, 9700000.0),
        ) as dataset:
            for number, array in enumerate(arrays, 1):
                dataset.write(array, number)
                if isinstance(bands, dict):
                    band = list(bands)[number - 1]
                    dataset.set_band_description(number, band)
                    dataset.update_tags(number, **(band_tags or {}).get(band, {}))
            dataset.update_tags(**(tags or {}))
        return path

    return write


@pytest.fixture
def coast():
    """A coast of 12 by 9 cells, sea in the west, two of the cells missing: band → float64 array."""
    rows, cols = np.indices((12, 9))
    uso = np.select([cols < 2, cols < 4, cols < 7], [3, 1, 2], 4).astype(np.float64)
    solo = np.where(cols < 4, 3.0, 4.0)
    solo[5] = 0.0
    alt = cols * 0.5 + rows * 0.01
    uso[0, 8] = uso[6, 4] = 0.0
    return {"uso": uso, "alt": alt, "solo": solo}


@pytest.fixture
def run_layer(tmp_path):
    """Run an executor on a file or a frame; return the record, whose output lies in tmp_path."""

    def run(source, output="result.gpkg", executor=CoastalVector, **fields):
        if not isinstance(source, str | type(tmp_path)):
            save_gdf(source, tmp_path / "cells.gpkg")
            source = tmp_path / "cells.gpkg"
        record = ExperimentRecord(
            model_name=executor.name,
            source={"uri": str(source)},
            output_path=str(tmp_path / output),
            **fields,
        )
        return execute_lifecycle(executor(), record)[0]

    return run


@pytest.fixture
def squares():
    """Six squares as a layer, with row and col, in no order."""
    row, col = np.array([0, 1, 0, 1, 0, 1]), np.array([2, 2, 1, 1, 0, 0])
    return geopandas.GeoDataFrame(
        {
            "uso": [3, 3, 2, 2, 1, 1],
            "alt": np.linspace(0, 1, 6),
            "solo": [4, 4, 3, 3, 3, 3],
            "row": row,
            "col": col,
        },
        geometry=shapely.box(col * 30, -row * 30 - 30, col * 30 + 30, -row * 30),
        crs="EPSG:31983",
    )
