"""What packages for the public DisSModel 0.6 rely on beside names: error types, defaults, old functions."""

import io
import json
import math
import subprocess
import sys
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import xarray as xr
from affine import Affine
from shapely import box

from dissmodel import errors
from dissmodel.comparison import compare
from dissmodel.core import Environment, Model
from dissmodel.executor import ExecutorTestHarness, ExperimentRecord, ModelExecutor
from dissmodel.executor.config import RunContext, Settings, within
from dissmodel.executor.utils import default_output_uri
from dissmodel.geo import CellularAutomaton, RasterBackend, fill, vector_grid
from dissmodel.geo.vector import (
    attach_neighbors,
    export_neighbors,
    get_neighbor_values,
    get_neighbors,
    regular_grid,
)
from dissmodel.io import _storage, _utils, _xarray, convert, load_dataset, save_dataset
from dissmodel.io.raster import save_geotiff
from dissmodel.io.vector import save_gdf
from dissmodel.visualization import Chart, Map, RasterMap
from dissmodel.visualization import _utils as screens


def squares(**columns):
    cells = [box(0, 0, 1, 1), box(1, 0, 2, 1)]
    return gpd.GeoDataFrame(columns, geometry=cells, crs="EPSG:31984")


# The words of errors that are looked for


@pytest.mark.parametrize(("shape", "words"), [((3, 3, 4), "time length"), ((3, 4), "Expected 3D")])
def test_an_array_that_does_not_fit_its_times(shape, words):
    with pytest.raises(ValueError, match=words):
        RasterBackend((3, 4)).set("roads", np.zeros(shape), time=[2000, 2010])


def test_a_dataset_without_rows_and_columns():
    with pytest.raises(ValueError, match="No spatial"):
        RasterBackend.from_xarray(xr.Dataset({"only": 42}))


# The clock


def test_a_model_without_an_end_has_none():
    class Snow(Model):
        def setup(self):
            self.cells = 0

        def execute(self):
            self.cells += self.end_time == math.inf

    env = Environment(start_time=1, end_time=3)
    snow = Snow()
    env.run()

    assert (math.inf, 3) == (snow.end_time, snow.cells)


def test_times_are_given_by_place_as_in_the_public_package():
    env = Environment(end_time=9)

    class Counting(CellularAutomaton):
        def rule(self, idx):
            return self.gdf.at[idx, "state"] + 1

    grid = vector_grid(dimension=(2, 1), resolution=1.0, attrs={"state": 0})
    twice = Counting(grid, "state", 2, 1, 5, "twice", (2, 1))
    env.run()

    assert ("twice", (2, 1), 1, 5) == (twice.name, twice.dim, twice.start_time, twice.end_time)
    assert [3, 3] == grid["state"].tolist()  # at 1, 3 and 5, without a neighbourhood
    assert (2, 1, 5) == (Model(2, 1, 5)._step, Model(2, 1, 5).start_time, Model(2, 1, 5).end_time)


def test_without_an_environment_a_model_says_so(monkeypatch):
    monkeypatch.setattr(Environment, "_current", None)

    with pytest.raises(RuntimeError, match="No active Environment"):
        Model()


# Errors, of the types that packages catch


