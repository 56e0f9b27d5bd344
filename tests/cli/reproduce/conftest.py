"""Models and planted changes for the tests of `dissmodel reproduce`."""

import json
from pathlib import Path

import numpy as np
import pytest
import rasterio

from dissmodel.record import store

HEAD = "import numpy as np\nimport rasterio"
LOAD = "d = rasterio.open(record.source.uri); b, p = d.read(), d.profile; d.close(); return b, p"
UNSEEDED = "np.random.Generator(np.random.PCG64()).random(5)"  # which no seed of a run reaches
SAVE = (
    "d = rasterio.open(record.output_path, 'w', **result[1]); d.write(result[0]); d.close(); "
    "record.output_sha256 = self._sha256(record.output_path); return record"
)


@pytest.fixture
def write_raster():
    """Write bands as a GeoTIFF of float64."""

    def write(path, bands):
        count, rows, cols = bands.shape
        profile = {"driver": "GTiff", "count": count, "height": rows, "width": cols, "dtype": "float64"}
        transform = rasterio.Affine(30, 0, 500000, 0, -30, 9000000)
        with rasterio.open(path, "w", **profile, crs="EPSG:31984", transform=transform) as dataset:
            dataset.write(bands)

    return write


@pytest.fixture
def raster(dissmodel, write_raster):
    """The command, and in.tif: classes 0, 1, 2 and a slope from 0.25 to 5 on 4 rows and 5 columns."""
    classes = np.arange(20.0).reshape(4, 5) % 3
    write_raster("in.tif", np.stack([classes, np.linspace(0.25, 5, 20).reshape(4, 5)]))
    return dissmodel


@pytest.fixture
def raster_model(executor_file):
    """Write a model that copies its raster; `data` in `run` is the bands and the profile."""

    def write(name="mine", *, head="", **options):
        return executor_file(name, **{"head": f"{HEAD}\n{head}", "load": LOAD, "save": SAVE} | options)

    return write


@pytest.fixture
def copied(raster, raster_model):
    """The command, and r.tif, a copy of in.tif that the returned model made."""
    model = raster_model()
    assert 0 == raster("run", model, "-i", "in.tif", "-o", "r.tif", "-q").code
    return raster, model


@pytest.fixture
def drawn(raster, raster_model):
    """The command, and r.tif, with a random draw in the first row of its second band, and its model."""
    model = raster_model(run=f"data[0][1, 0] = {UNSEEDED}; return data")
    assert 0 == raster("run", model, "-i", "in.tif", "-o", "r.tif", "-q").code
    return raster, model


@pytest.fixture
def plant():
    """Change a record; an honest one has the digest of what it says now."""

    def change(how, path="r.record.json", *, honest=True):
        document = json.loads(Path(path).read_text(encoding="utf-8"))
        how(document)
        if honest:
            store.write(document, Path(path))
        else:
            Path(path).write_text(json.dumps(document), encoding="utf-8")

    return change
