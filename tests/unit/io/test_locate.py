import os
import zipfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from dissmodel.errors import InvalidInput, StorageError, UsageError
from dissmodel.io.locate import companions, kind_of, locate
from dissmodel.io.raster import write_geotiff

CONTENT = {
    ".tif": b"II*\0rest",
    ".gpkg": b"SQLite format 3\0rest",
    ".fgb": b"fgb\x03fgb\x00",
    ".parquet": b"PAR1rest",
    ".geojson": b'\xef\xbb\xbf \n{"type": "FeatureCollection"}',
    ".shp": b"\0\0\x27\x0arest",
}


def write(path, content):
    path.write_bytes(content)
    return path


def refusal(error, path, *args, **kwargs):
    with pytest.raises(error) as caught, locate(path, *args, **kwargs):
        pass
    return caught.value


@contextmanager
def somebody_else():
    """Be a user without rights, where the tests run as root."""
    if os.name == "nt":
        pytest.skip("rights work in another way there")
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


@pytest.mark.parametrize("suffix", CONTENT)
def test_plain_files(tmp_path, suffix):
    path = write(tmp_path / f"maré alta{suffix}", CONTENT[suffix])
    kind = "raster" if suffix == ".tif" else "vector"

    with locate(path) as found:
        assert (path, kind, None, path, None) == (
            found.path, found.kind, found.layer, found.source, found.member
        )  # fmt: skip
    assert kind == kind_of(path)
    with locate(path.as_uri()) as found:
        assert path == found.path


@pytest.mark.parametrize("magic", [b"MM\0*", b"II+\0", b"MM\0+"])
def test_the_other_kinds_of_tiff(tmp_path, magic):
    assert kind_of(write(tmp_path / "a.tiff", magic)) == "raster"


def test_content_decides_where_the_suffix_says_nothing(tmp_path):
    assert kind_of(write(tmp_path / "cells.data", CONTENT[".gpkg"])) == "vector"
    assert kind_of(write(tmp_path / "cells", CONTENT[".tif"])) == "raster"


@pytest.mark.parametrize("suffix", [*CONTENT, ".zip"])
def test_a_file_that_is_not_what_its_name_says(tmp_path, suffix):
    error = refusal(InvalidInput, write(tmp_path / f"a{suffix}", b"just text"))

    assert error.code == "not_what_its_name_says"
    assert f"a{suffix}" in error.message


def test_it_says_what_the_file_is_instead(tmp_path):
    error = refusal(InvalidInput, write(tmp_path / "a.zip", CONTENT[".tif"]))

    assert "it is a GeoTIFF" in error.message
    assert ".tif" in error.hint


def test_what_is_nothing_known(tmp_path):
    error = refusal(InvalidInput, write(tmp_path / "a.xyz", b"1 2 3"))

    assert error.code == "format_unknown"
    assert ".tif" in error.hint


def test_a_virtual_raster_is_no_raster(tmp_path):
    vrt = b"<VRTDataset rasterXSize='1' rasterYSize='1'></VRTDataset>"

    assert refusal(InvalidInput, write(tmp_path / "a.vrt", vrt)).code == "format_unknown"
    assert refusal(InvalidInput, write(tmp_path / "a.tif", vrt)).code == "not_what_its_name_says"


def test_a_missing_file_is_answered_with_near_names(tmp_path):
    write(tmp_path / "elevacao_pol.zip", b"x")

    error = refusal(InvalidInput, tmp_path / "elevacao_pol.zp")

    assert error.code == "input_missing"
    assert "'elevacao_pol.zip'" in error.hint
    assert "elevacao" not in refusal(InvalidInput, tmp_path / "qqq.tif").hint


@pytest.mark.parametrize("name", ["no/such/folder/a.tif", "a" * 5000, "/vsicurl/http://localhost:1/a.tif"])
def test_other_ways_of_missing(tmp_path, name):
    assert refusal(InvalidInput, tmp_path / name).code == "input_missing"


def test_a_path_through_a_file_is_missing(tmp_path):
    path = write(tmp_path / "a.zip", b"x")

    assert refusal(InvalidInput, path / "b.tif").code == "input_missing"


def test_a_folder_is_no_file(tmp_path):
    write(tmp_path / "grid.tif", b"x")

    error = refusal(InvalidInput, tmp_path)

    assert error.code == "input_not_a_file"
    assert "grid.tif" in error.hint


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="there are no devices here")
def test_a_device_is_no_file():
    assert refusal(InvalidInput, "/dev/zero").code == "input_not_a_file"


def test_an_empty_file(tmp_path):
    assert refusal(InvalidInput, write(tmp_path / "a.tif", b"")).code == "input_empty"


