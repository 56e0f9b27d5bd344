"""The files that are read with an input: in the record, in a bundle, and as verify and reproduce see them."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
import rasterio

from dissmodel.record.digest import sha256_bytes, sha256_file
from support.files import document

RUN = ("run", "coastal_raster", "-i", "grid.tif", "-p", "end_time=2", "-q", "-o")
TAB = """!table
!version 300
!charset WindowsLatin1

Definition Table
  File "grid.tif"
  Type "RASTER"
  (540000,9770000) (0,0) Label "Pt 1",
  (540240,9770000) (8,0) Label "Pt 2",
  (540000,9769820) (0,6) Label "Pt 3"
  CoordSys Earth Projection 8, 104, "m", -45, 0, 0.9996, 500000, 10000000
  Units "m"
"""
STATISTICS = (
    '<PAMDataset><PAMRasterBand band="1"><Metadata><MDI key="STATISTICS_MAXIMUM">5</MDI></Metadata>'
    "</PAMRasterBand></PAMDataset>"
)

METADATA = b"""<PAMDataset>
  <Metadata>
    <MDI key="from">survey</MDI>
  </Metadata>
</PAMDataset>
"""


@pytest.fixture
def coast(dissmodel, make_coast):
    """The command, and grid.tif."""
    make_coast.main(["--rows", "20", "--cols", "30", "--output", "grid.tif"])
    return dissmodel


@pytest.fixture
def in_mapinfo(coast):
    """The command, and grid.tif whose place is in grid.TAB."""
    with rasterio.open("grid.tif") as dataset:
        bands, names, nodata = dataset.read(), dataset.descriptions, dataset.nodata
    profile = {"driver": "GTiff", "count": 3, "height": 20, "width": 30, "dtype": bands.dtype}
    with pytest.warns(rasterio.errors.NotGeoreferencedWarning):
        out = rasterio.open("grid.tif", "w", nodata=nodata, **profile)
    with out:
        out.write(bands)
        out.descriptions = names
    Path("grid.TAB").write_text(TAB)
    return coast


def record():
    return document("r.record.json")


def mask():
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=False), rasterio.open("grid.tif", "r+") as out:
        out.write_mask(np.arange(20 * 30).reshape(20, 30) % 2 == 0)


def codes(command):
    """Return what verify and reproduce say of the input: their exit codes."""
    verified = command("record", "verify", "r.record.json")
    again = command("reproduce", "r.record.json", "--check")
    return verified.code, again.code


def test_a_place_in_a_file_beside_is_recorded_bundled_and_missed(in_mapinfo):
    assert 0 == in_mapinfo(*RUN, "r.tif").code
    assert {"grid.TAB": sha256_file("grid.TAB")} == record()["source"]["sidecars"]
    assert 540000 == record()["grid"]["transform"][2]

    assert 0 == in_mapinfo("record", "bundle", "r.record.json", "-o", "b.zip").code
    assert 0 == in_mapinfo("reproduce", "b.zip", "--check").code
    assert (0, 0) == codes(in_mapinfo)

    Path("grid.TAB").write_text(TAB.replace("540000", "540030"))
    assert (4, 4) == codes(in_mapinfo)
    Path("grid.TAB").unlink()
    assert (4, 4) == codes(in_mapinfo)


def test_it_is_read_from_a_zip_too(in_mapinfo):
    with zipfile.ZipFile("grid.zip", "w") as archive:
        archive.write("grid.tif")
        archive.write("grid.TAB")

    assert 0 == in_mapinfo(*RUN, "r.tif").code
    assert 0 == in_mapinfo(*[word.replace(".tif", ".zip") for word in RUN], "z.tif").code

    assert Path("r.tif").read_bytes() == Path("z.tif").read_bytes()


def test_statistics_of_a_viewer_change_nothing_and_block_nothing(coast):
    assert 0 == coast(*RUN, "r.tif").code
    with rasterio.open("grid.tif") as viewed:
        viewed.stats()
    assert "<Description>uso<" in Path("grid.tif.aux.xml").read_text()  # GDAL repeats the names of the bands

    assert (0, 0) == codes(coast)
    Path("grid.tif.aux.xml").write_text(STATISTICS)
    assert (0, 0) == codes(coast)

    assert 0 == coast(*RUN, "r.tif", "--overwrite").code
    assert {} == record()["source"]["sidecars"]
    Path("grid.tif.aux.xml").unlink()
    assert (0, 0) == codes(coast)


@pytest.mark.slow
def test_statistics_that_a_viewer_adds_to_a_recorded_file_block_nothing(coast):
    Path("grid.tif.aux.xml").write_bytes(METADATA)
    assert 0 == coast(*RUN, "r.tif").code
    was = sha256_file("grid.tif.aux.xml")
    assert {"grid.tif.aux.xml": was} == record()["source"]["sidecars"]

    with rasterio.open("grid.tif") as viewed:
        viewed.stats()
    assert b"STATISTICS_" in Path("grid.tif.aux.xml").read_bytes()

    assert (0, 0) == codes(coast)
    assert 0 == coast("record", "bundle", "r.record.json", "-o", "b.zip").code
    with zipfile.ZipFile("b.zip") as archive:
        assert was == sha256_bytes(archive.read("input/grid.tif.aux.xml"))
    assert 0 == coast("reproduce", "b.zip", "--check").code
    pushed = coast("push", "r.record.json", "--to", "there", "--with-input")
    assert (4, False) == (pushed.code, Path("there").exists())
    assert "a viewer added statistics" in pushed.err

    changed = Path("grid.tif.aux.xml").read_bytes().replace(b"survey", b"other")
    Path("grid.tif.aux.xml").write_bytes(changed)
    assert (4, 4) == codes(coast)


def test_a_new_file_that_would_be_read_is_told_by_both(coast):
    assert 0 == coast(*RUN, "r.tif").code
    mask()

    verified = coast("record", "verify", "r.record.json", "--json")
    again = coast("reproduce", "r.record.json", "--check")

    assert (4, 4) == (verified.code, again.code)
    (check,) = [one for one in verified.json["checks"] if one["verdict"] != "ok"]
    assert ("input", "differs") == (check["name"], check["verdict"])
    assert check["path"].endswith("grid.tif.msk")
    assert "grid.tif.msk is beside it now and would be read with it" in again.err


def test_a_world_file_that_is_not_read_is_told_by_none(coast):
    assert 0 == coast(*RUN, "r.tif").code

    Path("grid.tfw").write_text("1\n0\n0\n-1\n0\n0\n")

    assert (0, 0) == codes(coast)


def test_what_the_environment_says_of_gdal_is_not_obeyed_and_noted(coast, monkeypatch):
    mask()
    assert 0 == coast(*RUN, "r.tif").code
    before = record()

    monkeypatch.setenv("GDAL_DISABLE_READDIR_ON_OPEN", "EMPTY_DIR")
    monkeypatch.setenv("GTIFF_POINT_GEO_IGNORE", "YES")
    assert 0 == coast(*RUN, "s.tif").code

    assert Path("r.tif").read_bytes() == Path("s.tif").read_bytes()
    noted = json.loads(Path("s.record.json").read_text(encoding="utf-8"))["runtime"]["ignored_settings"]
    assert "EMPTY_DIR" == noted["GDAL_DISABLE_READDIR_ON_OPEN"]
    assert "YES" == noted["GTIFF_POINT_GEO_IGNORE"]
    assert ["grid.tif.msk"] == list(before["source"]["sidecars"])
    assert 0 == coast("reproduce", "s.record.json", "--check").code
