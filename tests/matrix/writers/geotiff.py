"""Write bands in every layout of a GeoTIFF, with the rasterio that is there.

python geotiff.py BANDS.npz FOLDER rasterio → lines: the version, then the name of each file.
"""

import itertools
import sys
from pathlib import Path

import numpy as np
import rasterio
from rasterio.transform import Affine

COMPRESSION = ("none", "deflate", "lzw", "zstd")
CUT = {"striped": {"blockysize": 7}, "tiled": {"tiled": True, "blockxsize": 16, "blockysize": 32}}
ORDER = ("little", "big")
INTERLEAVE = ("pixel", "band")
BIGTIFF = ("no", "yes")


def layouts():
    """Yield the name and the creation options of each of the 65 layouts."""
    for compression, cut, order, interleave, bigtiff in itertools.product(
        COMPRESSION, CUT, ORDER, INTERLEAVE, BIGTIFF
    ):
        options = {
            "interleave": interleave,
            "ENDIANNESS": order.upper(),
            "BIGTIFF": bigtiff.upper(),
            **CUT[cut],
        }
        yield f"{compression}-{cut}-{order}-{interleave}-{bigtiff}", {"compress": compression, **options}
    yield "predictor", {"compress": "deflate", "predictor": 3}


def write(path, bands, **options):
    """Write bands (name → float64 of rows and columns); -9999 is not data."""
    rows, cols = next(iter(bands.values())).shape
    profile = {"driver": "GTiff", "count": len(bands), "height": rows, "width": cols, "dtype": "float64"}
    profile |= {"crs": "EPSG:31984", "nodata": -9999, "transform": Affine(30, 0, 5e5, 0, -30, 9e6)}
    with rasterio.open(path, "w", **{**profile, **options}) as dataset:
        for number, (name, band) in enumerate(bands.items(), 1):
            dataset.write(band, number)
            dataset.set_band_description(number, name)
        dataset.update_tags(written_by=rasterio.__version__)


if __name__ == "__main__":
    print(f"rasterio=={rasterio.__version__}")  # noqa: T201  (a script: its output is what it says)
    given = dict(np.load(sys.argv[1]))
    for name, options in layouts():
        write(Path(sys.argv[2]) / f"{name}.tif", given, **options)
        print(f"{name}.tif")  # noqa: T201  (as above)
