"""Data that lies elsewhere, from Python: the same road as ``--input``, and nothing is fetched twice."""

import hashlib
import io
import os
from pathlib import Path

import geopandas
import numpy as np
import pytest
from geopandas.testing import assert_geodataframe_equal
from shapely import box

from dissmodel.errors import InvalidInput, MissingFile, StorageError, UsageError
from dissmodel.executor import ExperimentRecord, ModelExecutor
from dissmodel.geo.raster.backend import RasterBackend
from dissmodel.io import _utils, load_dataset, open_dataset, save_dataset
from dissmodel.io.raster import load_geotiff
from dissmodel.io.vector import load_gdf
from support.files import names


class Reading(ModelExecutor):
    """Has no name, so it registers nowhere."""

    def load(self, record):
        return Path(self._resolve_uri(record.source.uri)).read_bytes()

    def run(self, data, record):
        return data

    def save(self, result, record):
        return record


@pytest.fixture
def grid(tmp_path):
    """The bytes of a GeoTIFF."""
    backend = RasterBackend((3, 4))
    backend.set("alt", np.arange(12, dtype="int16").reshape(3, 4))
    path = tmp_path / "made.tif"
    save_dataset(backend, path)
    return path.read_bytes()


@pytest.fixture
def use(dissmodel, model):
    """Use a URI in every way, one after the other; return what each gave."""

    def _use(uri):
        assert 0 == dissmodel("run", model, "-i", uri, "-o", "r.bin").code
        record = ExperimentRecord(model_name="reading")
        record.source.uri = uri
        (backend, _), sha256 = load_dataset(uri)
        (again, _), _ = load_dataset(uri)
        assert backend.get("alt").tolist() == again.get("alt").tolist()
        return Path("r.bin").read_bytes(), Reading().load(record), sha256

    return _use


pytestmark = pytest.mark.filterwarnings("ignore:.*georeference")


def test_a_file_of_a_web_server_comes_once(web, grid, use):
    (web.root / "grid.tif").write_bytes(grid)

    run, loaded, sha256 = use(f"{web.url}/grid.tif")

    assert grid == run == loaded
    assert hashlib.sha256(grid).hexdigest() == sha256
    assert ["HEAD", "GET", "HEAD", "HEAD", "HEAD"] == [asked.partition(" ")[0] for asked in web.asked]


def test_an_object_of_a_bucket_comes_once(s3, proxy, grid, use):
    s3.put(s3.folder / "grid.tif", grid)

    run, loaded, sha256 = use(f"{s3.uri}/grid.tif")

    assert grid == run == loaded
    assert hashlib.sha256(grid).hexdigest() == sha256
    of_it = [asked.partition(" ")[0] for asked in proxy.requests if asked.endswith("/grid.tif")]
    assert ["HEAD", "GET", "HEAD", "HEAD", "HEAD"] == of_it


def test_each_function_that_reads_takes_a_url(web, grid):
    (web.root / "grid.tif").write_bytes(grid)
    (web.root / "cells.geojson").write_text(
        '{"type": "Feature", "properties": {}, "geometry": {"type": "Point", "coordinates": [1, 2]}}'
    )

    (backend, _), _ = load_geotiff(f"{web.url}/grid.tif")
    with open_dataset(f"{web.url}/grid.tif") as (bands, _):
        blocks = list(bands.blocks(["alt"]))
    cells, _ = load_gdf(f"{web.url}/cells.geojson")

    assert backend.get("alt").tolist() == np.concatenate([block.values["alt"] for block in blocks]).tolist()
    assert [(1.0, 2.0)] == [(point.x, point.y) for point in cells.geometry]
    assert _utils.resolve_uri(f"{web.url}/grid.tif") == (grid, hashlib.sha256(grid).hexdigest())
    assert "Feature" in _utils.read_text(f"{web.url}/cells.geojson")
    assert 2 == sum(asked.startswith("GET") for asked in web.asked)


