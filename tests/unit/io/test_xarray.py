"""NetCDF, through xarray."""

import numpy as np
from affine import Affine
from pyproj import CRS

from dissmodel.geo import RasterBackend
from dissmodel.io import load_dataset, save_dataset
from dissmodel.record.digest import sha256_file


def test_a_backend_survives_netcdf_with_its_bits_its_grid_and_its_crs(tmp_path):
    path = tmp_path / "a.nc"
    backend = RasterBackend((3, 4), transform=Affine(30, 0, 500000, 0, -30, 9000000), crs="EPSG:31983")
    backend.set("uso", np.arange(12, dtype=np.uint8).reshape(3, 4))
    backend.set("alt", np.random.default_rng(1).random((3, 4)))

    saved = save_dataset(backend, path)
    loaded, digest = load_dataset(path)

    assert sha256_file(path) == saved == digest
    assert ["alt", "uso"] == sorted(loaded.band_names())
    for name, band in backend.arrays.items():
        assert (band.dtype, band.tobytes()) == (loaded.get(name).dtype, loaded.get(name).tobytes())
    assert backend.transform == loaded.transform
    assert CRS("EPSG:31983") == CRS(loaded.crs)
