"""Make a synthetic coast: a sea, a tidal river, mangrove, a town, and hills behind them.

The same seed gives the same coast, to the byte, and a larger grid of the same proportions shows the same
coast in finer grain. Nothing in it was measured; shapes and heights are plausible for the macrotidal coast of
Maranhão, Brazil, where the BR-MANGUE models were made.

    python examples/coast/make_coast.py --rows 200 --cols 300 --output grid.zip
"""

# ruff: noqa: PLR2004  (a landscape is drawn with numbers that mean nothing elsewhere)

from __future__ import annotations

import argparse
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import rasterio
from rasterio.transform import Affine

CRS = "EPSG:31983"  # SIRGAS 2000 / UTM zone 23S
WEST, NORTH = 540_000.0, 9_770_000.0  # the upper left corner, metres
NODATA = -9999.0
SUFFIX = {"tiff": ".tif", "gpkg": ".gpkg", "shp": ".shp", "geojson": ".geojson"}
EPOCH = (1980, 1, 1, 0, 0, 0)  # the first moment a zip can name
SMALLEST = 10  # rows or columns; on fewer there is no room for a coast
ROWS_AT_ONCE = 16  # small enough for the processor's cache

MANGROVE, VEGETATION, SEA, TOWN, BARE = 1, 2, 3, 4, 5
CHANNEL, RIVERBED, PODZOLIC, MUD, OTHER = 0, 1, 2, 3, 4

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Coast:
    """A cell space on a north-up grid, the first row in the north.

    Attributes
    ----------
    uso, solo : ndarray of uint8, shape (rows, cols)
        Land use and soil, in the codes of the BR-MANGUE models; 0 outside the space.
    alt : ndarray of float64, shape (rows, cols)
        Elevation above the mean sea level in metres, in whole centimetres; 0 outside the space.
    inside : ndarray of bool, shape (rows, cols)
        Which pixels are cells of the space.
    cell : float
        Side of a cell in metres.
    """

    uso: npt.NDArray[np.uint8]
    alt: Floats
    solo: npt.NDArray[np.uint8]
    inside: Bools
    cell: float

    @property
    def transform(self) -> Affine:
        """From (column, row) to metres in `CRS`."""
        return Affine(self.cell, 0.0, WEST, 0.0, -self.cell, NORTH)


def make_coast(rows: int, cols: int, seed: int = 1, cell: float = 30.0) -> Coast:
    """Make a coast of `rows` by `cols` cells with sides of `cell` metres.

    >>> coast = make_coast(20, 30, seed=7)
    >>> coast.uso.shape, sorted(set(coast.uso[coast.inside].tolist()) - {1, 2, 3, 4, 5})
    ((20, 30), [])
    """
    if min(rows, cols) < SMALLEST or not 0 < cell < np.inf or seed < 0:
        raise ValueError(
            f"a coast of {rows} x {cols} cells of {cell} m with the seed {seed} can't be made: "
            f"it needs {SMALLEST} rows and columns or more, a positive cell size, and a seed of 0 or more"
        )
    coast = Coast(
        uso=np.zeros((rows, cols), np.uint8),
        alt=np.zeros((rows, cols)),
        solo=np.zeros((rows, cols), np.uint8),
        inside=np.zeros((rows, cols), bool),
        cell=cell,
    )
    shape = _Shape(rows, cols, seed)
    for top in range(0, rows, ROWS_AT_ONCE):
        shape.draw(coast, slice(top, min(top + ROWS_AT_ONCE, rows)))
    return coast


