"""The executor: what it reads from and leaves in a record, and the files it writes."""

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
import rasterio
from pydantic import ValidationError

from dissmodel import progress
from dissmodel.cells.style import raster_qml
from dissmodel.errors import DissmodelWarning, InvalidInput, UsageError
from dissmodel.executor import ExperimentRecord, execute_lifecycle
from dissmodel.executor.testing import ExecutorTestHarness
from dissmodel.models.coastal.classes import LAND_USES, SOILS
from dissmodel.models.coastal.raster import CoastalRaster
from dissmodel.record.digest import sha256_file

FEW = {"end_time": 3, "sea_level_rise_rate": 0.5}


def test_it_keeps_the_contract(coast, write_tif):
    harness = ExecutorTestHarness(CoastalRaster)
    record = ExperimentRecord(source={"uri": str(write_tif(coast))}, parameters=FEW)

    assert harness.run_contract_tests()
    assert harness.run_with_sample_data(record)


def test_the_geotiff(coast, write_tif, run_raster):
    source = write_tif(coast)

    record = run_raster(source, parameters=FEW)

    with rasterio.open(source) as given, rasterio.open(record.output_path) as dataset:
        assert (given.crs, given.transform, given.shape) == (dataset.crs, dataset.transform, dataset.shape)
        assert ("uso", "alt", "solo") == dataset.descriptions
        assert ["uso", "alt", "solo"] == [dataset.tags(i)["band_name"] for i in dataset.indexes]
        assert {"float64"} == set(dataset.dtypes)
        assert {-9999.0} == set(dataset.nodatavals)
        assert "3" == dataset.tags()["passo"]
        assert ("zstd", "band") == (dataset.profile["compress"], dataset.profile["interleave"])
        bands = dataset.read()
    outside = coast["uso"] == 0
    assert (bands[:, outside] == -9999).all()
    assert (bands[:, ~outside] != -9999).all()


def test_what_the_record_says(coast, write_tif, run_raster, tmp_path):
    source = write_tif(coast)

    record = run_raster(source, parameters=FEW)

    assert sha256_file(source) == record.source.checksum
    assert ((12, 9), 106) == (record.grid.shape, record.grid.cells)
    assert (30.0, 0.0, 600000.0, 0.0, -30.0, 9700000.0) == record.grid.transform
    assert rasterio.CRS.from_epsg(31983) == rasterio.CRS.from_wkt(record.grid.crs)
    expected = {"output": tmp_path / "result.tif", "style": tmp_path / "result.qml"}
    assert {name: sha256_file(path) for name, path in expected.items()} == record.artifacts
    columns = "step sea_level sources flooded newly_flooded mangrove_migrated soil_migrated sum_alt"
    assert columns.split() == list(record.step_metrics)
    assert [1, 2, 3] == record.step_metrics["step"]
    assert [0.5, 1.0, 1.5] == record.step_metrics["sea_level"]
    assert {int, float} == {type(value) for column in record.step_metrics.values() for value in column}
    assert record == ExperimentRecord.model_validate_json(record.model_dump_json())


def test_the_same_run_gives_the_same_bytes(coast, write_tif, run_raster):
    source = write_tif(coast)

    first, second = (run_raster(source, name, parameters=FEW) for name in ("a.tif", "b.tif"))

    assert first.artifacts == second.artifacts


def test_an_order_goes_through_the_output(coast, write_tif, run_raster):
    order = np.arange(coast["uso"].size)[::-1].reshape(coast["uso"].shape).astype(float)
    source = write_tif(coast | {"order": order})

    whole = run_raster(source, "whole.tif", parameters=FEW | {"end_time": 6})
    half = run_raster(source, "half.tif", parameters=FEW)
    resumed = run_raster(half.output_path, "resumed.tif", parameters=FEW | {"end_time": 6})

    with rasterio.open(whole.output_path) as expected, rasterio.open(resumed.output_path) as found:
        assert ("uso", "alt", "solo", "order") == expected.descriptions == found.descriptions
        assert expected.read().tobytes() == found.read().tobytes()
        ranks = expected.read(4)
    assert 105 == ranks[0, 0]
    assert -9999 == ranks[0, 8]


def test_polygons_give_what_their_raster_gives(coast, write_tif, run_raster, tmp_path):
    import geopandas
    import shapely

    rows, cols = np.nonzero(coast["uso"])
    west, north = 600000 + 30 * cols, 9700000 - 30 * rows
    data = {name: band[rows, cols] for name, band in coast.items()}
    frame = geopandas.GeoDataFrame(data, geometry=shapely.box(west, north - 30, west + 30, north), crs=31983)
    frame.to_file(tmp_path / "cells.gpkg")

    polygons = run_raster(tmp_path / "cells.gpkg", "polygons.tif", parameters=FEW)
    raster = run_raster(write_tif(coast), "raster.tif", parameters=FEW)

    with rasterio.open(raster.output_path) as expected, rasterio.open(polygons.output_path) as found:
        assert expected.transform == found.transform
        assert expected.crs == found.crs
        assert expected.read().tobytes() == found.read().tobytes()
    assert raster.step_metrics == polygons.step_metrics


