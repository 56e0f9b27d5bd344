"""Inputs that are not datasets: missing, empty, cut off, or not what their name says."""

import os
import shutil
import sys
from pathlib import Path

import pytest

from support.cases import mostly_slow

FEATURE = (
    '{"type": "FeatureCollection", "features": [{"type": "Feature", "geometry": %s, '
    '"properties": {"uso": 1, "alt": 1, "solo": 3}}]}'
)
FORMATS = ["tif", "zip", "gpkg", "shp", "geojson"]


@pytest.mark.parametrize("name", ["none.tif", "no/such/folder/grid.tif", "x" * 400])
def test_a_missing_input(refused_input, grid, name):
    grid()

    said = refused_input(name, phase=None)

    assert name in said.message
    assert "does not exist" in said.message


def test_a_missing_input_has_a_nearest_name(refused_input, grid):
    grid()

    assert "Did you mean 'grid.tif'?" == refused_input("gird.tif", phase=None).hint


@pytest.mark.fast_cases("shp", "tif", "gpkg", "zip")
@pytest.mark.parametrize("suffix", [*FORMATS, "json", "fgb", "parquet", "dat"])
def test_an_empty_file(refused_input, suffix):
    Path(f"empty.{suffix}").touch()

    said = refused_input(f"empty.{suffix}")

    assert f"empty.{suffix} is empty (0 bytes)" in said.message


@pytest.mark.fast_cases("tif")
@pytest.mark.parametrize("suffix", mostly_slow([*FORMATS], "tif", "gpkg"))
def test_a_truncated_file(refused_input, grid, suffix):
    whole = Path(grid(f"grid.{suffix}")).read_bytes()
    for kept in {1, 3, 8, 100, len(whole) // 4, len(whole) // 2, len(whole) * 2 // 3}:
        Path(f"grid.{suffix}").write_bytes(whole[:kept])

        said = refused_input(f"grid.{suffix}")

        assert f"grid.{suffix}" in said.text
        assert "again" in said.hint


@pytest.mark.fast_cases("dbf")
@pytest.mark.parametrize("part", ["dbf", "shx"])
def test_a_shapefile_with_a_part_cut_off(refused_input, grid, part):
    grid("grid.shp")
    whole = Path(f"grid.{part}").read_bytes()
    for kept in (0, 3, 40, len(whole) // 2):
        Path(f"grid.{part}").write_bytes(whole[:kept])

        refused_input("grid.shp")


@pytest.mark.parametrize("lost", [["shx"], ["dbf"], ["shx", "dbf"]])
def test_a_shapefile_without_its_parts(refused_input, grid, lost):
    grid("grid.shp")
    for part in lost:
        Path(f"grid.{part}").unlink()

    refused_input("grid.shp")


def test_a_shapefile_without_its_columns_does_not_ask_for_a_column(refused_input, grid):
    grid("grid.shp")
    Path("grid.dbf").unlink()

    said = refused_input("grid.shp")

    assert "--column-map" not in said.hint


@pytest.mark.fast_cases(
    "virtual.tif-<VRTDataset rasterXSize='1' rasterYSize='1'></VRTDataset>-it is a virtual raster",
    "polygons.tif-grid.gpkg-it is a GeoPackage",
    "raster.zip-grid.tif-it is a GeoTIFF",
    "picture.tif-source1-it is a PNG image",
)
@pytest.mark.parametrize(
    ("name", "source", "says"),
    [
        ("text.tif", b"hello, I am no raster\n" * 20, "does not begin as a GeoTIFF"),
        ("picture.tif", b"\x89PNG\r\n\x1a\n" + bytes(100), "it is a PNG image"),
        (
            "virtual.tif",
            b"<VRTDataset rasterXSize='1' rasterYSize='1'></VRTDataset>",
            "it is a virtual raster",
        ),
        ("raster.zip", "grid.tif", "it is a GeoTIFF"),
        ("raster.gpkg", "grid.tif", "it is a GeoTIFF"),
        ("packed.tif", "grid.zip", "it is a zip"),
        ("polygons.tif", "grid.gpkg", "it is a GeoPackage"),
        ("polygons.shp", "grid.gpkg", "it is a GeoPackage"),
        ("text.gpkg", "grid.geojson", "it is a GeoJSON"),
        ("list.json", b"[1, 2, 3]", "does not begin as a GeoJSON"),
    ],
)
def test_a_file_that_is_not_what_its_name_says(refused_input, grid, name, source, says):
    data = source if isinstance(source, bytes) else Path(grid(source)).read_bytes()
    Path(name).write_bytes(data)

    said = refused_input(name)

    assert f"{name} is not what its name says: " in said.message
    assert says in said.message


@pytest.mark.parametrize(
    ("name", "content", "hint"),
    [
        ("picture.png", b"\x89PNG\r\n\x1a\n" + bytes(100), "gdal_translate picture.png"),
        (
            "virtual.vrt",
            b"<VRTDataset rasterXSize='1' rasterYSize='1'></VRTDataset>",
            "gdal_translate virtual.vrt",
        ),
        ("noise", bytes(range(256)), ".tif, "),
    ],
)
def test_a_file_that_is_no_dataset(refused_input, name, content, hint):
    Path(name).write_bytes(content)

    said = refused_input(name)

    assert f"{name} is not a dataset that can be read" in said.message
    assert hint in said.hint


@pytest.mark.fast_cases("text6", '{"type": "Topology", "objects": {}}')
@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1}',
        '{"type": "Topology", "objects": {}}',
        '{"type": "FeatureCollection", "features": []}',
        '{"type": "Point", "coordinates": [1, 2]}',
        '{"a":[' * 100_000,
        FEATURE % "null",
        FEATURE % '{"type": "Point", "coordinates": [1, 2]}',
    ],
)
def test_a_json_that_is_no_dataset_of_polygons(refused_input, text):
    Path("x.json").write_text(text)

    refused_input("x.json")


