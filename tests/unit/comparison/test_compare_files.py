import json
import zipfile

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely

from dissmodel.comparison import compare
from dissmodel.errors import InvalidInput, StorageError
from dissmodel.io.vector import save_gdf
from support.rasters import write_tiff


@pytest.fixture
def raster(tmp_path):
    place = rasterio.Affine(1, 0, 5, 0, -1, 5)
    return write_tiff(tmp_path / "a.tif", np.ones((1, 2, 2), "uint8"), crs="EPSG:31984", transform=place)


@pytest.fixture
def vector(tmp_path):
    save_gdf(gpd.GeoDataFrame({"n": [1]}, geometry=[shapely.Point(0, 0)], crs=31984), tmp_path / "a.gpkg")
    return tmp_path / "a.gpkg"


def written(path, content):
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("name", ["report.md", "map.png", "run.record.json", "run.nc"])
def test_what_is_no_dataset_is_compared_by_its_bytes(tmp_path, name):
    a, same, other = (
        written(tmp_path / f"{n}-{name}", json.dumps({"n": min(n, 1)}).encode()) for n in range(-1, 2)
    )
    same.write_bytes(a.read_bytes())

    assert ("identical-file", "different") == (compare(a, same).verdict, compare(a, other).verdict)
    said = "The bytes differ; neither file is a dataset, so nothing more can be compared."
    assert (said,) == compare(a, other).why


def test_a_zip_without_a_dataset_is_none(tmp_path):
    for name in ("a", "b"):
        with zipfile.ZipFile(tmp_path / f"{name}.zip", "w") as archive:
            archive.writestr("report.md", name)

    assert "different" == compare(tmp_path / "a.zip", tmp_path / "b.zip").verdict


def test_a_dataset_and_a_report_are_not_comparable(tmp_path, raster):
    report = written(tmp_path / "report.md", b"#")

    assert ("not-comparable", (f"{report} is not a dataset.",)) == (
        compare(raster, report).verdict,
        compare(report, raster).why,
    )


def test_a_raster_and_a_vector_are_not_comparable(raster, vector):
    found = compare(raster, vector)

    assert ("not-comparable", ("A holds raster data, B vector data.",)) == (found.verdict, found.why)


def test_a_missing_file_is_named(tmp_path, raster):
    with pytest.raises(InvalidInput, match=r"b\.tif does not exist") as caught:
        compare(raster, tmp_path / "b.tif")

    assert "a.tif" in caught.value.hint


def test_a_folder_is_no_file(tmp_path, raster):
    with pytest.raises(InvalidInput, match="is a folder"):
        compare(tmp_path, raster)


@pytest.mark.parametrize("content", [b"", b"no TIFF at all"])
def test_what_is_not_what_its_name_says_is_named(tmp_path, raster, content):
    with pytest.raises(InvalidInput, match=r"wrong\.tif is"):
        compare(raster, written(tmp_path / "wrong.tif", content))


def test_a_cut_file_is_named(tmp_path, raster):
    with pytest.raises(InvalidInput, match=r"cut\.tif can't be read"):
        compare(raster, written(tmp_path / "cut.tif", raster.read_bytes()[:-1]))


def test_a_url_is_not_fetched(raster):
    with pytest.raises(StorageError, match="remote data"):
        compare(raster, "https://example.org/a.tif")
