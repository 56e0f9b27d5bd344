"""States that are kept on the way: complete datasets, from which a run goes on with the same bits."""

import warnings

import geopandas
import numpy as np
import pytest
import rasterio
import shapely
from pydantic import ValidationError

from dissmodel.errors import DissmodelWarning, InvalidInput
from dissmodel.executor import ExperimentRecord, execute_lifecycle
from dissmodel.io import load_dataset
from dissmodel.io.vector import save_gdf
from dissmodel.models.coastal import raster, vector
from dissmodel.models.coastal.parameters import CoastalParameters, SeaParameters
from support.files import sha256

FAST = {"sea_level_rise_rate": 0.5}
MODELS = {
    one.name: one
    for one in (
        raster.CoastalRaster,
        raster.FloodRaster,
        raster.MangroveRaster,
        vector.CoastalVector,
        vector.FloodVector,
        vector.MangroveVector,
    )
}
SUFFIXES = (".tif", ".gpkg", ".fgb", ".parquet")


@pytest.fixture
def run(tmp_path):
    """Run a model on a file in tmp_path, a coast of polygons by default; return the record."""
    row, col = (part.ravel() for part in np.indices((10, 8)))
    visit = np.random.default_rng(2).permutation(row.size)
    row, col = row[visit], col[visit]
    cells = geopandas.GeoDataFrame(
        {
            "uso": np.select([col < 2, col < 4, col < 6], [3, 1, 2], 4),
            "alt": col * 0.4 + row * 0.01,
            "solo": np.where(row == 5, 0, np.where(col < 4, 3, 4)),
            "row": row,
            "col": col,
        },
        geometry=shapely.box(col * 30, -row * 30 - 30, col * 30 + 30, -row * 30),
        crs="EPSG:31983",
    )
    save_gdf(cells, tmp_path / "cells.gpkg")

    def run(output, source="cells.gpkg", executor=None, **parameters):
        executor = executor or (raster.CoastalRaster if output.endswith(".tif") else vector.CoastalVector)
        record = ExperimentRecord(
            model_name=executor.name,
            source={"uri": str(tmp_path / source)},
            output_path=str(tmp_path / output),
            parameters={**FAST, **parameters},
        )
        return execute_lifecycle(executor(), record)[0]

    return run


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_snapshot_is_the_result_of_a_run_that_ends_there(run, tmp_path, suffix):
    record = run(f"r{suffix}", end_time=12, snapshots=[3, 10])
    for step in (3, 10):
        run(f"{step}{suffix}", end_time=step)

    for step in (3, 10):
        kept = tmp_path / f"r.step{step:04d}{suffix}"
        assert sha256(tmp_path / f"{step}{suffix}") == sha256(kept) == record.artifacts[f"step_{step}"]
        assert (tmp_path / f"{step}.qml").read_bytes() == kept.with_suffix(".qml").read_bytes()
    assert {"output", "style", "step_3", "step_10"} == record.artifacts.keys()
    assert sha256(tmp_path / f"r{suffix}") == record.artifacts["output"]
    assert 12 == len(record.step_metrics["step"])


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_run_goes_on_from_a_snapshot_with_the_same_bits(run, tmp_path, suffix):
    once = run(f"once{suffix}", end_time=20, every=10)
    twice = run(f"twice{suffix}", f"once.step0010{suffix}", end_time=20)

    assert list(range(11, 21)) == twice.step_metrics["step"]
    assert once.step_metrics["sum_alt"][10:] == twice.step_metrics["sum_alt"]
    assert once.artifacts["output"] == twice.artifacts["output"]


@pytest.mark.parametrize("name", MODELS)
def test_every_model_keeps_them(run, tmp_path, name):
    suffix = MODELS[name].output_suffix

    record = run(f"r{suffix}", executor=MODELS[name], end_time=7, every=3)

    assert ["step_3", "step_6"] == [one for one in record.artifacts if one.startswith("step_")]
    data = load_dataset(str(tmp_path / f"r.step0006{suffix}"))[0]
    if suffix == ".tif":
        with rasterio.open(tmp_path / "r.step0006.tif") as dataset:
            assert "6" == dataset.tags()["passo"]
            assert ("uso", "alt", "solo", "order") == dataset.descriptions
    else:
        assert {6} == set(data.passo)


def test_what_is_kept_is_unlike_what_comes_after(run):
    record = run("r.tif", end_time=6, every=1)

    kept = [record.artifacts[name] for name in record.artifacts if name != "style"]
    assert 6 == len(kept) == len(set(kept))


def test_the_last_step_is_kept_only_where_it_is_named(run, tmp_path):
    run("a.tif", end_time=4, every=2)
    record = run("b.tif", end_time=4, snapshots=[4])

    assert not (tmp_path / "a.step0004.tif").exists()
    assert record.artifacts["output"] == record.artifacts["step_4"] == sha256(tmp_path / "b.step0004.tif")


