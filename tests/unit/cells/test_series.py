"""All states of a run in one NetCDF file."""

import shutil
import sys
import tracemalloc
from typing import ClassVar

import geopandas
import netCDF4
import numpy as np
import pytest
import rasterio
import shapely
import xarray
from affine import Affine
from pyproj import CRS

from dissmodel.cells import CellModel, CellSpace, Classes, Numbers
from dissmodel.comparison import compare
from dissmodel.errors import DissmodelWarning, InvalidInput, MissingModule, UsageError
from dissmodel.executor import ExecutorRegistry, ExperimentRecord, execute_lifecycle
from dissmodel.io import load_dataset, open_dataset, save_dataset
from dissmodel.io.content import content_digest
from dissmodel.io.raster import write_geotiff
from dissmodel.preview.sampling import DrawableLayer, DrawableRaster, open_map

SHAPE = (5, 4)
HOLE = (1, 2)


class Drift(CellModel):
    """Each step adds a drawn number to the heat, and turns the land."""

    name = "drift_of_a_test"
    land = Classes({0: "dry land", 3: "wet"})
    heat = Numbers(unit="K")
    height = Numbers(unit="m", changes=False)

    def step(self, cells: CellSpace, now: int) -> None:
        self.next.heat = self.heat + cells.random()
        self.next.land = 3 - self.land


ExecutorRegistry._executors.pop("drift_of_a_test")


@pytest.fixture
def source(raster):
    land = np.where(np.indices(SHAPE).sum(axis=0) % 2, 3.0, 0.0)
    heat, height = np.arange(20.0).reshape(SHAPE), np.arange(20.0).reshape(SHAPE) / 7
    spare = heat * 2
    land[HOLE] = heat[HOLE] = height[HOLE] = -9999
    return raster(land=land, heat=heat, height=height, **{"spare band": spare})


@pytest.fixture
def run(tmp_path):
    """Run a model; return the path of its result."""

    def run(source, name, model=Drift, **parameters):
        record = ExperimentRecord(
            model_name=model.name,
            source={"uri": str(source)},
            parameters={"end_time": 4, "seed": 1, **parameters},
            output_path=str(tmp_path / name),
        )
        assert not [one for one in model().inspect(record) if one.severity == "error"]
        execute_lifecycle(model(), record)
        return tmp_path / name

    return run


@pytest.fixture
def polygons(tmp_path):
    """Write polygons that are on no grid."""
    left = np.array([0.0, 10, 25, 40])
    geometry = shapely.box(left, 9_000_000 + left, left + 5, 9_000_010 + 2 * left)
    frame = geopandas.GeoDataFrame(
        {"land": [0, 3, 3, 0], "heat": left, "height": left, "label": list("abcd")},
        geometry=geometry,
        crs="EPSG:31984",
    )
    save_dataset(frame, tmp_path / "in.gpkg")
    return tmp_path / "in.gpkg"


def test_xarray_reads_every_state_with_its_places_and_their_crs(source, run):
    path = run(source, "out.nc")

    with xarray.open_dataset(path, decode_coords="all") as found:
        assert [0, 1, 2, 3, 4] == found.time.values.tolist()
        assert found.land.dims == ("time", "y", "x")
        assert found.height.dims == found["spare band"].dims == ("y", "x")
        assert (600_015 + 30 * np.arange(4)).tolist() == found.x.values.tolist()
        assert (9_699_985 - 30 * np.arange(5)).tolist() == found.y.values.tolist()
        assert found.x.attrs["standard_name"] == "projection_x_coordinate"
        assert (found.y.attrs["units"], found.heat.attrs["units"]) == ("metre", "K")
        assert CRS("EPSG:31984") == CRS.from_cf(found.spatial_ref.attrs)
        assert [0, 3] == found.land.attrs["flag_values"].tolist()
        assert found.land.attrs["flag_meanings"] == "dry_land wet"
        assert found.attrs["Conventions"] == "CF-1.8"
        for step in range(1, 5):
            (short, _), _ = load_dataset(run(source, f"{step}.tif", end_time=step))
            for name in ("land", "heat", "height", "spare band"):
                variable = found[name].sel(time=step) if "time" in found[name].dims else found[name]
                assert np.array_equal(variable, short.get(name), equal_nan=True)
    assert np.isnan(short.get("land")[HOLE])


def test_gdal_reads_a_band_for_each_state_with_the_transform_and_the_crs(source, run):
    path = run(source, "out.nc")
    with rasterio.Env() as env:
        if "netCDF" not in env.drivers():
            pytest.skip("GDAL is built without NetCDF")
        with rasterio.open(f"netcdf:{path}:heat") as heat, rasterio.open(f"netcdf:{path}:land") as land:
            assert (heat.count, heat.crs) == (5, rasterio.CRS.from_epsg(31984))
            assert Affine(30, 0, 600_000, 0, -30, 9_700_000) == heat.transform
            mask = land.read_masks(5) == 0

    assert [HOLE] == list(map(tuple, np.argwhere(mask)))


