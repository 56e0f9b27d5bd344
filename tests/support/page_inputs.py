"""Inputs that pages of the documentation name, where no script of an example makes them: small and drawn."""

import re
from pathlib import Path

import numpy as np
import shapely
from affine import Affine
from geopandas import GeoDataFrame

from dissmodel.io import save_dataset
from dissmodel.io.raster import write_geotiff
from support.pages import read


def raster(name, bands, side=30):
    """Write arrays of one shape as a GeoTIFF."""
    bands = {band: values.astype(float) for band, values in bands.items()}
    write_geotiff(
        name,
        {band: values.__getitem__ for band, values in bands.items()},
        shape=next(iter(bands.values())).shape,
        dtype="float64",
        nodata=-9999.0,
        transform=Affine(side, 0, 600_000, 0, -side, 9_700_000),
        crs="EPSG:31984",
    )


def polygons(name, columns, cols, side=30):
    """Write columns as a layer of squares in rows of `cols`."""
    row, col = np.divmod(np.arange(len(next(iter(columns.values())))), cols)
    west, north = 600_000 + side * col, 9_700_000 - side * row
    boxes = shapely.box(west, north - side, west + side, north)
    save_dataset(GeoDataFrame(columns | {"row": row, "col": col}, geometry=boxes, crs="EPSG:31984"), name)


def town():
    """Write growth.py as the page of the kit has it, and a town as town.tif and town.gpkg."""
    (text,) = re.findall(r"```python\n(# growth\.py\n.*?)```", read("docs/cells.md"), re.DOTALL)
    Path("growth.py").write_text(text)
    draws = np.random.default_rng(1)
    built = (draws.random((12, 15)) < 0.3).astype(int)
    slope = draws.random((12, 15)) * 30
    raster("town.tif", {"built": built, "slope": slope})
    polygons("town.gpkg", {"built": built.ravel(), "slope": slope.ravel()}, 15)


def region():
    """Write region.toml as the page of land-use change has it, region.gpkg and demand.csv."""
    (text,) = re.findall(r"```toml\n(# region\.toml\n.*?)```", read("docs/land_use.md"), re.DOTALL)
    Path("region.toml").write_text(text)
    draws = np.random.default_rng(3)
    farm, water = 0.3 * draws.random(120), np.where(draws.random(120) < 0.1, 0.5, 0.0)
    columns = {"forest": 1 - farm - water, "farm": farm, "water": water, "road": draws.random(120)}
    polygons("region.gpkg", columns, 10, side=5000)
    area = {name: 25 * columns[name].sum() for name in ("forest", "farm", "water")}
    rows = [(area["water"], area["forest"] - 30 * step, area["farm"] + 30 * step) for step in range(3)]
    lines = ["water,forest,farm", *(",".join(map(repr, map(float, one))) for one in rows)]
    Path("demand.csv").write_text("\n".join(lines))


def observed():
    """Write maps of classes that hang on the slope, of 2010 and 2020, and polygons with more drivers."""
    draws = np.random.default_rng(5)
    slope = np.arange(400.0).reshape(20, 20) % 37
    for name, every in (("2010.tif", 8), ("2020.tif", 9)):
        farm = (slope > 20) ^ (np.arange(400).reshape(20, 20) % every == 0)
        raster(name, {"use": 1 + farm, "slope": slope}, side=500)
    count = 150 * 150  # more than the page draws
    drivers = {name: draws.random(count) for name in ("slope", "roads", "protected")}
    use = 1 + (drivers["slope"] + draws.random(count) > 1) + (draws.random(count) < 0.1)
    polygons("2010.gpkg", {"use": np.minimum(use, 3), **drivers}, 150, side=500)


def judged():
    """Write a simulated map of three classes, and the observed maps at its start and at its end."""
    draws = np.random.default_rng(3)
    start = draws.integers(1, 4, (12, 16))
    for name, changed in (("observed_2010", 0.0), ("observed_2020", 0.2), ("result", 0.2)):
        raster(f"{name}.tif", {"use": np.where(draws.random(start.shape) < changed, 2, start)}, side=100)


def maps():
    """Return the arrays that the page of Python compares, by their names there."""
    draws = np.random.default_rng(7)
    start, reference, simulated = draws.integers(1, 4, (3, 10, 12))
    a, b = draws.random((2, 10, 12))
    return {"start": start, "reference": reference, "simulated": simulated, "a": a, "b": b}
