"""Settings of GDAL and PROJ in the environment change nothing of what is read and written."""

import os
import subprocess
import sys

import geopandas as gpd
import numpy as np
import pyogrio
import pytest
import rasterio
import shapely
from affine import Affine

from dissmodel import gdal_settings
from dissmodel.geo import RasterBackend
from dissmodel.io import load_dataset, save_dataset
from dissmodel.io.sidecars import sidecars
from support.rasters import write_tiff

PLACE = Affine(30, 0, 540000, 0, -30, 9770000)
SHAPE = (3, 4)
WORLD = "30\n0\n0\n-30\n540015\n9769985\n"
# Each with a value that would change something that is read or written below.
VALUES = {
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "GDAL_GEOREF_SOURCES": "NONE",
    "GDAL_PAM_ENABLED": "NO",
    "GTIFF_POINT_GEO_IGNORE": "YES",
    "GTIFF_REPORT_COMPD_CS": "NO",
    "GTIFF_IMPORT_FROM_EPSG": "NO",
    "SHAPE_ENCODING": "ISO-8859-5",
    "OGR_ORGANIZE_POLYGONS": "SKIP",
    "OGR_GEOJSON_DATE_AS_STRING": "YES",
    "OGR_APPLY_GEOM_SET_PRECISION": "YES",
    "GDAL_TIFF_ENDIANNESS": "BIG",
}


def raster(path, transform=PLACE, dtype="float64", **options):
    return write_tiff(path, np.arange(12.0).reshape(1, *SHAPE).astype(dtype), transform=transform, **options)


@pytest.fixture(autouse=True)
def clean(monkeypatch):
    for name in (*VALUES, *gdal_settings.OF_INSTALLATION):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def datasets(tmp_path):
    """One dataset of each kind that a setting could change."""
    with pytest.warns(rasterio.errors.NotGeoreferencedWarning):
        raster(tmp_path / "world.tif", crs=None, transform=None)
    (tmp_path / "world.tfw").write_text(WORLD)
    raster(tmp_path / "metadata.tif")
    (tmp_path / "metadata.tif.aux.xml").write_text(
        '<PAMDataset><PAMRasterBand band="1"><NoDataValue>5</NoDataValue></PAMRasterBand></PAMDataset>'
    )
    raster(tmp_path / "masked.tif")
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=False), rasterio.open(tmp_path / "masked.tif", "r+") as out:
        out.write_mask(np.arange(12).reshape(SHAPE) > 3)
    raster(tmp_path / "point.tif")
    with rasterio.open(tmp_path / "point.tif", "r+") as out:
        out.update_tags(AREA_OR_POINT="Point")
    raster(tmp_path / "heights.tif", crs="EPSG:31983+5773")
    frame().to_file(tmp_path / "shapes.shp", encoding="UTF-8")
    frame().to_crs(4326).to_file(tmp_path / "features.geojson")
    frame().to_file(tmp_path / "layer.gpkg")
    return {
        path.name: path
        for path in sorted(tmp_path.iterdir())
        if path.suffix in {".tif", ".shp", ".geojson", ".gpkg"}
    }


def frame():
    ring = shapely.Polygon([(0, 0), (40, 0), (40, 40), (0, 40)], [[(10, 10), (20, 10), (20, 20), (10, 20)]])
    geometry = shapely.transform(
        shapely.MultiPolygon([ring, shapely.box(50, 0, 60, 10)]), lambda at: at + 540000
    )
    columns = {"nome": ["São Luís"], "dia": ["2020-01-02"], "uso": [3]}
    return gpd.GeoDataFrame(columns, geometry=[geometry], crs="EPSG:31983")