def test_without_an_output_path(coast, write_tif, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    record = ExperimentRecord(source={"uri": str(write_tif(coast))}, parameters=FEW)

    record, _ = execute_lifecycle(CoastalRaster(), record)

    assert record.output_sha256 == sha256_file(record.output_path)
    assert tmp_path in Path(record.output_path).resolve().parents


def test_progress(coast, write_tif, run_raster):
    class Listener(progress.Silent):
        steps = ()

        def step(self, done, total, cells=0):
            self.steps = (*self.steps, (done, total, cells))

    with progress.reporting(Listener()) as listener:
        run_raster(write_tif(coast, tags={"passo": "5"}), parameters=FEW | {"end_time": 7})

    assert ((1, 2, 106), (2, 2, 106)) == listener.steps


@pytest.mark.parametrize("error", [OSError(28, "no space left"), KeyboardInterrupt()])
def test_a_run_that_ends_early_leaves_the_measures_of_what_it_did(coast, write_tif, monkeypatch, error):
    record = ExperimentRecord(
        source={"uri": str(write_tif(coast))}, parameters={"end_time": 9, "snapshots": [4]}
    )
    model = CoastalRaster()
    state = model.load(record)

    def end(*_):
        raise error

    monkeypatch.setattr(model, "_keep", end)
    with pytest.raises(type(error)):
        model.run(state, record)

    assert [1, 2, 3, 4] == record.step_metrics["step"]
    assert {4} == {len(values) for values in record.step_metrics.values()}


def test_accretion_is_warned_of(coast, write_tif, run_raster):
    with pytest.warns(DissmodelWarning, match="Accretion"):
        run_raster(write_tif(coast), parameters=FEW | {"acrecao_ativa": True})


@pytest.mark.parametrize(
    ("fields", "error", "message"),
    [
        ({"parameters": {"end_time": 2.5}}, ValidationError, "end_time"),
        ({"parameters": {"endtime": 2}}, ValidationError, "endtime"),
        ({"band_map": {"usos": "b1"}}, UsageError, "reads no band 'usos'"),
        ({"column_map": {"usos": "b1"}}, UsageError, "reads no column 'usos'"),
        ({"source": {}}, UsageError, "no input"),
    ],
)
def test_a_wrong_record_is_refused_before_anything_is_read(fields, error, message):
    record = ExperimentRecord(**{"source": {"uri": "nothing.tif"}} | fields)

    with pytest.raises(error, match=message):
        CoastalRaster().validate(record)


def test_a_record_maps_bands(coast, write_tif, run_raster):
    mapped = {"b1": coast["uso"], "b2": coast["alt"], "b3": coast["solo"]}

    record = run_raster(write_tif(mapped), parameters=FEW, band_map={"uso": "b1", "alt": "b2", "solo": "b3"})

    assert 106 == record.grid.cells


def test_an_end_before_the_first_step(coast, write_tif, run_raster, tmp_path):
    with pytest.raises(InvalidInput, match="end_time = 3 comes before the first step, 9"):
        run_raster(write_tif(coast, tags={"passo": "8"}), parameters=FEW)

    assert not (tmp_path / "result.tif").exists()


def test_a_geotiff_needs_no_pandas(coast, write_tif, tmp_path):
    code = """
import sys
from dissmodel.executor import ExperimentRecord, execute_lifecycle
from dissmodel.models.coastal.raster import CoastalRaster
source, output = sys.argv[1:]
record = ExperimentRecord(source={"uri": source}, output_path=output, parameters={"end_time": 1})
execute_lifecycle(CoastalRaster(), record)
print([name for name in ("pandas", "geopandas", "matplotlib", "pyogrio", "shapely") if name in sys.modules])
"""
    arguments = [sys.executable, "-c", code, write_tif(coast), tmp_path / "result.tif"]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True)

    assert "[]" == done.stdout.strip()


def test_the_style_has_every_class_in_a_colour_of_its_own():
    root = ET.fromstring(raster_qml(LAND_USES, 1).partition("\n")[2])

    entries = root.findall("./pipe/rasterrenderer[@type='paletted'][@band='1']/colorPalette/paletteEntry")
    assert [str(code) for code in range(1, 11)] == [entry.get("value") for entry in entries]
    assert "3 sea" == entries[2].get("label")
    assert 10 == len({entry.get("color") for entry in entries})


def test_no_two_classes_share_a_colour():
    for classes in (LAND_USES, SOILS):
        assert len(classes) == len({one.colour for one in classes}) == len({one.code for one in classes})
