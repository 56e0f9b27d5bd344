import hashlib
import sqlite3
import struct
import subprocess
import sys
import warnings
import zipfile
from itertools import combinations
from pathlib import Path

import geopandas as gpd
import numpy as np
import pyogrio
import pytest
import rasterio
import shapely

from dissmodel.errors import DissmodelWarning, InvalidInput
from dissmodel.io import content_raster, content_vector
from dissmodel.io.canonical import canonical_crs, canonical_values
from dissmodel.io.content import content_digest, grid_of
from dissmodel.io.content_vector import canonical_wkbs
from dissmodel.io.vector import save_gdf
from support.rasters import write_tiff

POLYCONIC = (
    "+proj=poly +lat_0=0 +lon_0=-54 +x_0=0 +y_0=0 +a=6378137 +rf=298.257222 +units=m +no_defs +type=crs"
)
DOCUMENT = Path(__file__).parents[3] / "docs/content-digest.md"
TRANSFORM = rasterio.Affine(30, 0, 500000, 0, -30, 9000000)
SHAPE = (1030, 700)


def values():
    rng = np.random.default_rng(3)
    alt = rng.normal(size=SHAPE)
    alt[::7, ::5] = -9999
    alt[3, 3], alt[4, 4] = np.nan, 0.0
    return np.stack([alt, rng.integers(1, 11, SHAPE).astype(float)])


def write(path, bands=None, *, nodata=-9999, names=("alt", "uso"), crs="EPSG:31984", **options):
    bands = values() if bands is None else bands
    return write_tiff(path, bands, names=names, nodata=nodata, crs=crs, **{"transform": TRANSFORM, **options})


