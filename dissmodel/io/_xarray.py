"""NetCDF and Zarr, through xarray, which is an extra."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dissmodel.errors import (
    DissmodelError,
    InvalidInput,
    MissingFile,
    MissingModule,
)
from dissmodel.geo.raster.backend import RasterBackend, xarray_library
from dissmodel.io._storage import local_copy, written
from dissmodel.io.foreign import again
from dissmodel.io.formats import cannot_hold, kind_of_data
from dissmodel.io.room import no_room, unwritten
from dissmodel.record.digest import sha256_file


def load_xarray(
    uri: str | os.PathLike[str], minio_client: Any = None, **kwargs: Any
) -> tuple[RasterBackend, str]:
    """Read a NetCDF file or a Zarr folder.

    Parameters
    ----------
    uri : str or path-like
        ``.nc``, or a local folder ``.zarr``. ``s3://`` and ``https://`` are fetched.
    minio_client : optional
        A storage client for ``s3://``.
    **kwargs
        Handed to ``xarray.open_dataset``.

    Returns
    -------
    backend : RasterBackend
        As `RasterBackend.from_xarray` makes it.
    sha256 : str
        Of the file; empty for a folder.

    Raises
    ------
    MissingModule
        If xarray, or what it needs for this format, is not installed.
    InvalidInput
        If it is missing or can't be read.
    """
    xr = xarray_library()
    with local_copy(uri, minio_client) as path:
        if not path.exists():
            raise MissingFile(f"{path} does not exist.", "Check the path.")
        try:
            with _engine_named(), xr.open_dataset(path, **{"decode_coords": "all", **kwargs}) as dataset:
                return RasterBackend.from_xarray(dataset), _file_checksum(path)
        except OSError as error:
            raise InvalidInput(f"{path} can't be read: {error}.", again(path)) from error


def save_xarray(
    backend_or_dataset: Any,
    uri: str | os.PathLike[str],
    step: Any = None,
    minio_client: Any = None,
    **kwargs: Any,
) -> str:
    """Write a backend, or an ``xarray.Dataset``, as NetCDF or Zarr.

    Parameters
    ----------
    backend_or_dataset : RasterBackend, tuple of (RasterBackend, dict), or xarray.Dataset
        What to write.
    uri : str or path-like
        ``.nc``, or ``.zarr``, which is local only. Its folder is made; ``s3://`` is uploaded.
    step : optional
        A time to note on the static arrays.
    minio_client : optional
        A storage client for ``s3://``.
    **kwargs
        Handed to ``to_netcdf`` or ``to_zarr``.

    Returns
    -------
    str
        The file's sha256; empty for a folder.

    Raises
    ------
    MissingModule
        If xarray, or what it needs for this format, is not installed.
    WrongType
        If the data is something else.
    StorageError
        If it can't be written.
    """
    xarray_library()
    data = backend_or_dataset[0] if isinstance(backend_or_dataset, tuple) else backend_or_dataset
    if kind_of_data(data) not in {"raster", "xarray"}:
        raise cannot_hold(data, uri, "xarray")
    dataset = data.to_xarray(time=step) if isinstance(data, RasterBackend) else data
    with written(uri, "application/x-netcdf", minio_client) as path:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with _engine_named():
                if path.suffix.lower() == ".zarr":
                    dataset.to_zarr(path, **kwargs)
                else:
                    dataset.to_netcdf(path, **kwargs)
        except (OSError, RuntimeError) as error:  # as netCDF4's are
            size = path.stat().st_size if path.is_file() else 0
            if isinstance(error, RuntimeError) and not no_room(path.parent, size, str(error)):
                raise
            raise unwritten(path, str(error), path.parent, size) from error
        return _file_checksum(path)


@contextmanager
def _engine_named() -> Iterator[None]:
    """Say what to install where xarray finds nothing that reads or writes the format."""
    try:
        yield
    except DissmodelError:
        raise
    except (ImportError, ValueError) as error:
        raise MissingModule(
            f"xarray can't do it: {error}", "The extra 'xarray' brings NetCDF: python -m pip install netcdf4"
        ) from error


def _file_checksum(path: str | os.PathLike[str]) -> str:
    return sha256_file(Path(path)) if Path(path).is_file() else ""
