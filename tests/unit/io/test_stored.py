"""Bands mean what the file says: scale and offset, nodata of 64 bits, control points, an undefined CRS."""

import warnings

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.control import GroundControlPoint

from dissmodel.comparison.datasets import compare
from dissmodel.errors import DissmodelWarning, InvalidInput, UsageError
from dissmodel.geo import RasterBackend
from dissmodel.io import load_dataset, save_dataset
from dissmodel.io.content import content_digest
from dissmodel.io.raster import load_geotiff, open_geotiff, write_geotiff
from dissmodel.warn import keeping_warnings
from support.rasters import write_tiff

PLACE = Affine(30, 0, 540000, 0, -30, 9770000)
# Stored centimetres and a stored nodata value; what they are in metres, by value = number / 100 - 2.
NUMBERS = np.array([[0, 150, -50], [1234, -32768, 7]])
METRES = np.array([[-2.0, -0.5, -2.5], [10.34, np.nan, -1.93]])
UNDEFINED_SPHERE = (
    'GEOGCS["Undefined geographic SRS",DATUM["unknown",SPHEROID["unknown",6378137,298.257223563]],'
    'PRIMEM["Greenwich",0],UNIT["degree",0.0174532925199433]]'
)
WIDE = [
    ("int64", 2**63 - 1),
    ("int64", -(2**63)),
    ("int64", 2**53 + 1),
    ("int64", -(2**53) - 1),
    ("uint64", 2**64 - 1),
    ("uint64", 2**63 + 1),
]


def written(path, *bands, **options):
    return write_tiff(path, np.stack(bands), **{"transform": PLACE, **options})


def scaled(path, dtype="int16", interleave="band", nodata=-32768):
    written(path, NUMBERS.astype(dtype), NUMBERS.astype(dtype), nodata=nodata, interleave=interleave)
    with rasterio.open(path, "r+") as out:
        out.scales, out.offsets = (0.01, 1.0), (-2.0, 0.0)
    return path


def wide(path, dtype, nodata):
    """Write a raster of 64-bit integers and a nodata value that no float holds; a VRT of GDAL declares it."""
    near = nodata - 1 if nodata > 0 else nodata + 1
    numbers = np.array([[nodata, near, 3]], dtype)
    source = written(path.with_name("source.tif"), numbers, nodata=None)
    kind = {"int64": "Int64", "uint64": "UInt64"}[dtype]
    vrt = path.with_name("a.vrt")
    vrt.write_text(
        '<VRTDataset rasterXSize="3" rasterYSize="1"><SRS>EPSG:31983</SRS>'
        "<GeoTransform>540000, 30, 0, 9770000, 0, -30</GeoTransform>"
        f'<VRTRasterBand dataType="{kind}" band="1"><NoDataValue>{nodata}</NoDataValue><SimpleSource>'
        f'<SourceFilename relativeToVRT="1">{source.name}</SourceFilename><SourceBand>1</SourceBand>'
        "</SimpleSource></VRTRasterBand></VRTDataset>"
    )
    with rasterio.open(vrt) as dataset:
        rasterio.shutil.copy(dataset, path, driver="GTiff")
    return path


@pytest.mark.parametrize("interleave", ["band", "pixel"])
@pytest.mark.parametrize("dtype", ["int16", "int32", "float32", "float64", "int64"])
def test_scale_and_offset_are_applied_and_said(tmp_path, dtype, interleave):
    path = scaled(tmp_path / "a.tif", dtype, interleave)

    with pytest.warns(
        DissmodelWarning, match=r"'band_1' are 0\.01 × stored number \+ -2, by the scale"
    ) as said:
        (backend, meta), _ = load_dataset(path)

    assert 1 == len(said)
    assert np.float64 == backend.get("band_1").dtype
    np.testing.assert_allclose(METRES, backend.get("band_1"), rtol=0, atol=1e-14)
    np.testing.assert_array_equal(NUMBERS, backend.get("band_2"))
    assert np.isnan(meta["bands"]["band_1"]["nodata"])
    assert -32768 == meta["bands"]["band_2"]["nodata"]