def frame(n=50):
    rng = np.random.default_rng(5)
    row, col = np.divmod(rng.permutation(n), 10)
    data = {"uso": rng.integers(1, 11, n), "alt": rng.normal(size=n), "name": ["é", ""] * (n // 2)}
    return gpd.GeoDataFrame(
        data, geometry=shapely.box(col * 30, row * 30, col * 30 + 30, row * 30 + 30), crs=31984
    )


OPTIONS = {
    "deflate": {"compress": "deflate", "predictor": 3},
    "zstd": {"compress": "zstd"},
    "lzw tiled": {"compress": "lzw", "tiled": True, "blockxsize": 512, "blockysize": 512},
    "small tiles": {"tiled": True, "blockxsize": 48, "blockysize": 112},
    "stripes of 100 rows": {"blockysize": 100},
    "pixel": {"interleave": "pixel"},
    "band": {"interleave": "band"},
    "big endian": {"ENDIANNESS": "BIG"},
    "BigTIFF": {"BIGTIFF": "YES", "tags": {"passo": "10", "a": "b"}},
}


@pytest.mark.fast_cases("lzw tiled", "BigTIFF", "pixel")
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_how_a_raster_is_written_does_not_matter(tmp_path, options):
    plain = content_digest(write(tmp_path / "plain.tif"))

    assert plain == content_digest(write(tmp_path / "other name.tif", **options))
    assert ["alt", "uso"] == list(plain.parts)


@pytest.mark.fast_cases("1")
@pytest.mark.parametrize("window_bytes", [1, 10**5])
def test_windows_do_not_matter(tmp_path, monkeypatch, window_bytes):
    paths = [write(tmp_path / "a.tif", interleave="pixel"), write(tmp_path / "b.tif", **OPTIONS["lzw tiled"])]
    whole = content_digest(paths[0])
    monkeypatch.setattr(content_raster, "_WINDOW_BYTES", window_bytes)

    assert [whole, whole] == [content_digest(path) for path in paths]


def test_what_a_masked_cell_holds_does_not_matter(tmp_path):
    other = values()
    other[other == -9999] = -1e30
    negative = values()
    negative[0, 4, 4] = -0.0
    expected = content_digest(write(tmp_path / "a.tif"))

    assert expected == content_digest(write(tmp_path / "b.tif", other, nodata=-1e30))
    assert expected == content_digest(write(tmp_path / "c.tif", negative))


def test_every_nan_is_one(tmp_path):
    other = values()
    other[0, 3, 3] = np.array([0xFFF8000000000123], np.uint64).view(np.float64)[0]

    assert content_digest(write(tmp_path / "a.tif")) == content_digest(write(tmp_path / "b.tif", other))


def test_canonical_values_have_one_byte_order():
    assert struct.pack("<3d", 0.0, 1.5, -2) == canonical_values(np.array([-0.0, 1.5, -2], ">f8")).tobytes()


def changed_rasters(tmp_path):
    ulp, code, swapped = values(), values(), values()
    ulp[0, 1000, 600] = np.nextafter(ulp[0, 1000, 600], np.inf)
    code[1, 0, 699] += 1
    swapped[1, 5, :2] = [1, 2]
    again = swapped.copy()
    again[1, 5, :2] = [2, 1]
    filled = values()
    filled[filled == -9999] = 0.0
    yield "plain", write(tmp_path / "0.tif")
    yield "an ulp", write(tmp_path / "1.tif", ulp)
    yield "a class", write(tmp_path / "2.tif", code)
    yield "a pair", write(tmp_path / "3.tif", swapped)
    yield "the pair swapped", write(tmp_path / "4.tif", again)
    yield "no nodata", write(tmp_path / "5.tif", nodata=None)
    yield "another nodata", write(tmp_path / "6.tif", nodata=5)
    yield "zeros that are data", write(tmp_path / "7.tif", filled)
    yield "float32", write(tmp_path / "8.tif", values().astype(np.float32))
    yield "another name", write(tmp_path / "9.tif", names=("alt", "solo"))
    yield "bands swapped", write(tmp_path / "10.tif", values()[::-1])
    yield "a moved grid", write(tmp_path / "11.tif", transform=TRANSFORM @ TRANSFORM.translation(1e-9, 0))
    yield "another CRS", write(tmp_path / "12.tif", crs="EPSG:31983")
    yield "no CRS", write(tmp_path / "13.tif", crs=None)
    yield "transposed", write(tmp_path / "14.tif", values().reshape(2, *SHAPE[::-1]))


def test_what_a_raster_says_does_matter(tmp_path):
    digests = {what: content_digest(path) for what, path in changed_rasters(tmp_path)}

    for (one, a), (other, b) in combinations(digests.items(), 2):
        assert a.digest != b.digest, f"{one} and {other}"
    plain, ulp = digests["plain"], digests["an ulp"]
    assert (plain.grid, plain.parts["uso"]) == (ulp.grid, ulp.parts["uso"])
    assert plain.parts["alt"] != ulp.parts["alt"]
    assert plain.parts == digests["a moved grid"].parts == digests["another CRS"].parts
    assert plain.parts["uso"] == digests["another name"].parts["solo"]


def test_nodata_is_compared_exactly_and_masks_count(tmp_path):
    near = values().astype(np.float32)
    near[1, 0, 0] = np.nextafter(np.float32(-9999), np.float32(0))
    without = near.copy()
    without[1, 0, 0] = np.nextafter(near[1, 0, 0], np.float32(0))
    masked = write(tmp_path / "m.tif", nodata=None)
    before = content_digest(masked)
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(masked, "r+") as dataset:
        dataset.write_mask(values()[0] != -9999)

    assert content_digest(write(tmp_path / "a.tif", near)) != content_digest(
        write(tmp_path / "b.tif", without)
    )
    assert before != content_digest(masked)
    assert content_digest(write(tmp_path / "c.tif")).parts["alt"] == content_digest(masked).parts["alt"]


@pytest.mark.parametrize(
    ("dtype", "nodata", "masked"),
    [
        ("uint8", 0, 1),
        ("int64", -1, 1),
        ("int16", -32768, 1),
        ("float32", float("nan"), 1),
        ("uint16", None, 0),
    ],
)
def test_nodata_of_every_type(tmp_path, dtype, nodata, masked):
    cells = np.array([[[0 if nodata is None else nodata, 7]]], dtype=dtype)
    digest = content_digest(write(tmp_path / "a.tif", cells, nodata=nodata, names=("x",)))
    kept = b"" if masked else cells[0, 0, :1].tobytes()
    data = (kept or bytes(cells.itemsize)) + cells[0, 0, 1:].tobytes()

    assert band(dtype, 1, 2, data, bytes([masked << 7])).hex() == digest.parts["x"]


def test_names_that_repeat(tmp_path):
    digest = content_digest(write(tmp_path / "a.tif", names=("a", "a")))

    assert ["a", "a (2)"] == list(digest.parts)


@pytest.mark.parametrize("suffix", [".fgb", ".parquet"])
def test_the_container_of_vectors_does_not_matter(tmp_path, suffix):
    save_gdf(frame(), tmp_path / "a.gpkg", layer="coast")
    expected = content_digest(tmp_path / "a.gpkg")
    save_gdf(frame(), tmp_path / f"b{suffix}")

    assert ["uso", "alt", "name", "geometry"] == list(expected.parts)
    assert expected == content_digest(tmp_path / f"b{suffix}")


def test_vacuum_and_zip_do_not_matter(tmp_path):
    frame().to_file(tmp_path / "a.gpkg", layer="first", SPATIAL_INDEX="NO")
    before = content_digest(tmp_path / "a.gpkg")
    database = sqlite3.connect(tmp_path / "a.gpkg")
    database.executescript(
        "CREATE TABLE waste AS SELECT * FROM first; DROP TABLE waste; PRAGMA page_size=1024; VACUUM;"
    )
    database.close()
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.write(tmp_path / "a.gpkg", "x.gpkg")

    assert before == content_digest(tmp_path / "a.gpkg") == content_digest(tmp_path / "a.zip")


def test_a_custom_crs_does_not_depend_on_the_container(tmp_path):
    crs = "+proj=poly +lat_0=0 +lon_0=-54 +x_0=0 +y_0=0 +a=6378137 +rf=298.257222 +units=m"
    cells = frame().drop(columns=["alt", "name"]).set_crs(crs, allow_override=True)
    grids = set()
    for suffix in (".gpkg", ".fgb", ".shp"):
        save_gdf(cells, tmp_path / f"a{suffix}")
        grids.add(content_digest(tmp_path / f"a{suffix}").grid)

    assert 1 == len(grids)
    assert content_digest_of(tmp_path, cells.set_crs(31984, allow_override=True)).grid not in grids


def content_digest_of(tmp_path, cells):
    path = tmp_path / "of.fgb"
    pyogrio.write_dataframe(cells, path, driver="FlatGeobuf", SPATIAL_INDEX="NO", nan_as_null=False)
    return content_digest(path)


def test_what_vectors_say_does_matter(tmp_path):
    plain = frame()
    ulp, code, vertex, text, null, nan = (plain.copy() for _ in range(6))
    ulp.loc[7, "alt"] = np.nextafter(ulp.loc[7, "alt"], 9)
    code.loc[49, "uso"] += 1
    vertex.loc[3, "geometry"] = shapely.box(0, 0, 30, np.nextafter(30, 31))
    text.loc[0, "name"] = "è"
    null.loc[1, "name"] = None
    nan.loc[2, "alt"] = np.nan
    null_alt = plain.astype({"alt": object})
    null_alt.loc[2, "alt"] = None
    swapped = plain.iloc[[1, 0, *range(2, 50)]].reset_index(drop=True)
    changed = [plain, ulp, code, vertex, text, null, nan, swapped, plain.rename(columns={"alt": "z"})]
    changed += [plain.iloc[:-1], plain.astype({"uso": float}), plain[["alt", "uso", "name", "geometry"]]]
    digests = [content_digest_of(tmp_path, cells) for cells in changed]

    assert len(changed) == len({digest.digest for digest in digests})
    assert {"alt"} == {name for name, part in digests[0].parts.items() if part != digests[1].parts[name]}
    assert {"geometry"} == {name for name, part in digests[0].parts.items() if part != digests[3].parts[name]}


def test_null_is_no_nan_and_large_integers_keep_their_bits(tmp_path):
    import pandas as pd

    points = gpd.GeoDataFrame(
        {"i": pd.array([2**60 + 1, None], "Int64"), 'f"x': [np.nan, 1.0]},
        geometry=gpd.points_from_xy([0, 1], [0, 1]),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # about the missing CRS
        pyogrio.write_dataframe(
            points, tmp_path / "a.fgb", driver="FlatGeobuf", SPATIAL_INDEX="NO", nan_as_null=False
        )
        nan = content_digest(tmp_path / "a.fgb")
        pyogrio.write_dataframe(points, tmp_path / "b.fgb", driver="FlatGeobuf", SPATIAL_INDEX="NO")
        null = content_digest(tmp_path / "b.fgb")

    assert column("integer", 2, b"\x40", struct.pack("<2q", 2**60 + 1, 0)).hex() == null.parts["i"]
    assert column("real", 2, b"\x80", struct.pack("<2d", 0, 1)).hex() == null.parts['f"x']
    assert (
        column("real", 2, b"\x00", bytes.fromhex("000000000000f87f") + struct.pack("<d", 1)).hex()
        == nan.parts['f"x']
    )


def test_heights_and_empty_points_in_iso_wkb(tmp_path):
    solid = gpd.GeoDataFrame(
        geometry=[shapely.MultiPolygon([shapely.Polygon([(-0.0, 0, 1), (1, 0, 2), (1, 1, 3)])])], crs=31984
    )
    save_gdf(solid, tmp_path / "a.gpkg")
    ring = struct.pack("<12d", 0, 0, 1, 1, 0, 2, 1, 1, 3, 0, 0, 1)
    wkb = struct.pack("<BII", 1, 1006, 1) + struct.pack("<BIII", 1, 1003, 1, 4) + ring

    digest = content_digest(tmp_path / "a.gpkg")

    assert column("geometry", 1, b"\0", struct.pack("<Q", len(wkb)) + wkb).hex() == digest.parts["geometry"]


def test_only_special_coordinates_of_wkb_change():
    rng = np.random.default_rng(4)
    shapes = [shapely.linestrings(rng.normal(size=(n, 2)) * 10**n) for n in range(2, 9)] * 50
    shapes += [shapely.box(30.0 * n, 0.5, 30.0 * n + 30, 32) for n in range(200)] + [shapely.Point(1e300, 2)]
    plain = shapely.to_wkb(shapes).tolist()
    payload = bytes.fromhex("230100000000f8ff")
    lines = [b"\1\2\0\0\0\2\0\0\0" + struct.pack("<2d", n, 255.75) for n in range(3)]
    quiet, minus, zero, one = (
        bytes.fromhex(eight)
        for eight in ("000000000000f87f", "0000000000000080", "0000000000000000", "000000000000f03f")
    )
    given = [lines[0] + payload + zero, *plain, lines[1] + minus + one, b"", lines[2] + one + minus]
    expected = [lines[0] + quiet + zero, *plain, lines[1] + zero + one, b"", lines[2] + one + zero]

    assert expected == canonical_wkbs(given)
    assert [] == canonical_wkbs([])


def test_columns_are_hashed_piece_by_piece(tmp_path, monkeypatch):
    save_gdf(frame(), tmp_path / "a.fgb")
    whole = content_digest(tmp_path / "a.fgb")
    monkeypatch.setattr(content_vector, "_AT_ONCE", 7)

    assert whole == content_digest(tmp_path / "a.fgb")


@pytest.mark.parametrize(
    "crs", ["EPSG:31984", "EPSG:4326", "EPSG:7415", "OGC:CRS84", "ESRI:102033", POLYCONIC]
)
def test_a_crs_is_called_what_proj_calls_it(crs):
    import pyproj

    wkt = rasterio.CRS.from_user_input(crs).to_wkt(version="WKT2_2019")
    named = pyproj.CRS.from_wkt(wkt).to_json_dict().get("id")

    assert (
        f"{named['authority']}:{named['code']}" if named else " ".join(sorted(POLYCONIC.split()))
    ) == canonical_crs(wkt)


def test_a_crs_with_two_identifiers_has_none():
    wkt = rasterio.CRS.from_epsg(31984).to_wkt(version="WKT2_2019")
    twice = wkt.removesuffix("]") + ',ID["EPSG",31983]]'

    assert canonical_crs(wkt.replace(',ID["EPSG",31984]]', "]")) == canonical_crs(twice)


def test_files_that_are_no_dataset(tmp_path):
    (tmp_path / "report.md").write_text("# Report")
    (tmp_path / "map.png").write_bytes(b"\x89PNG")
    (tmp_path / "metrics.json").write_text('{"type": "report", "steps": 10}')
    with zipfile.ZipFile(tmp_path / "bundle.zip", "w") as archive:
        archive.write(tmp_path / "report.md", "report.md")
    (tmp_path / "folder.tif").mkdir()

    for path in tmp_path.iterdir():
        assert content_digest(path) is None
        assert grid_of(path) is None


def test_damaged_datasets(tmp_path):
    (tmp_path / "empty.tif").write_bytes(b"")
    whole = write(tmp_path / "a.tif", compress="deflate").read_bytes()
    (tmp_path / "cut.tif").write_bytes(whole[: len(whole) // 2])
    save_gdf(frame(), tmp_path / "a.fgb")
    (tmp_path / "cut.fgb").write_bytes((tmp_path / "a.fgb").read_bytes()[:-9])
    (tmp_path / "cut.geojson").write_text('{"type": "FeatureCollection", "features": [')

    for name in ("empty.tif", "cut.tif", "cut.fgb", "cut.geojson"):
        with pytest.raises(InvalidInput, match=name):
            content_digest(tmp_path / name)


def test_the_grid_of_a_raster(tmp_path):
    grid = grid_of(write(tmp_path / "a.tif"))
    save_gdf(frame(), tmp_path / "a.gpkg")

    assert SHAPE == grid.shape
    assert (30.0, 0.0, 500000.0, 0.0, -30.0, 9000000.0) == grid.transform
    assert 31984 == rasterio.CRS.from_wkt(grid.crs).to_epsg()
    assert grid_of(tmp_path / "a.gpkg") is None


def test_a_raster_needs_no_pandas(tmp_path):
    code = (
        "import sys; from pathlib import Path; from dissmodel.io.content import content_digest, grid_of;"
        "path = Path(sys.argv[1]); content_digest(path); grid_of(path);"
        "sys.exit(str({'pandas', 'geopandas', 'pyogrio', 'matplotlib'} & set(sys.modules) or ''))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, write(tmp_path / "a.tif")], capture_output=True, text=True, check=False
    )

    assert "" == run.stderr.strip()


# — the definition once more, from the document and with nothing of ours —

MAGIC = b"dissmodel content 1\n"


def sha(*pieces):
    return hashlib.sha256(b"".join(pieces)).digest()


def u64(number):
    return struct.pack("<Q", number)


def text(string):
    return u64(len(string.encode())) + string.encode()


def band(dtype, rows, cols, cells, mask):
    return sha(MAGIC, text("band"), text(dtype), u64(rows), u64(cols), sha(cells), sha(mask))


def column(kind, count, null, data):
    return sha(MAGIC, text("column"), text(kind), u64(count), null, data)


def raster_grid(rows, cols, transform, crs):
    return sha(MAGIC, text("raster grid"), u64(rows), u64(cols), struct.pack("<6d", *transform), text(crs))


def total(kind, grid, parts):
    return sha(MAGIC, text(kind), grid, u64(len(parts)), *(text(name) + part for name, part in parts.items()))


def check(path, kind, grid, parts):
    digest = content_digest(path)
    document = DOCUMENT.read_text(encoding="utf-8")
    by_hand = [grid, *parts.values(), total(kind, grid, parts)]

    assert [part.hex() for part in by_hand] == [digest.grid, *digest.parts.values(), digest.digest]
    assert (1, kind, list(parts)) == (digest.version, digest.kind, list(digest.parts))
    for part in by_hand:
        assert part.hex() in document


def test_first_vector_of_the_document(tmp_path):
    path = tmp_path / "a.tif"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        write(
            path,
            np.array([[[1, 2, 0], [3, 0, 4]]], np.uint8),
            nodata=0,
            names=["uso"],
            crs=None,
            transform=None,
        )
    part = band("uint8", 2, 3, bytes.fromhex("010200030004"), bytes.fromhex("2040"))

    check(path, "raster", raster_grid(2, 3, (1, 0, 0, 0, 1, 0), ""), {"uso": part})


def test_second_vector_of_the_document(tmp_path):
    path = write(tmp_path / "a.tif", np.array([[[-0.0, np.nan, 0.1]]], np.float32), nodata=None, names=[None])
    part = band("float32", 1, 3, bytes.fromhex("000000000000c07fcdcccc3d"), b"\0")

    check(path, "raster", raster_grid(1, 3, TRANSFORM[:6], "EPSG:31984"), {"band_1": part})


def test_third_vector_of_the_document(tmp_path):
    import pandas as pd

    data = {"n": pd.array([7, None], "Int64"), "name": ["", "é"]}
    save_gdf(
        gpd.GeoDataFrame(data, geometry=gpd.points_from_xy([-0.0, 2], [1.5, 3]), crs=31984),
        tmp_path / "a.gpkg",
    )
    points = [struct.pack("<BI2d", 1, 1, x, y) for x, y in ((0.0, 1.5), (2.0, 3.0))]
    parts = {
        "n": column("integer", 2, b"\x40", struct.pack("<2q", 7, 0)),
        "name": column("text", 2, b"\0", text("") + text("é")),
        "geometry": column("geometry", 2, b"\0", b"".join(u64(len(point)) + point for point in points)),
    }

    check(tmp_path / "a.gpkg", "vector", sha(MAGIC, text("vector grid"), u64(2), text("EPSG:31984")), parts)


def test_blocks_of_the_definition(tmp_path):
    cells = np.arange(514 * 515, dtype="<i4").reshape(514, 515) % 1000
    path = write(tmp_path / "a.tif", cells[None], nodata=7, names=["x"])
    hashes = b""
    for rows in (slice(0, 512), slice(512, 514)):
        for cols in (slice(0, 512), slice(512, 515)):
            block = cells[rows, cols]
            data = b"".join(struct.pack("<i", 0 if cell == 7 else cell) for cell in block.ravel().tolist())
            bits = [
                "".join("01"[cell == 7] for cell in row).ljust(-(-len(row) // 8) * 8, "0")
                for row in block.tolist()
            ]
            mask = b"".join(int(row, 2).to_bytes(len(row) // 8, "big") for row in bits)
            hashes += sha(data) + sha(mask)
    expected = sha(MAGIC, text("band"), text("int32"), u64(514), u64(515), hashes)

    assert expected.hex() == content_digest(path).parts["x"]


def test_geojson_digests_its_own_coordinates(tmp_path):
    with pytest.warns(DissmodelWarning, match="WGS 84"):
        save_gdf(frame(), tmp_path / "a.geojson")
    save_gdf(frame(), tmp_path / "a.fgb")
    one, other = (content_digest(tmp_path / name) for name in ("a.geojson", "a.fgb"))

    assert one.parts["alt"] == other.parts["alt"]
    assert one.parts["geometry"] != other.parts["geometry"]