def test_a_zip_without_a_dataset_lists_what_is_inside(refused_input, packed):
    said = refused_input(packed({"readme.txt": b"hello", "inner.zip": b"PK"}))

    assert "t.zip holds no dataset but an archive. Inside: readme.txt, inner.zip." in said.message
    assert said.hint.endswith("give the archive inside: inner.zip")


def test_a_zip_with_nothing(refused_input, packed):
    assert "It is empty." in refused_input(packed({})).message


@pytest.fixture
def two(grid, tif, bands, packed):
    """A zip of two rasters."""
    changed = {**bands, "alt": bands["alt"] + (bands["uso"] > 0)}
    return packed({"low/a.tif": grid(), "high/b.tif": tif(changed), "about.json": b"{}"})


@pytest.mark.slow
def test_a_zip_with_two_datasets_wants_a_layer(refused_input, completed, two):

    said = refused_input(two)
    wrong = refused_input(two, "--layer", "c.tif")

    assert "t.zip holds 2 datasets. Inside: low/a.tif, high/b.tif." in said.message
    assert "Choose one: --layer a.tif" == said.hint
    assert "holds no dataset called 'c.tif'" in wrong.message
    for name, alone in (("a.tif", "grid.tif"), ("b", "t.tif"), ("high/b.tif", "t.tif")):
        assert completed(alone)[1] == completed(two, "--layer", name)[1]


def test_a_zip_with_a_raster_and_polygons_takes_a_format(refused_input, completed, grid, packed):
    source = packed({"a.tif": grid(), "b.gpkg": grid("grid.gpkg")})

    refused_input(source)

    assert "" == completed(source, "--format", "vector")[0]
    assert "" == completed(source, "--format", "raster")[0]


@pytest.mark.parametrize(
    ("member", "content", "says"),
    [
        ("a.tif", b"", "a.tif of "),
        ("a.tif", b"text", "not what its name says"),
        ("../a.tif", b"II*\0", "leads out"),
        ("/a.tif", b"II*\0", "absolute path"),
    ],
)
def test_a_zip_with_a_member_that_is_refused(refused_input, packed, member, content, says):
    said = refused_input(packed({member: content}))

    assert "t.zip" in said.message
    assert says in said.message


def test_a_geopackage_with_two_layers_wants_one(refused_input, completed, frame, gpkg, packed):
    gpkg(frame, layer="before")
    gpkg(frame.assign(alt=frame.alt + 1), layer="after")
    source = packed({"t.gpkg": "t.gpkg"})

    for name in ("t.gpkg", source):
        said = refused_input(name)
        wrong = refused_input(name, "--layer", "befor")

        assert "t.gpkg" in said.message
        assert "2 layers: 'before', 'after'" in said.message
        assert "Choose one: --layer before" == said.hint
        assert "has no layer 'befor'" in wrong.message
        assert "Did you mean 'before'?" == wrong.hint
        assert completed(name, "--layer", "before")[1] != completed(name, "--layer", "after")[1]


def test_a_layer_of_a_raster(refused_input, grid):
    assert "has no layer 'x'" in refused_input(grid(), "--layer", "x").message


@pytest.mark.parametrize(
    ("source", "form"), [("grid.tif", "vector"), ("grid.gpkg", "raster"), ("grid.zip", "vector")]
)
def test_a_format_that_contradicts_the_file(refused_input, grid, source, form):
    said = refused_input(grid(source), "--format", form)

    assert source in said.message
    assert f"{form} data" in said.message
    assert "Leave --format out" in said.hint


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has none of these")
@pytest.mark.parametrize("name", ["/dev/null", "/dev/zero", "pipe.tif", ".", "folder.tif"])
def test_an_input_that_is_no_regular_file(refused_input, name):
    os.mkfifo("pipe.tif")
    Path("folder.tif").mkdir()

    said = refused_input(name, phase=None)

    assert "is not a regular file" in said.message or "is a folder" in said.message


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_a_link_that_leads_to_itself(refused_input):
    Path("loop.tif").symlink_to("loop.tif")

    assert "loop.tif" in refused_input("loop.tif", code=5, phase=None).message