def test_what_is_written_to_a_bucket_is_read_from_there(s3, grid, tmp_path):
    local = tmp_path / "local.tif"
    local.write_bytes(grid)
    (data, meta), before = load_dataset(local)
    checksum = _utils.write_text("maré", f"{s3.uri}/note.txt")

    sha256 = save_dataset((data, meta), f"{s3.uri}/out/grid.tif")

    assert load_dataset(f"{s3.uri}/out/grid.tif")[1] == sha256 == before
    assert "maré" == _utils.read_text(f"{s3.uri}/note.txt")
    assert hashlib.sha256("maré".encode()).hexdigest() == checksum


SHAPEFILE = ["cells.cpg", "cells.dbf", "cells.prj", "cells.shp", "cells.shx"]


def test_a_shapefile_is_written_to_a_bucket_with_all_its_parts(s3, dissmodel):
    frame = geopandas.GeoDataFrame({"uso": [1, 5]}, geometry=[box(0, 0, 1, 1), box(1, 0, 2, 1)], crs=31983)

    sha256 = save_dataset(frame, f"{s3.uri}/out/cells.shp")

    there = s3.folder / "out"
    assert SHAPEFILE == names(there)
    assert hashlib.sha256((there / "cells.shp").read_bytes()).hexdigest() == sha256
    assert_geodataframe_equal(frame, geopandas.read_file(there / "cells.shp"), check_dtype=False)


def test_a_client_that_was_given_gets_each_part_of_a_shapefile():
    sent = []

    class Client:
        def put_object(self, bucket_name, object_name, **rest):
            sent.append((bucket_name, object_name))

    save_dataset(geopandas.GeoDataFrame({"uso": [1]}, geometry=[box(0, 0, 1, 1)]), "s3://b/a/X.shp", Client())

    assert [("b", f"a/X.{suffix}") for suffix in ("cpg", "dbf", "shx", "shp")] == sent


def test_an_error_names_the_url_and_no_place_in_the_cache(web):
    (web.root / "grid.tif").write_bytes(b"")

    with pytest.raises(InvalidInput) as caught:
        load_dataset(f"{web.url}/grid.tif?token=planted")

    assert f"{web.url}/grid.tif?token=*** is empty (0 bytes)." == caught.value.message
    assert "cache" not in str(caught.value) + caught.value.hint


@pytest.mark.parametrize(
    ("name", "kind", "code"),
    [
        ("absent.tif", MissingFile, "input_missing"),
        ("cells.shp", InvalidInput, "shapefile_part"),
        ("cube.zarr", StorageError, "remote_unsupported"),
    ],
)
def test_what_can_not_be_fetched(web, name, kind, code):
    with pytest.raises(kind) as caught:
        load_dataset(f"{web.url}/{name}")

    assert code == caught.value.code
    assert f"{web.url}/{name}" in caught.value.message


def test_the_users_settings_name_the_store(s3, grid, monkeypatch, dissmodel):
    s3.put(s3.folder / "grid.tif", grid)
    endpoint = os.environ["MINIO_ENDPOINT"]
    monkeypatch.delenv("MINIO_ENDPOINT")
    assert 0 == dissmodel("config", "set", "storage.endpoint", endpoint).code

    assert grid == _utils.read_bytes(f"{s3.uri}/grid.tif")


def test_a_client_that_was_given_is_asked_once_and_nobody_else_is(grid):
    asked = []

    class Client:
        def get_object(self, bucket, key):
            asked.append((bucket, key))
            return io.BytesIO(grid)

    _, sha256 = load_dataset("s3://bucket/folder/grid.tif", Client())

    assert hashlib.sha256(grid).hexdigest() == sha256
    assert [("bucket", "folder/grid.tif")] == asked


def test_no_other_scheme_is_read():
    for use in (Reading()._resolve_uri, load_dataset):
        with pytest.raises(UsageError, match="ftp://"):
            use("ftp://example.org/a.tif")
    assert Reading()._resolve_uri("file://folder/a.tif") == "folder/a.tif"
