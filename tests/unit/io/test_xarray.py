"""NetCDF, through xarray."""

import numpy as np
import pytest
from affine import Affine
from pyproj import CRS

from dissmodel.errors import DissmodelError
from dissmodel.geo import RasterBackend
from dissmodel.io import load_dataset, load_xarray, save_dataset, save_xarray
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


@pytest.mark.parametrize("uri", ["s3://bucket/a.zarr", "s3://bucket/a.ZARR/"])
def test_a_zarr_is_a_folder_and_so_local_only(uri):
    backend = RasterBackend((1, 1))
    backend.set("uso", np.zeros((1, 1)))

    for call in (lambda: save_xarray(backend, uri), lambda: load_xarray(uri)):
        with pytest.raises(DissmodelError, match="remote data isn't supported"):
            call()
