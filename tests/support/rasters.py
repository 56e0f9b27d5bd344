"""GeoTIFFs as other programs write them."""

import numpy as np
import rasterio


def write_tiff(
    path,
    bands,
    *,
    names=(),
    crs="EPSG:31983",
    transform=rasterio.Affine(30, 0, 0, 0, -30, 0),  # noqa: B008  (it never changes)
    tags=None,
    band_tags=(),
    mask=None,
    colours=None,
    **options,
):
    """Write bands, each with its name and tags; further options are those of GDAL. Return the path."""
    bands = np.asarray(bands)
    count, rows, cols = bands.shape
    profile = {"driver": "GTiff", "count": count, "height": rows, "width": cols, "dtype": bands.dtype}
    profile |= {key: value for key, value in (("crs", crs), ("transform", transform)) if value is not None}
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(path, "w", **profile | options) as out:
        if colours:
            out.colorinterp = colours
        out.write(bands)
        out.update_tags(**(tags or {}))
        for number, name in enumerate(names, start=1):
            if name:
                out.set_band_description(number, name)
        for number, one in enumerate(band_tags, start=1):
            out.update_tags(number, **one)
        if mask is not None:
            out.write_mask(mask)
    return path