class _Noise:
    """Smooth noise between 0 and 1 around 0.5: features of `size`, of half of it, and so on down to `finest`.

    Random values on square lattices, one an octave, interpolated along the columns `x` once and for all, and
    along the rows where they are asked for.
    """

    def __init__(self, seed: list[int], height: float, x: Floats, size: float, finest: float) -> None:
        self.octaves: list[tuple[float, Floats]] = []
        for octave in range(max(1, min(6, int(np.log2(size / finest)) + 1))):
            spacing = size / 2**octave
            node, part = _node(x / spacing)
            lattice = np.random.default_rng([*seed, octave]).random(
                (int(height / spacing) + 2, int(x[-1] / spacing) + 2)
            )
            columns = lattice[:, node] + part * (lattice[:, node + 1] - lattice[:, node])
            self.octaves.append((spacing, columns * 0.5**octave))
        self.scale = sum(0.5**octave for octave in range(len(self.octaves)))

    def __call__(self, y: Floats) -> Floats:
        """Return the noise on the rows `y`, shape (y.size, x.size)."""
        total: Floats = np.zeros(1)
        for spacing, columns in self.octaves:
            node, part = _node(y / spacing)
            first, last = node[0], node[-1] + 2
            near = columns[first:last]
            total = total + near[node - first] + part[:, None] * np.diff(near, axis=0)[node - first]
        return total / self.scale


def _node(at: Floats) -> tuple[npt.NDArray[np.intp], Floats]:
    """Return the lattice node before each place and the smoothed way to the next."""
    node = at.astype(np.intp)
    part = at - node
    return node, part * part * (3 - 2 * part)


