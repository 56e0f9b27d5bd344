import hashlib
import warnings

import numpy as np
import pytest
import rasterio
from affine import Affine

from dissmodel.errors import InvalidInput
from dissmodel.io import load_dataset
from dissmodel.io.sidecars import before_statistics, beside, name_beside, sidecars, unrecorded
from support.rasters import write_tiff

WORLD = "30\n0\n0\n-30\n540015\n9769985\n"
TAB = """!table
!version 300
!charset WindowsLatin1

Definition Table
  File "a.tif"
  Type "RASTER"
  (540000,9770000) (0,0) Label "Pt 1",
  (540240,9770000) (8,0) Label "Pt 2",
  (540000,9769820) (0,6) Label "Pt 3"
  CoordSys Earth Projection 8, 104, "m", -45, 0, 0.9996, 500000, 10000000
  Units "m"
"""
STATISTICS = """<PAMDataset><PAMRasterBand band="1">
<Histograms><HistItem><HistMin>0</HistMin></HistItem></Histograms>
<Metadata><MDI key="STATISTICS_MAXIMUM">5</MDI><MDI key="STATISTICS_MEAN">1</MDI></Metadata></PAMRasterBand>
</PAMDataset>"""


def raster(path, *, placed=False):
    place = {} if placed else {"crs": None, "transform": None}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        return write_tiff(path, np.ones((1, 3, 4)), **place)


def mask(folder):
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=False), rasterio.open(folder / "a.tif", "r+") as out:
        out.write_mask(np.ones((3, 4), bool))


def overview(folder):
    with rasterio.Env(TIFF_USE_OVR=True), rasterio.open(folder / "a.tif", "r+") as out:
        out.build_overviews([2])


def imagine(folder):
    profile = {"driver": "HFA", "height": 3, "width": 4, "count": 1, "dtype": "uint8", "crs": "EPSG:31983"}
    place = Affine(30, 0, 77, 0, -30, 0)
    with rasterio.open(folder / "a.aux", "w", **profile, transform=place, DEPENDENT_FILE="a.tif") as out:
        out.write(np.ones((1, 3, 4), "uint8"))


