"""What kind of dataset an object is."""

from __future__ import annotations

import os
from typing import Any

from dissmodel.errors import WrongType

_SUFFIXES = {"vector": ".gpkg, .geojson, .fgb, .shp", "raster": ".tif", "xarray": ".nc, .zarr"}


def kind_of_data(data: Any) -> str | None:
    """Return ``"raster"``, ``"vector"`` or ``"xarray"``; None for an object that is not a dataset.

    >>> kind_of_data("grid.tif") is None
    True
    """
    from dissmodel.geo.raster.backend import RasterBackend  # noqa: PLC0415  (vector data need none of it)

    if isinstance(data[0] if isinstance(data, tuple) and data else data, RasterBackend):
        return "raster"
    # By their marks, so that neither geopandas nor xarray is imported to find out.
    if hasattr(data, "geometry") and hasattr(data, "to_crs"):
        return "vector"
    return "xarray" if hasattr(data, "data_vars") else None


def cannot_hold(data: Any, uri: str | os.PathLike[str], kind: str) -> WrongType:
    """Return the error of data that a file of this kind can't hold."""
    given = kind_of_data(data)
    if given is None:
        return WrongType(
            f"{type(data).__name__} is not data that can be written.",
            "Give a GeoDataFrame or a RasterBackend.",
        )
    return WrongType(
        f"{os.fspath(uri)}: {given} data can't be written as {kind}.",
        f"Choose a name that ends in {_SUFFIXES[given]}.",
        code="suffix_does_not_fit",
    )