def test_a_file_without_the_right_to_read_it(tmp_path):
    path = write(tmp_path / "a.tif", CONTENT[".tif"])
    path.chmod(0)

    with somebody_else():
        error = refusal(StorageError, path)

    assert error.code == "input_unreadable"
    assert str(path) in error.message


def test_remote_data_needs_credentials_and_a_format_of_one_file(monkeypatch, tmp_path):
    for name in [one for one in os.environ if one.startswith(("MINIO_", "AWS_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))

    assert "credentials_missing" == refusal(StorageError, "s3://bucket/a.tif").code
    assert "remote_unsupported" == refusal(StorageError, "https://example.org/a.zarr").code


@pytest.mark.parametrize(("fmt", "suffix"), [("vector", ".tif"), ("raster", ".gpkg"), ("tiff", ".geojson")])
def test_a_format_that_contradicts_the_file(tmp_path, fmt, suffix):
    error = refusal(InvalidInput, write(tmp_path / f"a{suffix}", CONTENT[suffix]), fmt)

    assert error.code == "format_mismatch"


def test_a_format_that_fits(tmp_path):
    path = write(tmp_path / "a.tif", CONTENT[".tif"])

    assert kind_of(path, "raster") == kind_of(path, "tiff") == "raster"


def test_an_unknown_format(tmp_path):
    error = refusal(UsageError, tmp_path / "a.tif", "rastr")

    assert "'raster'" in error.hint


@pytest.mark.parametrize("layer", ["a", "a.tif"])
def test_a_raster_is_its_own_layer(tmp_path, layer):
    with locate(write(tmp_path / "a.tif", CONTENT[".tif"]), layer=layer) as found:
        assert found.layer is None


def test_a_raster_has_no_other_layer(tmp_path):
    error = refusal(InvalidInput, write(tmp_path / "a.tif", CONTENT[".tif"]), layer="b")

    assert error.code == "layer_unknown"


def test_the_layer_of_a_vector_file_is_left_to_its_reader(tmp_path):
    with locate(write(tmp_path / "a.gpkg", CONTENT[".gpkg"]), layer="a") as found:
        assert found.layer == "a"


def test_a_member_of_an_archive(tmp_path):
    path = tmp_path / "grid.zip"
    with zipfile.ZipFile(path, "w") as out:
        out.writestr("in/a.tif", CONTENT[".tif"])
        out.writestr("b.gpkg", CONTENT[".gpkg"])

    with locate(path, layer="a") as found:
        assert (path, "in/a.tif", "raster", None) == (found.source, found.member, found.kind, found.layer)
        assert CONTENT[".tif"] == found.path.read_bytes()
        assert found.shown == f"in/a.tif of {path}"
    assert not found.path.exists()
    assert kind_of(path, "vector") == "vector"


def test_a_member_that_is_not_what_its_name_says(tmp_path):
    path = tmp_path / "grid.zip"
    with zipfile.ZipFile(path, "w") as out:
        out.writestr("a.tif", "text")

    error = refusal(InvalidInput, path)

    assert error.code == "not_what_its_name_says"
    assert f"a.tif of {path}" in error.message


def test_companions(tmp_path):
    for name in ("a.tif", "a.tif.aux.xml", "a.TFW", "a.tif.msk", "a.tif.ovr", "b.tfw", "a.txt",
                 "c.shp", "c.dbf", "c.SHX", "c.prj", "c.cpg", "d.dbf",
                 "e.gpkg", "e.gpkg-wal", "e.gpkg-journal", "f.geojson"):  # fmt: skip
        write(tmp_path / name, b"x")
    expected = {
        "a.tif": ["a.TFW", "a.tif.aux.xml", "a.tif.msk", "a.tif.ovr"],
        "c.shp": ["c.SHX", "c.cpg", "c.dbf", "c.prj"],
        "e.gpkg": ["e.gpkg-journal", "e.gpkg-wal"],
        "f.geojson": [],
    }

    for name, others in expected.items():
        assert [tmp_path / other for other in others] == list(companions(tmp_path / name))


def test_a_file_that_gdal_would_take_for_a_command(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "GTIFF_DIR:1:x!y?.tif"
    try:
        write_geotiff(path, {"a": lambda _: np.ones((1, 1))}, shape=(1, 1), dtype="uint8")
    except StorageError:
        pytest.skip("this file system knows no such names")

    with locate(path.name) as found:
        assert path == found.path


def test_the_sample_data(shared):
    with locate(shared("elevacao_pol.zip")) as found:
        assert ("vector", "elevacao_pol.shp") == (found.kind, found.member)
        assert {".shp", ".dbf", ".shx", ".prj"} <= {file.suffix for file in found.path.parent.iterdir()}
    assert kind_of(shared("synthetic_grid_60x60_tiff.zip")) == "raster"