def test_on_resume_steps_are_absolute(run, tmp_path):
    run("five.tif", end_time=5)

    record = run("r.tif", "five.tif", end_time=9, every=4, snapshots=[6])

    assert ["step_6", "step_8"] == [one for one in record.artifacts if one.startswith("step_")]


@pytest.mark.parametrize("suffix", [".tif", ".gpkg"])
def test_a_snapshot_before_the_first_step_is_an_error(run, tmp_path, suffix):
    run(f"five{suffix}", end_time=5)

    with pytest.raises(
        InvalidInput, match=r"snapshots = 4, 5, 7: 4, 5 come before the first step, 6"
    ) as caught:
        run(f"r{suffix}", f"five{suffix}", end_time=9, snapshots=[4, 5, 7])

    assert "steps from 6 to 9" in caught.value.hint
    executor = raster.CoastalRaster if suffix == ".tif" else vector.CoastalVector
    record = ExperimentRecord(
        source={"uri": str(tmp_path / f"five{suffix}")}, parameters={"end_time": 9, "snapshots": [4, 5, 7]}
    )
    assert caught.value.message in [one.message for one in executor().inspect(record)]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"snapshots": [10, 20, 10]}, "10 are given more than once"),
        ({"snapshots": [10, 89, 100]}, "89, 100 come after end_time = 88"),
        ({"snapshots": [0]}, "greater than or equal to 1"),
        ({"snapshots": [1.5]}, "integer"),
        ({"snapshots": ["1"]}, "this is text"),
        ({"snapshots": [True]}, "this is a truth value"),
        ({"snapshots": 10}, "tuple"),
        ({"snapshots": list(range(100, 200))}, "107, 108, 109 …"),
        ({"every": 0}, "greater than or equal to 1"),
        ({"every": 2.5}, "integer"),
    ],
)
def test_what_is_refused(given, says):
    with pytest.raises(ValidationError) as caught:
        CoastalParameters.model_validate(given)

    assert says in str(caught.value)


@pytest.mark.parametrize(
    "given", [{}, {"snapshots": []}, {"snapshots": [3, 88]}, {"every": 7}, {"every": 88}]
)
@pytest.mark.parametrize("step", [0, 3, 7, 80])
def test_the_number_of_states_is_known_before(given, step):
    parameters = SeaParameters.model_validate(given)

    assert sum(parameters.keeps(one) for one in range(step + 1, 89)) == parameters.kept_after(step)


def test_a_great_many_steps_are_counted_at_once():
    assert 2**53 - 1 == SeaParameters(end_time=2**53, every=1).kept_after(0)


@pytest.mark.parametrize("suffix", [".tif", ".gpkg"])
def test_the_room_for_them_is_asked_for(run, tmp_path, suffix):
    executor = raster.CoastalRaster if suffix == ".tif" else vector.CoastalVector

    def megabytes(**parameters):
        record = ExperimentRecord(source={"uri": str(tmp_path / "cells.gpkg")}, parameters=parameters)
        (said,) = [one.message for one in executor().inspect(record) if "takes at most" in one.message]
        return float(said.split(" MB")[0].rsplit(" ", 1)[1].replace(",", ""))

    few, many = megabytes(end_time=1001), megabytes(end_time=1001, every=1)
    assert many > 500 * max(few - 0.1, 0.001)


def test_a_warning_of_the_format_is_said_once(run, tmp_path):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        run("r.geojson", end_time=4, every=1)

    texts = [str(one.message) for one in caught if issubclass(one.category, DissmodelWarning)]
    assert texts
    assert len(texts) == len(set(texts))
    assert all("r.geojson" in text for text in texts)
    assert (tmp_path / "r.step0003.geojson").exists()


def test_a_shapefile_keeps_its_parts_apart(run, tmp_path):
    with pytest.warns(DissmodelWarning, match="rounded"):
        run("r.shp", end_time=4, every=2)

    for stem in ("r", "r.step0002"):
        for end in ("shp", "dbf", "shx", "prj", "qml"):
            assert (tmp_path / f"{stem}.{end}").is_file()
    assert {2} == set(load_dataset(str(tmp_path / "r.step0002.shp"))[0].passo)


def test_no_path_is_no_hindrance(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    record = ExperimentRecord(
        source={"uri": str(tmp_path / "cells.gpkg")}, parameters={"end_time": 2, "snapshots": [1]}
    )

    record = execute_lifecycle(vector.CoastalVector(), record)[0]

    assert f"./outputs/{record.experiment_id}/output.gpkg" == record.output_path
    assert (tmp_path / "outputs" / record.experiment_id / "output.step0001.gpkg").is_file()


def test_none_are_kept_by_default(run, tmp_path):
    run("r.tif", end_time=3)

    assert ["cells.gpkg", "r.qml", "r.tif"] == sorted(path.name for path in tmp_path.iterdir())
    assert CoastalParameters().kept_after(0) == 0
