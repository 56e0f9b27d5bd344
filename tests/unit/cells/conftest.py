from types import SimpleNamespace

import numpy as np
import pytest
from affine import Affine

from dissmodel.executor import ExperimentRecord, execute_lifecycle
from dissmodel.io import load_dataset
from dissmodel.io.raster import write_geotiff


@pytest.fixture
def raster(tmp_path):
    """Write a GeoTIFF of these bands; return its path."""

    def write(name="in.tif", /, nodata=-9999.0, dtype="float64", tags=None, band_tags=None, **bands):
        path = tmp_path / name
        arrays = {band: np.asarray(values) for band, values in bands.items()}
        write_geotiff(
            path,
            {band: array.__getitem__ for band, array in arrays.items()},
            shape=next(iter(arrays.values())).shape,
            dtype=dtype,
            nodata=nodata,
            transform=Affine(30, 0, 600_000, 0, -30, 9_700_000),
            crs="EPSG:31984",
            tags=tags,
            band_tags=band_tags,
        )
        return path

    return write


@pytest.fixture
def run(tmp_path):
    """Run a model on a file; return its record and the path, bands and tags of its result."""

    def run(model, source, output="out.tif", *, seed=None, band_map=None, column_map=None, **parameters):
        record = ExperimentRecord(
            model_name=model.name,
            source={"uri": str(source)},
            parameters=parameters,
            band_map=band_map or {},
            column_map=column_map or {},
            output_path=str(tmp_path / output),
            seed=seed,
        )
        record, _ = execute_lifecycle(model(), record)
        data, _ = load_dataset(tmp_path / output)
        bands, tags = (data[0].arrays, data[1]["tags"]) if isinstance(data, tuple) else (data, {})
        return SimpleNamespace(record=record, path=tmp_path / output, bands=bands, tags=tags)

    return run