def text(name, content):
    return lambda folder: (folder / name).write_text(content)


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
@pytest.mark.parametrize(
    ("make", "name"),
    [
        (text("a.TAB", TAB), "a.TAB"),
        (text("a.wld", WORLD), "a.wld"),
        (text("a.TFW", WORLD), "a.TFW"),
        (text("a.IMD", 'version = "AA";\nEND;\n'), "a.IMD"),
        (text("a.RPB", 'satId = "X";\n'), "a.RPB"),
        (text("a.tif.aux.xml", "<PAMDataset><SRS>EPSG:31983</SRS></PAMDataset>"), "a.tif.aux.xml"),
        (imagine, "a.aux"),
        (mask, "a.tif.msk"),
        (overview, "a.tif.ovr"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_gdal_opens_with_a_geotiff_belongs_to_it(tmp_path, make, name):
    path = raster(tmp_path / "a.tif")
    raster(tmp_path / "another.tif")
    (tmp_path / "a.txt").write_text("mine")

    make(tmp_path)

    assert (tmp_path / name,) == sidecars(path)


def test_a_name_that_does_not_begin_as_the_dataset_s_and_any_suffix(tmp_path):
    scene = raster(tmp_path / "L8_B1.TIF")
    (tmp_path / "L8_MTL.txt").write_text("GROUP = L1_METADATA_FILE\nEND_GROUP = L1_METADATA_FILE\nEND\n")
    other = raster(tmp_path / "a.gtif")
    (tmp_path / "a.gfw").write_text(WORLD)

    assert (tmp_path / "L8_MTL.txt",) == sidecars(scene)
    assert (tmp_path / "a.gfw",) == sidecars(other)


def test_what_gdal_leaves_alone_does_not_belong_to_it(tmp_path):
    path = raster(tmp_path / "a.tif", placed=True)
    (tmp_path / "a.tfw").write_text(WORLD)
    (tmp_path / "a.tab").write_text(TAB)

    assert () == sidecars(path) == unrecorded(path, [])


def test_statistics_of_a_viewer_are_no_part_of_a_dataset(tmp_path):
    path = raster(tmp_path / "a.tif", placed=True)
    before = load_dataset(path)[0][1]

    (tmp_path / "a.tif.aux.xml").write_text(STATISTICS)

    assert () == sidecars(path) == unrecorded(path, [])
    assert before == load_dataset(path)[0][1]


@pytest.mark.parametrize(
    "more",
    [
        '<PAMRasterBand band="1"><NoDataValue>1</NoDataValue></PAMRasterBand>',
        '<PAMRasterBand band="1"><Metadata><MDI key="AREA">1</MDI></Metadata></PAMRasterBand>',
        '<Metadata domain="xml:ESRI"><MDI key="STATISTICS_MEAN">1</MDI></Metadata>',
        "<SRS>EPSG:31983</SRS>",
        "<!-- a comment -->",
    ],
)
def test_an_aux_xml_with_more_than_statistics_belongs_to_it(tmp_path, more):
    path = raster(tmp_path / "a.tif", placed=True)
    metadata = tmp_path / "a.tif.aux.xml"

    metadata.write_text(STATISTICS.replace("</PAMDataset>", f"{more}</PAMDataset>"))

    assert (metadata,) == sidecars(path) == unrecorded(path, [])
    assert () == unrecorded(path, [metadata.name.upper()])


def test_a_new_overview_changes_nothing_and_a_new_mask_does(tmp_path):
    path = raster(tmp_path / "a.tif", placed=True)

    overview(tmp_path)
    assert () == unrecorded(path, [])
    mask(tmp_path)
    assert (tmp_path / "a.tif.msk",) == unrecorded(path, [])


def test_a_file_that_is_no_raster_has_the_files_of_its_format(tmp_path):
    for name in ("a.shp", "a.dbf", "a.tif.aux.xml", "b.bin", "b.aux.xml"):
        (tmp_path / name).write_bytes(b"x")

    assert (tmp_path / "a.dbf",) == sidecars(tmp_path / "a.shp")
    assert () == sidecars(tmp_path / "b.bin")


def test_a_damaged_raster_has_the_files_with_its_name(tmp_path):
    (tmp_path / "a.tif").write_bytes(b"II*\0")
    (tmp_path / "a.tfw").write_text(WORLD)

    assert (tmp_path / "a.tfw",) == sidecars(tmp_path / "a.tif")


@pytest.mark.parametrize("name", ["a.gtif.msk", "a.gtif.OVR"])
def test_a_mask_of_another_format_is_refused_whatever_the_suffix(tmp_path, name):
    path = raster(tmp_path / "a.gtif", placed=True)
    (tmp_path / name).write_text('<VRTDataset rasterXSize="4" rasterYSize="3"/>')

    with pytest.raises(InvalidInput, match="is not a TIFF"):
        load_dataset(path, fmt="raster")


def test_a_renamed_dataset_has_renamed_sidecars(tmp_path):
    (tmp_path / "B.TIF.MSK").write_bytes(b"")

    assert "b.tif.msk" == name_beside("a.tif.msk", "a.tif", "b.tif")
    assert "a.tif.msk" == name_beside("a.tif.msk", "", "b.tif")
    assert tmp_path / "B.TIF.MSK" == beside(tmp_path / "b.tif", "b.tif.msk")
    assert tmp_path / "x.msk" == beside(tmp_path / "b.tif", "../../x.msk")


NAMED = """<PAMDataset>
  <PAMRasterBand band="1">
    <Description>alt</Description>
  </PAMRasterBand>
</PAMDataset>
"""


def named(tmp_path):
    """Return a raster whose .aux.xml names its band, that file, and that file's sha256."""
    path = raster(tmp_path / "a.tif", placed=True)
    xml = tmp_path / "a.tif.aux.xml"
    xml.write_bytes(NAMED.encode())
    return path, xml, hashlib.sha256(NAMED.encode()).hexdigest()


def test_statistics_that_gdal_adds_to_metadata_are_known(tmp_path):
    path, xml, recorded = named(tmp_path)
    assert before_statistics(path, xml, recorded) is None

    with rasterio.open(path) as there:
        there.stats()

    assert b"STATISTICS_MEAN" in xml.read_bytes()
    assert NAMED.encode() == before_statistics(path, xml, recorded)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("alt", "uso"),
        ("<PAMDataset>\n", "<PAMDataset>\n<!-- <Histograms> --><Metadata/><!-- </Histograms>\n -->"),
        ("</PAMDataset>", "<GeoTransform>0, 9, 0, 0, 0, -9</GeoTransform></PAMDataset>"),
    ],
)
def test_what_is_more_than_statistics_is_not_taken_for_them(tmp_path, old, new):
    path, xml, recorded = named(tmp_path)
    with rasterio.open(path) as there:
        there.stats()

    xml.write_text(xml.read_text().replace(old, new))

    assert before_statistics(path, xml, recorded) is None


def test_statistics_with_another_name_of_a_band_are_read(tmp_path):
    path = raster(tmp_path / "a.tif", placed=True)
    with rasterio.open(path, "r+") as out:
        out.set_band_description(1, "alt")
    with rasterio.open(path) as there:
        there.stats()
    xml = tmp_path / "a.tif.aux.xml"
    assert ((), ()) == (sidecars(path), unrecorded(path, []))

    xml.write_text(xml.read_text().replace(">alt<", ">uso<"))

    assert ((xml,), (xml,)) == (sidecars(path), unrecorded(path, []))