def said(path):
    """Return all that a dataset says, in a form that == compares exactly."""
    if path.suffix != ".tif":
        (found, checksum) = load_dataset(path)
        texts = [str(kind) for kind in found.dtypes]
        return found.to_wkb(hex=True).to_csv(), texts, found.crs and found.crs.to_wkt(), checksum
    (backend, meta), _ = load_dataset(path)
    bands = {name: (array.dtype.name, array.tobytes()) for name, array in backend.arrays.items()}
    mask = None if meta["mask"] is None else meta["mask"].tobytes()
    notes = {name: (note["nodata"], note["tags"]) for name, note in meta["bands"].items()}
    crs = meta["crs"] and meta["crs"].to_wkt()
    return bands, mask, notes, meta["transform"], crs, meta["tags"], [one.name for one in sidecars(path)]


def saved(folder):
    """Return the bytes of all that is written for a raster and for polygons."""
    folder.mkdir()
    backend = RasterBackend(SHAPE, transform=PLACE, crs="EPSG:31983")
    backend.set("uso", np.arange(12.0).reshape(SHAPE))
    save_dataset((backend, {}), folder / "a.tif")
    save_dataset(frame(), folder / "a.gpkg")
    save_dataset(frame(), folder / "a.geojson")
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.mark.filterwarnings("ignore::dissmodel.errors.DissmodelWarning")
def test_no_setting_changes_what_is_read(datasets, monkeypatch):
    plain = {name: said(path) for name, path in datasets.items()}
    for setting, value in VALUES.items():
        monkeypatch.setenv(setting, value)

        for name, path in datasets.items():
            assert (setting, plain[name]) == (setting, said(path)), name

        assert value == gdal_settings.ignored()[setting]


@pytest.mark.filterwarnings("ignore::dissmodel.errors.DissmodelWarning")
def test_no_setting_changes_what_is_written(tmp_path, monkeypatch):
    plain = saved(tmp_path / "plain")
    for setting, value in VALUES.items():
        monkeypatch.setenv(setting, value)

        assert (setting, plain) == (setting, saved(tmp_path / setting))


def test_what_makes_gdal_fast_or_talkative_stays(monkeypatch):
    for name in ("GDAL_CACHEMAX", "GDAL_NUM_THREADS", "CPL_DEBUG", "GDAL_HTTP_PROXY", "AWS_REGION"):
        monkeypatch.setenv(name, "1")

        gdal_settings.ignore()

        assert "1" == os.environ[name]
        assert name not in gdal_settings.ignored()