def test_they_are_applied_in_blocks_too(tmp_path):
    path = scaled(tmp_path / "a.tif")

    with keeping_warnings([]), open_geotiff(path) as (bands, _):
        (block,) = bands.blocks(["band_1"])

    assert {"band_1": np.float64, "band_2": np.int16} == bands.dtypes
    np.testing.assert_allclose(METRES, block.values["band_1"], rtol=0, atol=1e-14)


@pytest.mark.filterwarnings("ignore:.*scale:dissmodel.errors.DissmodelWarning")
def test_what_is_written_from_them_has_no_scale(tmp_path):
    (data, _) = load_dataset(scaled(tmp_path / "a.tif"))

    save_dataset(data, tmp_path / "b.tif")

    with rasterio.open(tmp_path / "b.tif") as dataset:
        assert ((1.0, 1.0), (0.0, 0.0)) == (dataset.scales, dataset.offsets)
        np.testing.assert_allclose(METRES, dataset.read(1), rtol=0, atol=1e-14)


@pytest.mark.filterwarnings("ignore:.*scale:dissmodel.errors.DissmodelWarning")
def test_a_band_spec_of_integers_gets_its_own_nodata(tmp_path):
    path = scaled(tmp_path / "a.tif")

    (backend, _), _ = load_geotiff(path, band_spec=[("alt", "int16", -1), ("uso", "int16", -1)])

    np.testing.assert_array_equal([[-2, 0, -2], [10, -1, -1]], backend.get("alt"))


def test_a_digest_and_a_comparison_are_of_the_values(tmp_path):
    one = scaled(tmp_path / "a.tif")
    with rasterio.open(one) as dataset:
        metres = dataset.read(1) * 0.01 - 2.0
        numbers = dataset.read(2).astype(float)
    metres[1, 1] = numbers[1, 1] = -9999.0
    other = written(tmp_path / "b.tif", metres, numbers, nodata=-9999.0)
    raw = written(tmp_path / "c.tif", NUMBERS.astype("int16"), NUMBERS.astype("int16"), nodata=-32768)

    digests = [content_digest(path) for path in (one, other, raw)]

    assert [2, 1, 1] == [digest.version for digest in digests]
    assert digests[0].parts["band_1"] == digests[1].parts["band_1"] != digests[2].parts["band_1"]
    assert digests[0].parts["band_2"] == digests[2].parts["band_2"]
    parts = {part.name: part for part in compare(one, other).parts}
    assert 0 == parts["band_1"].changed


@pytest.mark.parametrize(("scale", "offset"), [(float("nan"), 0.0), (1.0, float("inf"))])
def test_a_scale_that_is_no_number_is_refused(tmp_path, scale, offset):
    path = written(tmp_path / "a.tif", NUMBERS.astype("int16"))
    path.with_name("a.tif.aux.xml").write_text(
        f'<PAMDataset><PAMRasterBand band="1"><Scale>{scale}</Scale><Offset>{offset}</Offset></PAMRasterBand>'
        "</PAMDataset>"
    )

    with pytest.raises(InvalidInput, match="has the scale"):
        load_dataset(path)


@pytest.mark.parametrize(("dtype", "nodata"), WIDE)
def test_a_nodata_value_of_64_bits_is_exact(tmp_path, dtype, nodata):
    path = wide(tmp_path / "a.tif", dtype, nodata)

    (_, meta), _ = load_dataset(path)

    assert nodata == meta["bands"]["band_1"]["nodata"]
    assert isinstance(meta["bands"]["band_1"]["nodata"], int)


@pytest.mark.parametrize(("dtype", "nodata"), WIDE)
def test_it_masks_its_own_cell_alone(tmp_path, dtype, nodata):
    """Only the masked cell is any number; its neighbour, which is 1 away, is a value."""
    path = wide(tmp_path / "a.tif", dtype, nodata)
    with rasterio.open(path, "r") as dataset:
        numbers = dataset.read(1)
    (tmp_path / "other").mkdir()
    other = wide(tmp_path / "other" / "a.tif", dtype, nodata)
    with rasterio.open(other, "r+") as dataset:
        numbers[0, 1] = 8
        dataset.write(numbers, 1)

    parts = compare(path, other).parts

    assert 1 == parts[0].changed
    assert content_digest(path) != content_digest(other)