@pytest.mark.skipif(getattr(os, "geteuid", lambda: 0)() == 0, reason="root may read everything")
def test_an_input_that_may_not_be_read(refused_input, grid):
    Path(grid()).chmod(0)

    assert (
        "grid.tif could not be read: Permission denied"
        in refused_input("grid.tif", code=5, phase=None).message
    )


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("", 2),
        ("zip://grid.zip", 2),
        ("http://example.org/grid.tif", 5),
        ("s3://bucket/grid.tif", 5),
        ("/vsizip/grid.zip/coast.tif", 3),
        ("GTIFF_DIR:1:grid.tif", 3),
        ("-", 3),
    ],
)
def test_an_input_that_is_no_local_file(refused_input, grid, source, code):
    grid("grid.zip")
    shutil.copy(grid(), "coast.tif")

    refused_input(source, code=code, phase=None)


def test_a_password_in_a_url_is_not_repeated(refused_input):
    said = refused_input("https://me:planted-secret@example.org/a.tif?key=planted-secret", code=5, phase=None)

    assert "example.org/a.tif" in said.message
    assert "planted-secret" not in said.text


def test_the_same_as_one_json_object(refused_input, grid):
    missing = refused_input("none.tif", "--json", phase=None)
    vector = refused_input(grid(), "--format", "vector", "--json")

    assert "none.tif does not exist" in missing.message
    assert "grid.tif is a GeoTIFF" in vector.message


@pytest.mark.parametrize("lost", [100, 50])
def test_a_geotiff_whose_tags_are_cut_off(refused_input, grid, lost):
    # GDAL would go on without names, nodata and passo.
    whole = Path(grid()).read_bytes()
    Path("grid.tif").write_bytes(whole[:-lost])

    assert "grid.tif can't be read as a GeoTIFF: its end is missing." in refused_input("grid.tif").message


@pytest.mark.fast_cases("shx")
@pytest.mark.parametrize("part", ["shx", "dbf", "prj"])
def test_a_part_of_a_shapefile_is_no_shapefile(refused_input, grid, part):
    # GDAL opens the .shp for a .shx; the record would have the digest of the index only.
    grid("grid.shp")

    said = refused_input(f"grid.{part}")

    assert f"grid.{part} is only a part of a shapefile." in said.message
    assert said.hint.endswith("grid.shp")


def test_a_shapefile_under_another_name(refused_input, grid):
    Path(grid("grid.shp")).rename("grid.dat")

    assert ".shp" in refused_input("grid.dat").hint


@pytest.mark.fast_cases("lost0")
@pytest.mark.parametrize("lost", [["shx"], ["dbf"], ["shx", "dbf"]])
def test_a_shapefile_says_which_part_it_lacks(refused_input, grid, packed, lost):
    grid("grid.shp")
    for part in lost:
        Path(f"grid.{part}").unlink()

    for source in ("grid.shp", packed({path.name: path.name for path in Path().glob("grid.*")})):
        said = refused_input(source)

        assert f"{source} lacks its .{' and .'.join(lost)}: " in said.message
        assert "all its files together" in said.hint


def test_a_damaged_table_of_a_shapefile_is_no_missing_column(refused_input, grid):
    grid("grid.shp")
    whole = Path("grid.dbf").read_bytes()
    for kept in (2, 40, 100, len(whole) - 10):
        Path("grid.dbf").write_bytes(whole[:kept])

        assert "again" in refused_input("grid.shp").hint


@pytest.mark.fast_cases("gpkg-16")
@pytest.mark.parametrize(("suffix", "kept"), [("gpkg", 16), ("gpkg", 5000), ("shx", 500)])
def test_a_damaged_vector_file_is_told_without_the_library_s_internals(refused_input, grid, suffix, kept):
    source = grid("grid.shp" if suffix == "shx" else f"grid.{suffix}")
    part = Path(f"grid.{suffix}")
    part.write_bytes(part.read_bytes()[:kept])

    said = refused_input(source)

    for inside in ("sqlite3_prepare", "DRIVER", "Success", ".."):
        assert inside not in said.message


def test_a_table_without_geometry(refused_input, frame):
    import pyogrio

    pyogrio.write_dataframe(frame.drop(columns="geometry"), "table.gpkg", driver="GPKG")

    assert "table.gpkg has no geometry" in refused_input("table.gpkg").message


def test_an_input_below_a_file(refused_input, grid):
    grid()

    said = refused_input("grid.tif/under.tif", phase=None)

    assert "under.tif does not exist" in said.message
    assert "grid.tif is not a folder" in said.hint


def test_an_input_in_a_folder_whose_name_is_too_long(refused_input):
    assert "does not exist" in refused_input("x" * 300 + "/grid.tif", phase=None).message


def test_a_folder_as_input_does_not_propose_a_folder(refused_input, grid):
    grid()
    Path("a.tif").mkdir()

    assert "grid.tif" in refused_input(".", phase=None).hint


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_names_that_are_not_utf8(refused, grid):
    odd = os.fsdecode(b"b\xff.tif")
    shutil.copy(grid(), odd)

    for source, output in ((odd, "r.tif"), ("grid.tif", os.fsdecode(b"r\xff.tif"))):
        said = refused("run", "coastal_raster", "-p", "end_time=2", "-i", source, "-o", output, code=2)

        assert "UTF-8" in said.message