def in_a_process(code, **variables):
    """Run code in a new process, where no library has read its settings yet."""
    environ = {**os.environ, **{name: str(value) for name, value in variables.items()}}
    environ.pop("GDAL_CONFIG_FILE", None)
    environ |= {name: str(value) for name, value in variables.items()}
    ended = subprocess.run(
        [sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=False
    )
    return ended.stdout + ended.stderr


LOADS = """
import sys
from dissmodel import gdal_settings
from dissmodel.io import load_dataset
(backend, meta), _ = load_dataset(sys.argv[1] if sys.argv[1:] else {path!r})
print(meta["transform"] and meta["transform"][2], meta["crs"], gdal_settings.ignored())
"""


def test_a_gdalrc_is_not_obeyed_and_noted(tmp_path):
    path = raster(tmp_path / "a.tif")
    (tmp_path / ".gdal").mkdir()
    (tmp_path / ".gdal" / "gdalrc").write_text(
        "[configoptions]\n# a comment\nGDAL_GEOREF_SOURCES=NONE\nGDAL_CACHEMAX=10\n[other]\nGDAL_SKIP=GTiff\n"
    )

    told = in_a_process(LOADS.format(path=str(path)), HOME=tmp_path, USERPROFILE=tmp_path)

    assert "540000.0 EPSG:31983 {'GDAL_GEOREF_SOURCES': 'NONE'}\n" == told


@pytest.mark.slow
def test_a_config_file_that_a_variable_names_is_not_obeyed_either(tmp_path):
    path = raster(tmp_path / "a.tif")
    (tmp_path / "mine").write_text("[configoptions]\nGTIFF_POINT_GEO_IGNORE=YES\nGDAL_SKIP=GTiff\n")

    told = in_a_process(LOADS.format(path=str(path)), GDAL_CONFIG_FILE=tmp_path / "mine")

    assert "540000.0 EPSG:31983 {'GDAL_SKIP': 'GTiff', 'GTIFF_POINT_GEO_IGNORE': 'YES'}\n" == told


@pytest.mark.slow
def test_what_gdal_has_read_from_a_gdalrc_is_forgotten(tmp_path):
    path = raster(tmp_path / "a.tif")
    (tmp_path / "mine").write_text("[configoptions]\nGDAL_GEOREF_SOURCES=NONE\n")
    before = f"""
import pyogrio, rasterio
pyogrio.list_drivers()
with rasterio.open({str(path)!r}) as first:
    assert first.transform.is_identity
"""
    after = "print(pyogrio.get_gdal_config_option('GDAL_GEOREF_SOURCES'))"

    told = in_a_process(before + LOADS.format(path=str(path)) + after, GDAL_CONFIG_FILE=tmp_path / "mine")

    assert "540000.0 EPSG:31983 {'GDAL_GEOREF_SOURCES': 'NONE'}\nNone\n" in told


@pytest.mark.fast_cases("PROJ_LIB")
@pytest.mark.parametrize("variable", ["PROJ_DATA", "PROJ_LIB"])
def test_the_data_of_another_proj_is_not_used(tmp_path, variable):
    path = raster(tmp_path / "a.tif")

    told = in_a_process(LOADS.format(path=str(path)), **{variable: tmp_path})

    assert f"540000.0 EPSG:31983 {{'{variable}': '{str(tmp_path)!s}'}}\n" == told


def test_a_proj_without_its_data_is_refused_with_the_way_out(tmp_path):
    path = raster(tmp_path / "a.tif")
    # As where rasterio is a package of the system, whose PROJ may need the variable.
    code = f"""
from dissmodel import gdal_settings
from dissmodel.errors import DissmodelError
gdal_settings._has_own_files = lambda: False
from dissmodel.io import load_dataset
try:
    load_dataset({str(path)!r})
except DissmodelError as error:
    print(error.code, error.exit_code, error.message, error.hint)
"""
    told = in_a_process(code, PROJ_LIB=tmp_path / "none")

    assert told.startswith(
        f"proj_data 1 The PROJ of rasterio does not find EPSG:4326; PROJ_LIB={tmp_path / 'none'}"
    )
    assert told.strip().endswith("unset PROJ_LIB")


def test_a_process_of_ours_gets_back_what_was_taken(tmp_path):
    code = """
import os
from dissmodel import gdal_settings
before = dict(os.environ)
gdal_settings.ignore()
print(before == gdal_settings.given(os.environ), len(gdal_settings.ignored()))
"""
    assert "True 0\n" == in_a_process(code, HOME=tmp_path, USERPROFILE=tmp_path)
    assert "True 1\n" == in_a_process(code, HOME=tmp_path, USERPROFILE=tmp_path, SHAPE_ENCODING="UTF-8")
    assert "True 0\n" == in_a_process(code, GDAL_CONFIG_FILE=tmp_path / "none")


def test_gdal_knows_the_settings():
    names = [name for names in gdal_settings.REASONS.values() for name in names if name[:5] != "PROJ_"]
    names = [name for name in names if os.environ.get(name) is None]
    if pyogrio.__gdal_version__ < (3, 11, 0):
        pytest.skip("an earlier GDAL does not say what it knows")

    for name in names:  # GDAL warns of a name that it does not know, and warnings are errors
        pyogrio.set_gdal_config_options({name: "NO"})
        pyogrio.set_gdal_config_options({name: None})


def test_every_setting_is_named_once():
    names = [name for names in gdal_settings.REASONS.values() for name in names]

    assert sorted(set(names)) == sorted(names)
    assert set(VALUES) <= set(names)