@pytest.mark.parametrize("nodata", [2**63 - 1, -(2**53) - 1, np.int64(-(2**63))])
def test_a_nodata_value_that_can_not_be_declared_is_in_the_tag_and_said(tmp_path, nodata):
    backend = RasterBackend((1, 2), transform=PLACE, crs="EPSG:31983")
    backend.set("a", np.array([[nodata, 1]], "int64"))

    with pytest.warns(DissmodelWarning, match="can't be declared exactly"):
        save_dataset(backend, tmp_path / "a.tif", band_spec=[("a", "int64", nodata)])

    with rasterio.open(tmp_path / "a.tif") as dataset:
        assert (None, str(nodata)) == (dataset.nodata, dataset.tags(1)["nodata"])


def test_the_writer_refuses_it(tmp_path):
    with pytest.raises(UsageError, match="more digits"):
        write_geotiff(tmp_path / "a.tif", {"a": None}, shape=(1, 1), dtype="int64", nodata=2**53 + 1)
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize("crs", ["EPSG:31983", None])
def test_control_points_are_refused_with_the_command_that_warps(tmp_path, crs):
    path = tmp_path / "a.tif"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        profile = {"driver": "GTiff", "count": 1, "height": 3, "width": 4, "dtype": "float64"}
        with rasterio.open(path, "w", **profile) as out:
            out.write(np.ones((1, 3, 4)))
            corners = ((0, 0), (0, 4), (3, 0), (3, 4))
            points = [GroundControlPoint(r, c, *(PLACE @ (c, r))) for r, c in corners]
            out.gcps = (points, rasterio.CRS.from_string(crs) if crs else rasterio.CRS())

    with pytest.raises(InvalidInput, match="4 ground control points") as raised:
        load_dataset(path)

    assert (crs or "without a CRS") in raised.value.message
    assert "gdalwarp" in raised.value.hint


@pytest.mark.parametrize(
    ("wkt", "known"),
    [
        ('LOCAL_CS["undefined"]', False),
        ('LOCAL_CS["unnamed",UNIT["metre",1]]', False),
        ('LOCAL_CS["Unknown engineering CRS",UNIT["metre",1]]', False),
        ('LOCAL_CS["Undefined Cartesian SRS with unknown unit",UNIT["metre",1]]', False),
        (UNDEFINED_SPHERE, False),
        ('LOCAL_CS["Site grid of plant 7",UNIT["metre",1]]', True),
        ('LOCAL_CS["Unknownland grid",UNIT["metre",1]]', True),
        ("EPSG:31983", True),
    ],
)
def test_an_undefined_crs_is_no_crs(tmp_path, wkt, known):
    path = written(tmp_path / "a.tif", np.ones((2, 3)), crs=wkt)

    (backend, meta), _ = load_dataset(path)

    assert (known, known) == (meta["crs"] is not None, backend.crs is not None)


@pytest.mark.parametrize("nodata", ["-1.8e308", "-1.79e308"])
def test_a_nodata_value_beyond_the_dtype_warns_of_nothing(tmp_path, nodata):
    path = written(tmp_path / "a.tif", np.ones((2, 3), "float32"))
    band = f'<PAMRasterBand band="1"><NoDataValue>{nodata}</NoDataValue></PAMRasterBand>'
    path.with_name("a.tif.aux.xml").write_text(f"<PAMDataset>{band}</PAMDataset>")

    (backend, _), _ = load_dataset(path)

    assert 1 == backend.get("band_1").max()
    assert content_digest(path) is not None
    save_dataset(backend, tmp_path / "b.tif", band_spec=[("band_1", "float32", -1e300)])
    with pytest.raises(UsageError, match="is not a value of type float32"):
        write_geotiff(tmp_path / "c.tif", {"a": None}, shape=(1, 1), dtype="float32", nodata=-1e300)


def test_the_statistics_of_a_viewer_are_no_tags_of_a_band(tmp_path):
    path = written(tmp_path / "a.tif", np.ones((2, 3)))
    with rasterio.open(path, "r+") as out:
        out.update_tags(1, STATISTICS_MAXIMUM="1", passo="3")

    (_, meta), _ = load_dataset(path)

    assert {"passo": "3"} == meta["bands"]["band_1"]["tags"]