def test_a_run_has_the_same_bytes_and_no_file_beside_it(source, run, tmp_path):
    first = run(source, "a/out.nc", snapshots=[1])
    again = run(source, "b/out.nc", snapshots=[1])

    assert first.read_bytes() == again.read_bytes()
    assert {"out.nc", "out.qml"} == {one.name for one in (tmp_path / "a").iterdir()}


@pytest.mark.parametrize(
    ("asked", "steps"),
    [({}, [0, 1, 2, 3, 4]), ({"every": 3}, [0, 3, 4]), ({"snapshots": [2, 4]}, [0, 2, 4])],
)
def test_snapshots_and_every_say_which_states_there_are(source, run, asked, steps):
    with xarray.open_dataset(run(source, "out.nc", **asked)) as found:
        assert steps == found.time.values.tolist()


def test_a_run_goes_on_from_the_last_state(source, run):
    half = run(source, "half.nc", end_time=2)

    assert run(half, "rest.tif").read_bytes() == run(source, "whole.tif").read_bytes()
    with xarray.open_dataset(run(half, "rest.nc")) as found:
        assert [2, 3, 4] == found.time.values.tolist()


def test_the_numbers_of_a_dataset_go_on_too(raster, run):
    class Counted(CellModel):
        name = "counted_of_a_test"
        counters: ClassVar = {"met": 0}
        land = Classes({0: "dry", 1: "wet"})

        def simulate(self, data, steps, record):
            for step in steps:
                data.counters["met"] += step
                yield {}

    ExecutorRegistry._executors.pop("counted_of_a_test")
    half = run(raster(land=np.zeros((2, 2))), "half.nc", Counted, end_time=2)

    with xarray.open_dataset(half) as found:
        assert found.met.values.tolist() == [0, 1, 3]
    _, meta = load_dataset(run(half, "rest.tif", Counted, end_time=4))[0]
    assert (meta["tags"]["passo"], meta["tags"]["met"]) == ("4", "10")


def test_the_size_that_validate_says_is_enough_and_not_twice_as_much(raster, run, tmp_path):
    numbers = np.ones((200, 300))
    source = raster(land=0 * numbers, heat=numbers, height=numbers)
    path = tmp_path / "out.nc"
    record = ExperimentRecord(
        source={"uri": str(source)}, parameters={"end_time": 9}, output_path=str(path), model_name=Drift.name
    )
    (said,) = (one.message for one in Drift().inspect(record) if "takes at most" in one.message)
    size = run(source, "out.nc", end_time=9).stat().st_size

    assert size <= float(said.split("at most ")[1].split(" MB")[0]) * 1e6 + 5e4 <= 2 * size


def test_states_are_written_one_at_a_time(raster, run):
    numbers = np.ones((150, 200))
    source = raster(land=0 * numbers, heat=numbers, height=numbers)
    peaks = []
    for steps in (2, 30):
        run(source, "out.nc", end_time=steps)
        tracemalloc.start()
        run(source, "out.nc", end_time=steps)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()

    assert peaks[1] < peaks[0] + numbers.nbytes


def test_the_digest_and_the_comparison_name_the_step(source, run):
    one = run(source, "one.nc")
    other = run(source, "other.nc", seed=2)
    digests = [content_digest(path) for path in (one, other)]
    changed = [name for name, part in digests[0].parts.items() if part != digests[1].parts[name]]

    expected = [f"heat step {step}" for step in range(1, 5)]
    assert changed == expected
    found = compare(one, other)
    assert found.verdict == "different"
    assert expected == [part.name for part in found.parts if part.changed]
    assert content_digest(run(source, "two.nc")).digest == digests[0].digest


def test_the_picture_is_of_the_last_state(source, run):
    with open_map(run(source, "out.nc")) as found:
        assert isinstance(found, DrawableRaster)
        assert {"land", "heat", "height", "spare band"} == set(found.names)
    with open_dataset(run(source, "out.nc")) as (bands, _):
        assert bands.meta["tags"] == {"passo": "4"}


