"""What can't be read says what it is: only what is damaged is called so."""

import gzip
import os
import subprocess
import time
import zipfile

import geopandas as gpd
import pyogrio
import pytest
import shapely

from dissmodel.errors import InvalidInput
from dissmodel.io.locate import existing, locate
from dissmodel.io.vector import load_gdf
from dissmodel.record import store
from dissmodel.registry.spec import load_spec

SHA256 = "4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393"
# As the specification of Git LFS gives it.
POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{SHA256}\nsize 12345\n".encode()
ANNEX = ".git/annex/objects/Zq/9w/MD5E-s12--900150983cd24fb0d6963f7d28e17f72.tif/MD5E-s12--9001.tif"
PAGE = b"<!DOCTYPE html>\n<html><title>Sign in</title></html>"


def refusal(path):
    with pytest.raises(InvalidInput) as caught, locate(path):
        pass
    error = caught.value
    assert str(path) in error.message
    return error


def age(path):
    """Make a file of yesterday."""
    os.utime(path, (time.time() - 86400,) * 2)


@pytest.mark.parametrize(
    ("name", "content", "what", "hint"),
    [
        ("a.tif", PAGE, "a web page (HTML)", "download the file again"),
        ("a.gpkg", b"\n  <html><body>404</body></html>", "a web page (HTML)", "browser"),
        ("a.zip", b"<?xml version='1.0'?>\n<!-- x -->\n<html xmlns='x'>", "a web page (HTML)", "browser"),
        ("a.tif", b"<?xml version='1.0'?>\n<Error><Code>AccessDenied</Code>", "server's error", "browser"),
        ("a.gpkg", b'{"message": "Not Found"}', "JSON text", "browser"),
        ("a.tif", b"404: Not Found", "text that begins with '404: Not Found'", "browser"),
        ("a.zip", gzip.compress(b"x", mtime=0), "a gzip file, no zip", "Unpack it"),
        ("a.zip", b"7z\xbc\xaf\x27\x1c" + bytes(99), "a 7-Zip archive", "Unpack it"),
        ("a.zip", b"Rar!\x1a\x07\x01", "a RAR archive", "Unpack it"),
        ("a.tif", b"\x89HDF\r\n\x1a\n", "an HDF5 or NetCDF file", "gdal_translate a.tif"),
        ("a.gpkg", b"<?xml version='1.0'?><kml xmlns='x'>", "a KML file", "ogr2ogr NEW.gpkg a.gpkg"),
        ("a.geojson", '{"type"'.encode("utf-16"), "text in UTF-16", "UTF-8"),
        ("a.gpkg", bytes(600), "begins with zeros only", "download it again"),
        ("a.tif.crdownload", b"II*", "an unfinished download", "Wait"),
        ("cells.csv", b"a,b\n1,2\n", "a table", "GeoPackage"),
        ("a.asc", b"ncols 4\nnrows 4\n", "an ASCII grid", "gdal_translate a.asc"),
    ],
)
def test_what_a_file_is_and_what_to_do(tmp_path, name, content, what, hint):
    (tmp_path / name).write_bytes(content)

    error = refusal(tmp_path / name)

    assert what in error.message
    assert hint in error.hint
    assert "amaged" not in error.message + error.hint


@pytest.mark.parametrize("name", ["grid.tif", "grid.gpkg", "grid.zip", "grid", "grid.shp", "grid.geojson"])
@pytest.mark.parametrize(
    ("content", "what", "hint"),
    [
        (POINTER, "a pointer of Git LFS", 'git lfs pull --include="'),
        (b"/annex/objects/SHA256E-s12--" + SHA256.encode() + b".tif\n", "of git-annex", 'git annex get "'),
    ],
)
def test_a_pointer_is_no_data(tmp_path, name, content, what, hint):
    (tmp_path / name).write_bytes(content)

    error = refusal(tmp_path / name)

    assert "input_not_fetched" == error.code
    assert what in error.message
    assert hint + name in error.hint
    with pytest.raises(InvalidInput, match="the data itself is not on this machine"):
        existing(tmp_path / name)


def test_a_pointer_where_a_part_of_a_shapefile_should_be(tmp_path):
    frame = gpd.GeoDataFrame({"a": [1]}, geometry=[shapely.box(0, 0, 1, 1)], crs="EPSG:31983")
    pyogrio.write_dataframe(frame, tmp_path / "a.shp")
    (tmp_path / "a.dbf").write_bytes(POINTER)

    with pytest.raises(InvalidInput, match=r"The \.dbf of .*a\.shp: this is a pointer of Git LFS") as caught:
        load_gdf(tmp_path / "a.shp")
    assert "a.dbf" in caught.value.hint


