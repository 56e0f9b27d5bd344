"""What a model with kernels, fields or a form of its own overrides."""

from types import MappingProxyType

import geopandas
import numpy as np
import pytest
import shapely

from dissmodel.cells import CellModel, Classes, Numbers
from dissmodel.cells.parameters import CellParameters
from dissmodel.cells.writing import RasterForm
from dissmodel.errors import DissmodelWarning, InvalidInput, UsageError
from dissmodel.executor import ExecutorRegistry, ExperimentRecord
from dissmodel.io import save_dataset

FOREST = np.array([[0.25, 0.5, 0.75], [1.0, 0.0, 0.5]])
NAN = float("nan")


class ShareParameters(CellParameters):
    """The classes are columns; they have no default."""

    classes: tuple[str, ...]


class Shares(CellModel):
    """A tenth of the second class goes to the first one; the shares at the start are kept."""

    name = "shares_of_a_test"
    first_step = 0
    counters = MappingProxyType({"halvings": 0})
    raster_form = RasterForm(nodata=-9999.0, others=False)
    Parameters = ShareParameters

    def fields_for(self, parameters):
        shares = {name: Numbers(ge=0, le=1) for name in parameters.classes}
        return shares | {f"{name}_start": Numbers(default=NAN) for name in parameters.classes}

    def check_cells(self, data, parameters, problems):
        off = np.abs(sum(data.values[name] for name in parameters.classes) - 1) > 0.005
        if off.any():
            problems.tell(InvalidInput(f"The shares of {np.count_nonzero(off)} cells are not 1 together."))

    def simulate(self, data, steps, record):
        first, second = self.parameters(record).classes
        for name in (first, second):
            if f"{name}_start" not in data.given:
                data.values[f"{name}_start"] = data.values[name].copy()
        for step in steps:
            moved = data.values[second] / 10
            data.values[first] += moved
            data.values[second] -= moved
            data.counters["halvings"] += step == 1
            yield {"moved": float(np.nansum(moved))}


class Wet(CellModel):
    """Land decides where cells are."""

    name = "wet_of_a_test"
    land = Classes({0: "sea", 1: "land"}, absent=(9,), decides=True, outside=255)
    level = Numbers(ge=0, le=10, absent=(-1,))

    def simulate(self, data, steps, record):
        for _ in steps:
            yield {"outside": int(np.count_nonzero(data.values["land"] == 255))}


for _model in (Shares, Wet):
    ExecutorRegistry._executors.pop(_model.name)

BOTH = {"classes": ["forest", "field"]}


@pytest.fixture
def both(raster, tmp_path):
    """The same shares as a raster with another band, and as polygons."""
    row, col = np.divmod(np.arange(6), 3)
    frame = geopandas.GeoDataFrame(
        {"forest": FOREST.ravel(), "field": 1 - FOREST.ravel()},
        geometry=shapely.box(30 * col, -30 * row - 30, 30 * col + 30, -30 * row),
        crs="EPSG:31984",
    )
    save_dataset(frame, tmp_path / "in.gpkg")
    return {".tif": raster(forest=FOREST, field=1 - FOREST, more=FOREST), ".gpkg": tmp_path / "in.gpkg"}


def test_parameters_name_the_fields_and_steps_begin_at_0(both, run):
    raster = run(Shares, both[".tif"], end_time=2, **BOTH)
    polygons = run(Shares, both[".gpkg"], "out.gpkg", end_time=2, **BOTH)

    assert [0, 1, 2] == raster.record.step_metrics["step"]
    assert raster.record.step_metrics == polygons.record.step_metrics
    assert ["forest", "field", "forest_start", "field_start"] == list(raster.bands)
    assert ("2", "1") == (raster.tags["passo"], raster.tags["halvings"])
    assert ([2] * 6, [1] * 6) == (polygons.bands["passo"].tolist(), polygons.bands["halvings"].tolist())
    for name in raster.bands:
        assert np.array_equal(raster.bands[name].ravel(), polygons.bands[name])
    assert np.array_equal(FOREST, raster.bands["forest_start"])
    np.testing.assert_allclose(raster.bands["field"], (1 - FOREST) * 0.9**3)


@pytest.mark.parametrize("suffix", [".tif", ".gpkg"])
def test_what_belongs_to_the_whole_dataset_goes_on(both, run, suffix):
    whole = run(Shares, both[suffix], f"whole{suffix}", end_time=3, **BOTH)
    half = run(Shares, both[suffix], f"half{suffix}", end_time=1, **BOTH)
    rest = run(Shares, half.path, f"rest{suffix}", end_time=3, **BOTH)

    assert [2, 3] == rest.record.step_metrics["step"]
    assert whole.path.read_bytes() == rest.path.read_bytes()


def test_a_band_of_the_name_of_another_field_is_mapped(raster, run):
    source = raster(mata=FOREST, field=1 - FOREST)

    result = run(Shares, source, end_time=1, band_map={"forest": "mata"}, **BOTH)

    assert "forest" in result.bands
    with pytest.raises(UsageError, match="reads no band 'mata'"):
        run(Shares, source, end_time=1, band_map={"mata": "forest"}, **BOTH)


def test_fields_are_checked_against_each_other(raster, run):
    source = raster(forest=FOREST, field=FOREST)

    with pytest.raises(InvalidInput, match="shares of 4 cells"):
        run(Shares, source, end_time=1, **BOTH)
    record = ExperimentRecord(source={"uri": str(source)}, parameters=BOTH)
    told = [one.message for one in Shares().inspect(record) if one.severity == "error"]
    assert ["The shares of 4 cells are not 1 together."] == told


def test_a_parameter_without_a_default_is_asked_for(both):
    record = ExperimentRecord(source={"uri": str(both[".tif"])})

    (told,) = [one.message for one in Shares().inspect(record)]

    assert "classes" in told


def test_a_column_that_would_be_one_with_a_new_one(both, run, tmp_path):
    frame = geopandas.read_file(both[".gpkg"]).assign(Halvings=1)
    save_dataset(frame, tmp_path / "near.gpkg")

    with pytest.raises(InvalidInput, match="'Halvings' and halvings, which the result needs"):
        run(Shares, tmp_path / "near.gpkg", "out.gpkg", end_time=1, **BOTH)


def test_one_field_may_decide_where_cells_are(raster, run):
    land = np.array([[0.0, 1, 9], [1, NAN, 1]])
    level = np.array([[0.0, 1, 2], [-1, 2, 3]])

    with pytest.warns(DissmodelWarning) as told:
        result = run(Wet, raster(land=land, level=level, nodata=0), end_time=1)

    assert [
        "1 pixels have a value of land but lack others: level (1); they are taken as outside the space."
    ] == [str(one.message) for one in told]
    assert 2 == result.record.grid.cells
    assert [4] == result.record.step_metrics["outside"]