@pytest.mark.filterwarnings("ignore:The result has the fields of the model only")
def test_polygons_on_no_grid_have_the_places_of_their_centres(polygons, run):
    path = run(polygons, "out.nc")
    centres = geopandas.read_file(polygons).geometry.centroid
    last = load_dataset(run(polygons, "out.gpkg"))[0]

    with xarray.open_dataset(path, decode_coords="all") as found:
        assert found.heat.dims == ("time", "cell")
        assert found.height.dims == ("cell",)
        assert centres.x.tolist() == found.x.values.tolist()
        assert last.heat.tolist() == found.heat.values[-1].tolist()
        assert CRS("EPSG:31984") == CRS.from_cf(found.spatial_ref.attrs)
    with open_map(path) as points:
        assert isinstance(points, DrawableLayer)
        assert points.column("land").tolist() == last.land.tolist()
    assert {"heat step 4", "land step 0", "height", "x", "y"} <= content_digest(path).parts.keys()
    with pytest.raises(InvalidInput, match="without their polygons"), open_dataset(path):
        pass


def test_polygons_without_a_crs_in_a_map_of_degrees_and_on_a_grid(tmp_path, run):
    row, col = np.divmod(np.arange(6), 3)
    frame = geopandas.GeoDataFrame(
        {"land": 0, "heat": col * 1.0, "height": row * 1.0},
        geometry=shapely.box(col, 2 - row, col + 1, 3 - row),
        crs="EPSG:4326",
    )
    save_dataset(frame, tmp_path / "in.gpkg")

    with xarray.open_dataset(run(tmp_path / "in.gpkg", "out.nc"), decode_coords="all") as found:
        assert found.height.values.tolist() == [[0, 0, 0], [1, 1, 1]]
        assert [2.5, 1.5] == found.y.values.tolist()
        assert found.y.attrs["standard_name"] == "latitude"
        assert found.x.attrs["units"] == "degrees_east"


def test_a_file_stored_the_other_way_round_keeps_its_rows(tmp_path, run):
    bands = {name: np.arange(6.0).reshape(3, 2) for name in ("heat", "height", "extra")}
    bands |= {"land": np.zeros((3, 2)), "order": np.arange(6.0)[::-1].reshape(3, 2)}
    write_geotiff(
        tmp_path / "in.tif",
        {name: band.__getitem__ for name, band in bands.items()},
        shape=(3, 2),
        dtype="float64",
        nodata=None,
        transform=Affine(30, 0, 0, 0, 30, 0),
        crs="EPSG:31984",
    )
    half = run(tmp_path / "in.tif", "half.nc", end_time=2)

    with xarray.open_dataset(half) as found:
        assert [15, 45, 75] == found.y.values.tolist()
        for name in ("height", "extra", "order"):
            assert bands[name].tolist() == found[name].values.tolist()
    assert run(half, "rest.tif").read_bytes() == run(tmp_path / "in.tif", "whole.tif").read_bytes()


@pytest.mark.parametrize(("dtype", "largest"), [("uint8", 255), ("uint16", 65535), ("int32", 2**31 - 1)])
def test_bands_of_every_type_pass_through(raster, run, dtype, largest):
    numbers = np.array([[0, largest], [1, 2]], dtype)
    path = raster(
        dtype=dtype, nodata=None, land=0 * numbers, heat=0 * numbers, height=0 * numbers, extra=numbers
    )

    with xarray.open_dataset(run(path, "out.nc")) as found:
        assert numbers.tolist() == found.extra.values.tolist()


def test_a_code_of_a_full_byte_is_kept(raster, run):
    class Full(CellModel):
        name = "full_of_a_test"
        code = Classes({number: f"class {number}" for number in range(256)})

        def step(self, cells: CellSpace, now: int) -> None:
            self.next.code = 255 - self.code

    ExecutorRegistry._executors.pop("full_of_a_test")
    codes = np.arange(256.0).reshape(16, 16)

    with xarray.open_dataset(run(raster(code=codes), "out.nc", Full, end_time=1)) as found:
        assert (255 - codes).tolist() == found.code.values[1].tolist()


@pytest.mark.parametrize("name", ["a/b", "(a)", "a\tb", "x", "time"])
def test_a_band_whose_name_no_variable_may_have_is_refused_before_the_run(raster, run, tmp_path, name):
    ones = np.ones((2, 2))
    path = raster(land=0 * ones, heat=ones, height=ones, **{name: ones})
    record = ExperimentRecord(
        source={"uri": str(path)}, output_path=str(tmp_path / "out.nc"), model_name=Drift.name
    )

    with pytest.raises(UsageError, match="holds no variable"):
        execute_lifecycle(Drift(), record)
    assert run(path, "out.tif", end_time=1).exists()


def test_what_a_series_cannot_hold_is_refused_before_the_run(raster, run, tmp_path):
    class Times(CellModel):
        name = "times_of_a_test"
        time = Numbers()

        def step(self, cells: CellSpace, now: int) -> None:
            self.next.time = self.time + 1

    ExecutorRegistry._executors.pop("times_of_a_test")
    ones = np.ones((2, 2))
    record = ExperimentRecord(
        source={"uri": str(raster(time=ones))}, output_path=str(tmp_path / "out.nc"), model_name=Times.name
    )

    with pytest.raises(UsageError, match="no variable 'time'") as caught:
        execute_lifecycle(Times(), record)
    assert "--output out.tif" in caught.value.hint
    assert not (tmp_path / "out.nc").exists()