class _Shape:
    """The geometry of one coast. Lengths are fractions of the grid's shorter side, y grows southwards."""

    def __init__(self, rows: int, cols: int, seed: int) -> None:
        self.side = min(rows, cols)
        self.height, self.width = rows / self.side, cols / self.side
        rng = np.random.default_rng([seed])
        self.phase = rng.uniform(0, 2 * np.pi, 8)
        self.river_at = self.width * rng.uniform(0.40, 0.55)
        self.shore_at = 0.20 * min(self.height, 1.5)
        self.creeks = [
            (rng.uniform(0.42, 0.50) * self.height, +1, 0.42),
            (rng.uniform(0.60, 0.70) * self.height, -1, 0.38),
            (rng.uniform(0.80, 0.88) * self.height, +1, 0.30),
        ]
        self.town_y = rng.uniform(0.58, 0.66) * self.height
        self.town_x = float(self.river(np.array(self.town_y))[0]) + 0.13
        self.chance = rng.random((128, 128))
        x = (np.arange(cols) + 0.5) / self.side
        self.bend_x, self.bend_y, self.relief, self.patches = (
            _Noise([seed, number], self.height, x, size, 3 / self.side)
            for number, size in enumerate((0.20, 0.20, 0.40, 0.12))
        )

    def shore(self, x: Floats) -> Floats:
        """Return the y of the shoreline."""
        waves = np.sin(5 * x + self.phase[0]) + 0.6 * np.sin(13 * x + self.phase[1])
        at: Floats = self.shore_at + 0.035 * waves
        return at

    def river(self, y: Floats) -> tuple[Floats, Floats]:
        """Return the x of the river's centre line and its slope dx/dy."""
        wide, near = 11 * y + self.phase[2], 25 * y + self.phase[3]
        slope = 0.075 * 11 * np.cos(wide) + 0.025 * 25 * np.cos(near)
        return self.river_at + 0.075 * np.sin(wide) + 0.025 * np.sin(near), slope

    def land(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """Return how far each place is from the sea and from a channel; negative in the water."""
        centre, slope = self.river(y)
        half = 0.012 + 0.07 * np.exp(-np.maximum(y - self.shore_at, 0) / 0.16)
        channel = np.abs(x - centre) / np.hypot(1, slope) - np.maximum(half, 0.8 / self.side)
        for number, (mouth, way, length) in enumerate(self.creeks):
            start = self.river(np.array(mouth))[0]
            along = (x - start) * way / length
            line = mouth + 0.14 * along + 0.03 * np.sin(9 * along + self.phase[4 + number])
            beyond = np.maximum(np.maximum(-along, along - 1), 0) * length
            half = np.maximum(0.014 * (1 - np.clip(along, 0, 1)), 0.55 / self.side)
            channel = np.minimum(channel, np.hypot(beyond, y - line) - half)
        sea = y - self.shore(x)
        island = 0.045 - np.hypot((x - self.river_at - 0.30) / 2.2, y - self.shore_at + 0.10)
        return np.maximum(sea, island), np.maximum(channel, island)

    def draw(self, coast: Coast, rows: slice) -> None:
        """Draw some rows of the coast."""
        x = ((np.arange(coast.uso.shape[1]) + 0.5) / self.side)[None, :]
        y = ((np.arange(rows.start, rows.stop) + 0.5) / self.side)[:, None]
        # Bending the plane before anything is drawn on it gives every bank and border its irregularity.
        bent_x = x + 0.14 * (self.bend_x(y.ravel()) - 0.5)
        bent_y = y + 0.14 * (self.bend_y(y.ravel()) - 0.5)
        sea, channel = self.land(bent_x, bent_y)
        inland = np.minimum(sea, channel)
        relief, patches = self.relief(y.ravel()), self.patches(y.ravel())
        low = 0.2 * np.exp(-((np.hypot(x - self.town_x, y - self.town_y) / 0.10) ** 2))
        rise = np.clip((relief - 0.25 - low) / 0.5, 0, 1)
        dry = np.maximum(inland, 0)
        alt = 0.25 + dry * (14 + 75 * rise) + 14 * rise * np.minimum(dry / 0.15, 1) ** 2 + 0.8 * patches

        water = inland <= 0
        belt = 0.012 + 0.075 * np.clip(1.6 * patches - 0.3, 0, 1)
        sheltered = (channel < belt) | (relief + patches < 0.95)
        mangrove = (inland < belt) & sheltered
        salt_flat = (inland < belt + 0.035) & (patches > 0.54)
        bare = (sea < 0.018) | salt_flat | (patches > 0.70)

        uso = np.full(water.shape, VEGETATION, np.uint8)
        solo = np.where((alt > 7) | (patches < 0.4), PODZOLIC, OTHER).astype(np.uint8)
        uso[bare], solo[bare] = BARE, OTHER
        uso[mangrove], solo[mangrove] = MANGROVE, MUD
        town = self.town(x, y)
        uso[town], solo[town] = TOWN, OTHER
        uso[water], alt[water] = SEA, 0.0
        solo[water] = np.where(channel < sea, CHANNEL, RIVERBED)[water]

        inside = y + 0.10 > 0.44 * np.abs(x / self.width - 0.5) ** 1.5
        coast.inside[rows] = inside
        coast.uso[rows] = np.where(inside, uso, 0)
        coast.solo[rows] = np.where(inside, solo, 0)
        coast.alt[rows] = np.where(inside, np.round(alt, 2), 0.0)

    def town(self, x: Floats, y: Floats) -> Bools:
        """Return where the town is: blocks of a turned street grid, thinning out, and two roads."""
        across, down = x - self.town_x, y - self.town_y
        u, v = (0.94 * across + 0.34 * down), (0.94 * down - 0.34 * across)
        block = max(0.03, 4 / self.side)
        i, j = np.floor(u / block).astype(int) + 64, np.floor(v / block).astype(int) + 64
        chance = self.chance[np.clip(i, 0, 127), np.clip(j, 0, 127)]
        far = np.hypot((i - 63.5) * block, (j - 63.5) * block)
        road = np.minimum(np.where(u > 0, np.abs(v), 9), np.where(v > 0, np.abs(u), 9)) < 0.7 / self.side
        built: Bools = (far < 0.07 + 0.10 * chance**1.5) | road
        return built


def write(coast: Coast, output: Path, form: str) -> None:
    """Write a coast as `form` (a key of `SUFFIX`), packed where `output` ends in ``.zip``.

    Nothing in the bytes depends on when or under which name they are written.
    """
    if output.suffix.lower() != ".zip":
        _write_plain(coast, output, form)
        return
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(output, "w") as archive:
        _write_plain(coast, Path(folder) / f"coast{SUFFIX[form]}", form)
        for file in sorted(Path(folder).iterdir()):
            member = zipfile.ZipInfo(file.name, EPOCH)
            member.create_system = 3  # else it says which system wrote it
            # A GeoTIFF is compressed already.
            member.compress_type = zipfile.ZIP_STORED if form == "tiff" else zipfile.ZIP_DEFLATED
            archive.writestr(member, file.read_bytes())


def _write_plain(coast: Coast, path: Path, form: str) -> None:
    if form == "tiff":
        _write_tiff(coast, path)
    else:
        _write_polygons(coast, path, form)


def _write_tiff(coast: Coast, path: Path) -> None:
    """Write the bands uso, alt and solo; all are float64, for a GeoTIFF has one type and one nodata value."""
    rows, cols = coast.uso.shape
    profile = {
        "driver": "GTiff",
        "width": cols,
        "height": rows,
        "count": 3,
        "dtype": "float64",
        "nodata": NODATA,
    }
    layout = {
        "tiled": True,
        "blockxsize": 256,
        "blockysize": 256,
        "interleave": "band",
        "BIGTIFF": "IF_SAFER",
    }
    packing = {"compress": "zstd", "zstd_level": 1, "predictor": 3}
    with rasterio.open(
        path, "w", crs=CRS, transform=coast.transform, **profile, **layout, **packing
    ) as target:
        target.update_tags(passo="0")
        for band, name in enumerate(("uso", "alt", "solo"), start=1):
            target.set_band_description(band, name)
            target.update_tags(band, band_name=name)
            values = getattr(coast, name).astype(np.float64)
            target.write(np.where(coast.inside, values, NODATA), band)


def _write_polygons(coast: Coast, path: Path, form: str) -> None:
    """Write a square a cell, row by row, with the fields row, col, uso, alt and solo."""
    import geopandas as gpd  # noqa: PLC0415  (only these formats need it)
    import pyogrio  # noqa: PLC0415  (the same)
    import shapely  # noqa: PLC0415  (the same)

    row, col = np.nonzero(coast.inside)
    west, north = WEST + col * coast.cell, NORTH - row * coast.cell
    squares = shapely.box(west, north - coast.cell, west + coast.cell, north)
    fields = {name: getattr(coast, name)[row, col] for name in ("uso", "alt", "solo")}
    fields = {name: values.astype(np.int32) if name != "alt" else values for name, values in fields.items()}
    index = {"row": row.astype(np.int32), "col": col.astype(np.int32)}
    frame = gpd.GeoDataFrame({**index, **fields}, geometry=squares, crs=CRS)
    options = {
        "gpkg": {"driver": "GPKG", "layer": "coast"},
        "shp": {"driver": "ESRI Shapefile", "DBF_DATE_LAST_UPDATE": "1980-01-01"},
        # RFC 7946 knows no CRS but WGS 84; GDAL transforms the coordinates.
        "geojson": {"driver": "GeoJSON", "layer": "coast", "RFC7946": "YES"},
    }
    path.unlink(missing_ok=True)  # a GeoPackage would keep what lies in it
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": "1980-01-01T00:00:00.000Z"})
    try:
        pyogrio.write_dataframe(frame, path, **options[form])
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": None})


def main(argv: list[str] | None = None) -> None:
    """Make the coast that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=200, help="rows of the grid (default: %(default)s)")
    parser.add_argument("--cols", type=int, default=300, help="columns of the grid (default: %(default)s)")
    parser.add_argument(
        "--cell", type=float, default=30.0, help="side of a cell in metres (default: %(default)s)"
    )
    parser.add_argument(
        "--seed", type=int, default=1, help="another seed, another coast (default: %(default)s)"
    )
    parser.add_argument(
        "--format", choices=sorted(SUFFIX), help="default: what the output's name says, else tiff"
    )
    parser.add_argument(
        "--output", type=Path, default=Path("grid.zip"), help="a .zip, or a plain file (default: %(default)s)"
    )
    args = parser.parse_args(argv)
    suffix = args.output.suffix.lower()
    form = args.format or next((name for name, own in SUFFIX.items() if own == suffix), "tiff")
    if suffix not in (".zip", SUFFIX[form]):
        parser.error(f"{args.output}: a {form} file ends in {SUFFIX[form]}, a packed one in .zip")
    try:
        coast = make_coast(args.rows, args.cols, args.seed, args.cell)
    except ValueError as error:
        parser.error(str(error))
    args.output.parent.mkdir(parents=True, exist_ok=True)
    write(coast, args.output, form)
    cells = np.count_nonzero(coast.inside)
    print(
        f"{args.output}: {args.rows} x {args.cols} pixels of {args.cell:g} m in {CRS}, {cells} of them cells"
    )


if __name__ == "__main__":
    main()