def test_a_pointer_where_a_spec_or_a_record_should_be(tmp_path):
    for name, read in (("m.toml", load_spec), ("r.record.json", store.read)):
        (tmp_path / name).write_bytes(POINTER)

        with pytest.raises(InvalidInput, match="this is a pointer of Git LFS"):
            read(tmp_path / name)


@pytest.mark.skipif(os.name == "nt", reason="links need a right there")
def test_links_to_nothing(tmp_path):
    (tmp_path / "grid.tif").symlink_to(ANNEX)
    (tmp_path / "other.tif").symlink_to("/nowhere/other.tif")

    annex, other = (refusal(tmp_path / name) for name in ("grid.tif", "other.tif"))

    assert ("input_not_fetched", True) == (annex.code, "a link of git-annex" in annex.message)
    assert 'git annex get "grid.tif"' in annex.hint
    assert ("input_missing", True) == (
        other.code,
        "/nowhere/other.tif, which does not exist" in other.message,
    )


def test_a_file_that_dvc_keeps_elsewhere(tmp_path):
    (tmp_path / "grid.tif.dvc").write_text(
        "outs:\n- md5: 900150983cd24fb0d6963f7d28e17f72\n  path: grid.tif\n"
    )

    assert "dvc pull grid.tif.dvc" in refusal(tmp_path / "grid.tif").hint


def test_a_file_geodatabase_is_a_folder(tmp_path):
    (tmp_path / "a.gdb").mkdir()

    error = refusal(tmp_path / "a.gdb")

    assert "an ESRI File Geodatabase" in error.message
    assert "ogr2ogr NEW.gpkg a.gdb" in error.hint


@pytest.mark.parametrize("name", ["a.gpkg", "a.fgb", "a.shp", "a.geojson"])
def test_what_is_cut_off_may_still_be_written(tmp_path, name):
    path = tmp_path / name
    frame = gpd.GeoDataFrame({"a": range(999)}, geometry=[shapely.box(0, 0, 1, 1)] * 999, crs="EPSG:4326")
    pyogrio.write_dataframe(frame, path)
    path.write_bytes(path.read_bytes()[:-3000])
    with pytest.raises(InvalidInput) as now:
        load_gdf(path)
    age(path)
    with pytest.raises(InvalidInput) as later:
        load_gdf(path)

    assert "vector_damaged" == now.value.code == later.value.code
    assert "less than a minute ago: if a program still writes" in now.value.hint
    assert "Make or download it again." == later.value.hint


def test_an_empty_file_may_still_be_written(tmp_path):
    path = tmp_path / "a.tif"
    path.touch()

    assert "still writes" in refusal(path).hint
    age(path)
    assert "Make or download it again." == refusal(path).hint


@pytest.mark.parametrize(
    ("names", "what", "hint"),
    [
        (["[Content_Types].xml", "xl/workbook.xml"], "a document of Microsoft Office", "GeoPackage"),
        (["doc.kml"], "holds KML", "ogr2ogr"),
        (["a.gdb/a00000001.gdbtable", "a.gdb/gdb"], "an ESRI File Geodatabase", "ogr2ogr"),
        (["x/cells.dbf", "x/cells.shx"], "but not the .shp", "Zip all"),
        (["readme.txt", "more/inner.7z"], "no dataset but an archive", "more/inner.7z"),
    ],
)
def test_what_a_zip_without_a_dataset_holds(tmp_path, names, what, hint):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as out:
        for name in names:
            out.writestr(name, "x")

    error = refusal(tmp_path / "a.zip")

    assert "no_dataset" == error.code
    assert what in error.message
    assert hint in error.hint


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"error": "x"}', "it has no type"),
        ('{"type": "Topology", "objects": {}}', "its type is 'Topology'"),
        ('{"type": "FeatureCollection", "features": [{"type": "Fea', "not JSON, or its end is missing"),
        ('{"type": "Feature"\xff', "not text in UTF-8"),
    ],
)
def test_a_json_that_is_no_geojson_says_why(tmp_path, text, why):
    path = tmp_path / "a.geojson"
    path.write_bytes(text.encode("latin-1"))

    with pytest.raises(InvalidInput, match=why):
        load_gdf(path)


def test_a_link_of_git_annex_that_git_checked_out_as_text(tmp_path):
    git = ["git", "-C", tmp_path, "-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run([*git, "init", "-q"], check=True)
    blob = subprocess.run(
        [*git, "hash-object", "-w", "--stdin"], input=ANNEX.encode(), capture_output=True, check=True
    ).stdout.decode()
    subprocess.run([*git, "update-index", "--add", "--cacheinfo", f"120000,{blob.strip()},a.tif"], check=True)
    subprocess.run([*git, "-c", "core.symlinks=false", "checkout-index", "a.tif"], check=True)

    assert ANNEX == (tmp_path / "a.tif").read_text()
    assert "git annex get" in refusal(tmp_path / "a.tif").hint