def test_integers_that_no_float_holds_are_refused_before_the_run_but_for_nodata(raster, run, tmp_path):
    ones, nodata = np.ones((2, 2), np.int64), -(2**62)
    big = [[1, nodata], [3, 4]]
    stored = {"nodata": -1, "dtype": "int64", "band_tags": {"big": {"nodata": str(nodata)}}}
    path = raster(**stored, land=0 * ones, heat=ones, height=ones, big=big)
    for name in ("nodata.nc", "nodata.tif"):
        assert run(path, name, end_time=1).exists()
    big[0][0] = 2**53 + 1
    path = raster("big.tif", **stored, land=0 * ones, heat=ones, height=ones, big=big)
    record = ExperimentRecord(
        source={"uri": str(path)}, output_path=str(tmp_path / "out.nc"), model_name=Drift.name
    )

    with pytest.raises(UsageError, match=r"'big' has integers beyond 2\*\*53"):
        execute_lifecycle(Drift(), record)


def test_without_netcdf4_the_error_says_what_to_install(source, run, monkeypatch):
    path = run(source, "out.nc")
    monkeypatch.setitem(sys.modules, "netCDF4", None)

    with pytest.raises(MissingModule, match="netCDF4, which is not installed") as caught:
        content_digest(path)
    assert "'xarray'" in caught.value.hint
    with pytest.raises(AssertionError):  # validate finds it
        run(source, "other.nc")


def test_a_series_whose_end_is_missing_or_whose_head_is_damaged_is_refused(source, run, tmp_path):
    path = run(source, "out.nc")
    content = path.read_bytes()
    for number, damaged in enumerate(
        [content[:-1], content[: len(content) // 2], content[:300], content[:8] + b"\xff" * 8 + content[16:]]
    ):
        (tmp_path / f"bad{number}.nc").write_bytes(damaged)
        with pytest.raises(InvalidInput, match="can't be read"), open_dataset(tmp_path / f"bad{number}.nc"):
            pass


def test_a_series_that_says_it_is_larger_than_its_file_is_refused(tmp_path):
    path = tmp_path / "bad.nc"
    with netCDF4.Dataset(path, "w", format="NETCDF3_64BIT_OFFSET") as file:
        file.setncatts({"dissmodel_series": 1.0, "bytes_before_states": 0.0})
        for name, size in (("time", None), ("y", 1), ("x", 11)):
            file.createDimension(name, size)
        file.createVariable("time", "f8", ("time",))[0] = 1
        file.createVariable("heat", "f8", ("y", "x"))
    content = path.read_bytes()
    wide = (2**28).to_bytes(4, "big")
    path.write_bytes(content.replace(b"x\0\0\0" + (11).to_bytes(4, "big"), b"x\0\0\0" + wide))
    assert path.read_bytes() != content

    with pytest.raises(InvalidInput, match="can't be read"), open_dataset(path):
        pass


def test_other_netcdf_files_are_no_series_and_their_variables_are_bands(tmp_path, run):
    places = {"lat": [2.5, 1.5, 0.5], "lon": [0.5, 1.5], "time": [0, 1]}
    land = np.array([[0, 3], [3, -1], [0, 0]], np.int16)
    dataset = xarray.Dataset(
        {
            "land": (("lat", "lon"), land, {"_FillValue": np.int16(-1), "grid_mapping": "crs"}),
            "heat": (("time", "lat", "lon"), np.arange(12.0).reshape(2, 3, 2)),
            "height": (("lat", "lon"), np.ones((3, 2))),
            "crs": ((), 0, CRS("EPSG:4326").to_cf()),
        },
        places,
    )
    for form in ("NETCDF4", "NETCDF3_64BIT"):
        path = tmp_path / f"{form}.nc"
        dataset.to_netcdf(path, format=form, engine="netcdf4")
        assert content_digest(path) is None
        with pytest.warns(DissmodelWarning) as told:
            result = run(path, f"{form}.tif", end_time=2)
        assert any("heat: of several times the last is taken" in str(one.message) for one in told)
        (bands, meta), _ = load_dataset(result)
        assert np.isnan(bands.get("land")[1, 1])
        assert bands.get("land")[0].tolist() == [0, 3]
        assert np.all(bands.get("heat")[0] >= [6, 7])
        assert Affine(1, 0, 0, 0, -1, 3) == meta["transform"]
        assert meta["crs"].to_epsg() == 4326
    assert compare(path, shutil.copy(path, tmp_path / "same.nc")).verdict == "identical-file"
