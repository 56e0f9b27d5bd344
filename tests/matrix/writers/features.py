"""Write features in several containers, with the pyogrio or the fiona that is there.

python features.py ARRAYS.npz FOLDER {pyogrio|fiona} → lines: the version, then the name of each file.
"""

import struct
import sys
from pathlib import Path

import numpy as np

# FlatGeobuf's index would reorder the features.
FILES = {
    "a.gpkg": ("GPKG", {}),
    "unindexed.gpkg": ("GPKG", {"SPATIAL_INDEX": "NO"}),
    "a.fgb": ("FlatGeobuf", {"SPATIAL_INDEX": "NO"}),
}
CRS = "EPSG:31984"


def by_pyogrio(arrays, folder):
    """Yield the version, and each file's name when it is written."""
    import pyogrio

    yield f"pyogrio=={pyogrio.__version__}"
    wkb = [struct.pack("<BIII", 1, 3, 1, len(ring)) + ring.tobytes() for ring in arrays["rings"]]
    names = ["uso", "alt", "name"]
    values = [arrays["uso"], arrays["alt"], arrays["name"].astype(object)]
    for name, (driver, options) in FILES.items():
        pyogrio.raw.write(
            folder / name,
            np.array(wkb, dtype=object),
            values,
            np.array(names, dtype=object),
            driver=driver,
            geometry_type="Polygon",
            crs=CRS,
            **options,
        )
        yield name


def by_fiona(arrays, folder):
    """Yield the version, and each file's name when it is written."""
    import fiona

    yield f"fiona=={fiona.__version__}"
    schema = {"geometry": "Polygon", "properties": {"uso": "int64", "alt": "float", "name": "str"}}
    columns = [arrays[name].tolist() for name in ("uso", "alt", "name", "rings")]
    for file, (driver, options) in FILES.items():
        with fiona.open(folder / file, "w", driver=driver, schema=schema, crs=CRS, **options) as layer:
            layer.writerecords(
                {
                    "geometry": {"type": "Polygon", "coordinates": [ring]},
                    "properties": {"uso": uso, "alt": alt, "name": name},
                }
                for uso, alt, name, ring in zip(*columns, strict=True)
            )
        yield file


if __name__ == "__main__":
    with np.load(sys.argv[1]) as loaded:
        given = dict(loaded)
    for line in {"pyogrio": by_pyogrio, "fiona": by_fiona}[sys.argv[3]](given, Path(sys.argv[2])):
        print(line)  # noqa: T201  (a script: its output is what it says)