@pytest.mark.parametrize(
    ("kind", "ours", "call"),
    [
        (ValueError, errors.UsageError, lambda: load_dataset("a.tif", fmt="hologram")),
        (ValueError, errors.UsageError, lambda: save_dataset(squares(), "a.gpkg", fmt="hologram")),
        (ValueError, errors.InvalidInput, lambda: load_dataset("a.xyz")),
        (ValueError, errors.UsageError, lambda: convert.vector_to_raster_backend(squares(), 1, [])),
        (FileNotFoundError, errors.InvalidInput, lambda: load_dataset("none.tif")),
        (FileNotFoundError, errors.InvalidInput, lambda: load_dataset("none.gpkg", fmt="vector")),
        (FileNotFoundError, errors.InvalidInput, lambda: _utils.resolve_uri("none.bin")),
        (FileNotFoundError, errors.InvalidInput, lambda: _xarray.load_xarray("none.nc")),
        (FileNotFoundError, errors.InvalidInput, lambda: convert.vector_to_raster_backend("n.shp", 1, ["a"])),
        (
            FileNotFoundError,
            errors.InvalidInput,
            lambda: attach_neighbors(squares(), neighbors_dict="n.json"),
        ),
        (TypeError, errors.UsageError, lambda: save_dataset(squares(), "a.tif")),
        (TypeError, errors.UsageError, lambda: save_dataset(RasterBackend((1, 1)), "a.gpkg")),
        (TypeError, errors.UsageError, lambda: save_geotiff("text", "a.tif")),
        (TypeError, errors.UsageError, lambda: save_gdf("text", "a.gpkg")),
        (TypeError, errors.UsageError, lambda: _xarray.save_xarray("text", "a.nc")),
        (TypeError, errors.UsageError, lambda: _utils.write_bytes("text", "a.bin")),
        (TypeError, errors.UsageError, lambda: _utils.write_bytes(io.StringIO("text"), "a.bin")),
    ],
)
def test_an_error_is_of_the_type_that_packages_catch(kind, ours, call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    with pytest.raises(kind) as caught:
        call()

    assert isinstance(caught.value, ours)
    assert caught.value.hint
    assert caught.value.message == str(caught.value)


def test_what_the_errors_of_a_missing_file_say(tmp_path):
    with pytest.raises(FileNotFoundError) as caught:
        load_dataset(tmp_path / "none.tif")

    assert f"{tmp_path / 'none.tif'} does not exist." == str(caught.value)
    assert ("input_missing", 3) == (caught.value.code, caught.value.exit_code)


def test_a_missing_module_is_an_import_error_that_names_the_extra(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "xarray", None)

    for call in (
        lambda: load_dataset(tmp_path / "a.nc"),
        lambda: save_dataset(RasterBackend((1, 1)), tmp_path / "a.nc"),
        lambda: RasterBackend((1, 1)).to_xarray(),
    ):
        with pytest.raises(ImportError) as caught:
            call()
        assert "extra 'xarray'" in caught.value.hint


# Input and output


def test_the_extensions_of_each_kind():
    assert {".shp", ".gpkg", ".geojson", ".json", ".zip"} <= _utils.VECTOR_EXTENSIONS
    assert {".tif", ".tiff"} == _utils.RASTER_EXTENSIONS
    assert {".zarr", ".nc", ".nc4"} == _utils.XARRAY_EXTENSIONS


def test_the_checksum_of_a_file_that_is_not_there(tmp_path):
    (tmp_path / "abc").write_bytes(b"abc")

    assert _xarray._file_checksum(str(tmp_path / "abc")) == _utils.sha256_bytes(b"abc")
    assert _xarray._file_checksum(str(tmp_path / "none")) == ""


def test_a_storage_client_whose_answers_are_not_closed():
    class Answer:
        def read(self):
            return b"payload"

    class Client:
        def get_object(self, bucket, key):
            return Answer()

    assert (b"payload", _utils.sha256_bytes(b"payload")) == _utils.resolve_uri("s3://b/k", Client())
    _storage.set_default_client(Client())
    try:
        assert b"payload" == _utils.read_bytes("s3://b/k")
    finally:
        _storage.set_default_client(None)


def test_the_tag_name_carries_a_band_s_name(tmp_path):
    backend = RasterBackend((2, 2), transform=Affine(1, 0, 0, 0, -1, 2), crs="EPSG:31984")
    backend.set("uso", np.ones((2, 2), np.int32))
    backend.set("solo", np.zeros((2, 2), np.int32))
    save_dataset(backend, tmp_path / "ours.tif")
    with rasterio.open(tmp_path / "ours.tif") as ours:
        tags = [(ours.tags(n)["name"], ours.tags(n)["band_name"], ours.descriptions[n - 1]) for n in (1, 2)]
        profile, values = ours.profile, ours.read()
    with rasterio.open(tmp_path / "theirs.tif", "w", **profile) as theirs:
        theirs.write(values)
        theirs.update_tags(1, name="uso")
        theirs.update_tags(2, name="solo")

    (loaded, _), _ = load_dataset(tmp_path / "theirs.tif")

    assert [("uso", "uso", "uso"), ("solo", "solo", "solo")] == tags
    assert ["uso", "solo"] == loaded.band_names()
    assert "identical-content" == compare(tmp_path / "ours.tif", tmp_path / "theirs.tif").verdict


def test_floats_stay_float32(tmp_path):
    backend = RasterBackend((2, 2), transform=Affine(1, 0, 0, 0, -1, 2))
    backend.set("alt", np.full((2, 2), 0.1, np.float32))
    save_dataset(backend, tmp_path / "a.tif")
    (loaded, _), _ = load_dataset(tmp_path / "a.tif")
    burnt = convert.vector_to_raster_backend(squares(alt=[0.1, 0.9]), 1.0, ["alt"])

    assert np.dtype(np.float32) == loaded.get("alt").dtype == burnt.get("alt").dtype
    assert [[np.float32(0.1), np.float32(0.9)]] == burnt.get("alt").tolist()


def test_old_names_work_and_say_what_is_new():
    with pytest.warns(FutureWarning, match="deprecated: use vector_to_raster_backend"):
        backend = convert.shapefile_to_raster_backend(squares(uso=[1, 2]), resolution=0.5, attrs=["uso"])
    with pytest.warns(DeprecationWarning, match="deprecated: use vector_grid"):
        grid = regular_grid(dimension=(2, 3), resolution=1.0)

    assert ((2, 4), 6) == (backend.shape, len(grid))


# Cells


def authalic(latitude, a=6378137.0, f=1 / 298.257223563):
    """The area between the equator and a latitude on WGS 84, per radian of longitude (Snyder 1987, 3-12)."""
    e2 = f * (2 - f)
    e, s = math.sqrt(e2), math.sin(math.radians(latitude))
    q = (1 - e2) * (s / (1 - e2 * s * s) - math.log((1 - e * s) / (1 + e * s)) / (2 * e))
    return a * a * q / 2


def test_the_area_of_cells_on_the_ellipsoid():
    size = 1 / 12
    backend = RasterBackend((400, 2), transform=Affine(size, 0, -50, 0, -size, 0), crs="EPSG:4326")

    area = backend.cell_area()

    tops = -size * np.arange(400)
    expected = [math.radians(size) * (authalic(top) - authalic(top - size)) for top in tops]
    assert (400, 2) == area.shape
    assert area[:, 0] == pytest.approx(expected, rel=1e-6)
    assert (area[:, 0] == area[:, 1]).all()


def test_the_area_of_cells_on_a_plane():
    backend = RasterBackend((2, 3), transform=Affine(30, 0, 0, 0, -20, 0), crs="EPSG:31983")

    assert np.array_equal(np.full((2, 3), 600.0), backend.cell_area())
    for transform, crs, why in (
        (None, None, "transform and crs"),
        (Affine(1, 0, 0, 0, -1, 0), None, "transform and crs"),
        (Affine.rotation(30), "EPSG:31983", "rotation"),
    ):
        with pytest.raises(ValueError, match=why):
            RasterBackend((2, 2), transform=transform, crs=crs).cell_area()


def test_neighbours_are_read_from_the_frame_and_written(tmp_path):
    grid = attach_neighbors(vector_grid(dimension=(3, 1), resolution=1.0, attrs={"use": 0}), "queen")
    grid["use"] = [5, 6, 7]

    assert ["0-0", "0-2"] == get_neighbors(grid, "0-1")
    assert [5, 7] == get_neighbor_values(grid, "0-1", "use")
    export_neighbors(grid, tmp_path / "n.json")
    assert {"0-0": ["0-1"], "0-1": ["0-0", "0-2"], "0-2": ["0-1"]} == json.loads(
        (tmp_path / "n.json").read_text(encoding="utf-8")
    )
    again = attach_neighbors(grid[["use", "geometry"]].copy(), neighbors_dict=str(tmp_path / "n.json"))
    assert grid["_neighs"].to_dict() == again["_neighs"].to_dict()
    for call in (lambda: get_neighbors(grid, "9-9"), lambda: get_neighbor_values(grid, "0-1", "none")):
        with pytest.raises(KeyError):
            call()
    bare = grid.drop(columns="_neighs")
    for call in (lambda: get_neighbors(bare, "0-1"), lambda: export_neighbors(bare, tmp_path / "x.json")):
        with pytest.raises(ValueError, match="attach_neighbors"):
            call()
    with pytest.raises(errors.StorageError, match="could not be written"):
        export_neighbors(grid, tmp_path / "no" / "folder.json")


# Executors


class Whole(ModelExecutor):
    name = "whole"
    status = "completed"
    sha256 = "ab" * 32

    def load(self, record):
        return 1

    def run(self, data, record):
        return data

    def save(self, result, record):
        record.status, record.output_sha256 = self.status, self.sha256
        return record


@pytest.mark.parametrize(
    ("changes", "contract", "on_data"),
    [
        ({}, True, True),
        ({"name": "two words"}, False, True),
        ({"name": " padded"}, False, True),
        ({"status": "running"}, True, False),
        ({"sha256": ""}, True, False),
        ({"sha256": None}, True, False),
    ],
)
def test_what_the_harness_refuses(changes, contract, on_data):
    harness = ExecutorTestHarness(type("Changed", (Whole,), {"name": "changed", **changes}))

    assert contract is harness.run_contract_tests()
    assert on_data is harness.run_with_sample_data(ExperimentRecord())


def test_the_default_output_is_under_the_variable(monkeypatch, tmp_path):
    monkeypatch.delenv("DEFAULT_OUTPUT_BASE", raising=False)
    assert "./outputs" == Settings().default_output_base
    monkeypatch.setenv("DEFAULT_OUTPUT_BASE", "/data/runs")
    assert "/data/runs" == Settings().default_output_base
    assert "/data/runs/1a/output.tif" == default_output_uri("1a", "tif")
    with within(RunContext(tmp_path)):  # a run decides itself where its output goes
        assert str(tmp_path) == Settings().default_output_base


def test_the_default_output_is_an_object_where_a_client_was_set(tmp_path):
    _storage.set_default_client(object())
    try:
        assert "s3://dissmodel-outputs/experiments/1a/output.tif" == default_output_uri("1a", "tif")
        with within(RunContext(tmp_path)):
            assert f"{tmp_path}/1a/output.tif" == default_output_uri("1a", "tif")
    finally:
        _storage.set_default_client(None)
    assert "./outputs/1a/output.tif" == default_output_uri("1a", "tif")


def test_another_function_may_stand_in_for_a_format_s_own(monkeypatch):
    monkeypatch.setattr("dissmodel.io.vector.load_gdf", lambda uri, minio_client=None, **kw: ("V", uri))
    monkeypatch.setattr("dissmodel.io.raster.load_geotiff", lambda uri, minio_client=None, **kw: ("R", uri))
    monkeypatch.setattr("dissmodel.io._xarray.save_xarray", lambda data, uri, minio_client=None, **kw: uri)

    assert ("V", "none.gpkg") == load_dataset("none.gpkg")
    assert ("R", "none.dat") == load_dataset("none.dat", fmt="raster")
    assert "none.zarr" == save_dataset("a dataset of the package's own", "none.zarr")


def test_distances_between_two_crs_are_warned_of():
    grid = vector_grid(dimension=(2, 2), resolution=1.0, crs="EPSG:31984")

    with pytest.warns(UserWarning, match="CRS mismatch"):
        fill("min_distance", from_gdf=grid, to_gdf=squares().to_crs(4326))


# Maps and charts


@pytest.fixture
def drawn(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Environment(start_time=1, end_time=2)


def test_the_figure_of_a_map_and_of_a_chart(drawn):
    grid = vector_grid(dimension=(2, 2), resolution=1.0, attrs={"state": 1})
    shown, chart = Map(gdf=grid, plot_params={"column": "state"}, figsize=(4, 3)), Chart(title="SIR")

    assert (4, 3) == shown.figsize == tuple(shown.fig.get_size_inches())
    assert "" == shown.ax.get_title()
    assert (True, 0.01, None, False) == (shown.pause, shown.interval, shown.plot_area, shown.save_frames)
    drawn.run()
    assert "Map — Step 2" == shown.ax.get_title()
    assert ("SIR", chart.fig) == (chart.ax.get_title(), chart.ax.figure)


def test_a_notebook_is_taken_for_one_by_each_module(drawn, monkeypatch):
    backend = RasterBackend((2, 2))
    backend.set("state", np.zeros((2, 2)))
    made = {
        "chart": Chart,
        "map": lambda: Map(gdf=vector_grid(dimension=(1, 1), resolution=1.0)),
        "raster_map": lambda: RasterMap(backend=backend),
    }

    for module, make in made.items():
        monkeypatch.setattr(f"dissmodel.visualization.{module}.is_notebook", lambda: True)
        assert "Notebook" == type(make()._screen).__name__


@pytest.mark.parametrize(("backend", "windows"), [("Agg", False), ("TkAgg", True), ("QtAgg", True)])
def test_which_backend_opens_windows(backend, windows, monkeypatch):
    import matplotlib as mpl

    monkeypatch.setattr(mpl, "get_backend", lambda: backend)

    assert windows is screens.is_interactive_backend()
    assert not screens.is_notebook()


@pytest.mark.slow
def test_a_package_may_ask_for_what_the_public_package_brings():
    said = subprocess.run(
        [sys.executable, "-c", "import libpysal, scipy, rasterstats; print('all')"],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(sys.prefix),
    )

    assert "all\n" == said.stdout, said.stderr
