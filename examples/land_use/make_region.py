"""Make a region at the frontier of a forest: its land use in 2010 and 2020, and what that depends on.

Each cell is drawn as 4 x 4 patches of land. So it has a share of each class, in sixteenths, and the class
with the largest share. The same seed gives the same region, and more cells show it in finer grain. Nothing in
it was measured.

    python examples/land_use/make_region.py --output region.tif
"""

# ruff: noqa: PLR2004  (a landscape is drawn with numbers that mean nothing elsewhere)

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from dissmodel.io.raster import write_geotiff

CRS = "EPSG:31982"  # SIRGAS 2000 / UTM zone 22S
WEST, NORTH = 300_000.0, 9_400_000.0  # the upper left corner, m
SIDE = 1000.0  # of a cell, m
PATCHES = 4  # in a row of a cell
SMALLEST = 20  # rows or columns; on fewer there is no room for roads and towns
FOREST, PASTURE, CROPS, WATER = range(4)
CLASSES = ("forest", "pasture", "crops", "water")
AREAS = {2010: (0.14, 0.06), 2020: (0.22, 0.11)}  # parts of the region: pasture and crops

Picture = NDArray[np.float64]


def region(rows: int, cols: int, seed: int) -> tuple[dict[str, Picture], dict[int, Picture]]:
    """Return the drivers, shape (rows, cols), and by year the shares of `CLASSES`, shape (4, rows, cols).

    Distances are in km on a map 100 km wide and long, so a larger grid shows the same region in finer grain.

    >>> drivers, shares = region(20, 30, seed=7)
    >>> list(drivers), bool((shares[2020].sum(axis=0) == 1).all())
    (['dist_road', 'dist_town', 'slope', 'protected'], True)
    """
    if min(rows, cols) < SMALLEST or seed < 0:
        raise ValueError(
            f"a region of {rows} x {cols} cells with the seed {seed} can't be made: "
            f"it needs {SMALLEST} rows and columns or more, and a seed of 0 or more"
        )
    draws = np.random.default_rng(seed)
    bend = draws.uniform(0, 2 * np.pi, 4)
    drivers, _ = _places(rows, cols, bend)
    fine, water = _places(rows * PATCHES, cols * PATCHES, bend)
    near_road, near_town = np.exp(-fine["dist_road"] / 10), np.exp(-fine["dist_town"] / 25)
    # What no driver explains: half of it in a cell, half in a patch.
    own = draws.logistic(0, 0.15, (2, rows, cols)).repeat(PATCHES, axis=1).repeat(PATCHES, axis=2)
    own += draws.logistic(0, 0.15, own.shape)
    cleared = 0.9 * near_road + 0.6 * near_town - 0.2 * fine["protected"] + own[0]
    tilled = 0.8 * near_town + 0.3 * near_road - 0.04 * fine["slope"] - 0.2 * fine["protected"] + own[1]
    return drivers, {year: _shares(cleared, tilled, water, *parts) for year, parts in AREAS.items()}


def _places(rows: int, cols: int, bend: Picture) -> tuple[dict[str, Picture], NDArray[np.bool_]]:
    """Return the drivers at the centres of cells, and where the river is."""
    y, x = np.mgrid[0:rows, 0:cols].astype(float)
    y, x = 100 * (y + 0.5) / rows, 100 * (x + 0.5) / cols
    highway = np.abs(y - 55 - 6 * np.sin(x / 16 + bend[0]))
    side_road = np.where(y < 55, np.abs(x - 62 - 5 * np.sin(y / 12 + bend[1])), np.inf)
    river = np.abs(y - 80 - 5 * np.sin(x / 11 + bend[2]))
    hills = 2 + np.sin(x / 13 + bend[3]) + np.sin(y / 9 - x / 24 + bend[1])
    drivers = {
        "dist_road": np.minimum(highway, np.minimum(side_road, np.hypot(x - 62, y - 55))),
        "dist_town": np.minimum(np.hypot(x - 62, y - 52), np.hypot(x - 18, y - 58)),
        "slope": 4 * hills,
        "protected": ((x > 70) & (np.abs(y - 45) < 25)).astype(float),
    }
    return {name: np.round(values, 3) for name, values in drivers.items()}, river < 2


def _shares(
    cleared: Picture, tilled: Picture, water: NDArray[np.bool_], pasture: float, crops: float
) -> Picture:
    """Return the shares of cells whose patches have been cleared, and tilled, where that was worth most."""
    use = np.where(water, WATER, FOREST)
    for wish, code, part in ((tilled, CROPS, crops), (cleared, PASTURE, pasture)):
        best = np.argsort(np.where(use == FOREST, -wish, np.inf), axis=None, kind="stable")
        use.flat[best[: round(part * use.size)]] = code
    rows, cols = (size // PATCHES for size in use.shape)
    patches = use.reshape(rows, PATCHES, cols, PATCHES)
    return np.stack([(patches == code).mean(axis=(1, 3)) for code in range(len(CLASSES))])


def write(path: Path, fields: dict[str, Picture]) -> None:
    """Write a map: bands of a GeoTIFF, or columns of squares, one for each cell, row by row."""
    rows, cols = next(iter(fields.values())).shape
    if path.suffix == ".tif":
        transform = Affine(SIDE, 0, WEST, 0, -SIDE, NORTH)
        bands = {name: values.__getitem__ for name, values in fields.items()}
        write_geotiff(path, bands, shape=(rows, cols), dtype="float64", transform=transform, crs=CRS)
        return
    import shapely  # noqa: PLC0415  (only polygons need it)
    from geopandas import GeoDataFrame  # noqa: PLC0415  (as above)

    from dissmodel.io import save_dataset  # noqa: PLC0415  (it loads geopandas)

    row, col = np.divmod(np.arange(rows * cols), cols)
    west, north = WEST + SIDE * col, NORTH - SIDE * row
    columns = {"row": row, "col": col} | {name: values.ravel() for name, values in fields.items()}
    squares = shapely.box(west, north - SIDE, west + SIDE, north)
    save_dataset(GeoDataFrame(columns, geometry=squares, crs=CRS), path)


def main(words: Sequence[str] | None = None) -> None:
    """Write the maps that the command line asks for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", type=int, default=80, help="rows of the grid (default: %(default)s)")
    parser.add_argument("--cols", type=int, default=100, help="columns of the grid (default: %(default)s)")
    parser.add_argument(
        "--seed", type=int, default=1, help="another seed, another region (default: %(default)s)"
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("region.tif"),
        help="a .tif, or a .gpkg of polygons (default: %(default)s)",
    )
    given = parser.parse_args(words)
    output: Path = given.output
    if output.suffix not in {".tif", ".gpkg"}:
        parser.error(f"--output {output}: a name that ends in .tif or .gpkg")
    try:
        drivers, years = region(given.rows, given.cols, given.seed)
    except ValueError as error:
        parser.error(str(error))
    output.parent.mkdir(parents=True, exist_ok=True)
    for year, shares in years.items():
        is_water = shares[WATER] >= 0.5  # so that as many cells are water in each year
        use = np.where(is_water, WATER, np.argmax(shares[:WATER], axis=0)) + 1.0
        for what, fields in (("classes", {"use": use}), ("shares", dict(zip(CLASSES, shares, strict=True)))):
            path = output.with_name(f"{output.stem}_{what}_{year}{output.suffix}")
            write(path, fields | drivers)
            print(path)


if __name__ == "__main__":
    main()
