"""The names, and the keywords, that other people's packages use."""

import importlib
import inspect
import re
from pathlib import Path

import pytest

import dissmodel
from dissmodel.executor.schemas import InlineJobRequest, JobRequest, JobResponse

NAMES = {
    "dissmodel": "DissmodelError DissmodelWarning Environment ExecutorRegistry ExperimentRecord Model "
    "ModelExecutor RasterBackend RasterModel load_dataset save_dataset",
    "dissmodel.core": "Environment Model",
    "dissmodel.executor": "ModelExecutor ExecutorRegistry ExperimentRecord execute_lifecycle DataSource "
    "JobRequest ExecutorTestHarness",
    "dissmodel.executor.cli": "run_cli",
    "dissmodel.executor.config": "settings Settings",
    "dissmodel.executor.model_executor": "ModelExecutor",
    "dissmodel.executor.registry": "ExecutorRegistry",
    "dissmodel.executor.runner": "execute_lifecycle",
    "dissmodel.executor.schemas": "ExperimentRecord DataSource JobRequest JobResponse InlineJobRequest",
    "dissmodel.executor.testing": "ExecutorTestHarness",
    "dissmodel.executor.utils": "default_output_uri",
    "dissmodel.geo": "RasterBackend RasterModel SyncRasterModel RasterCellularAutomaton raster_grid BandSpec "
    "SpatialModel SyncSpatialModel CellularAutomaton vector_grid parse_idx fill FillStrategy "
    "attach_neighbors DIRS_MOORE DIRS_VON_NEUMANN",
    "dissmodel.geo.raster": "RasterBackend RasterModel SyncRasterModel RasterCellularAutomaton BandSpec",
    "dissmodel.geo.raster.backend": "RasterBackend DIRS_MOORE DIRS_VON_NEUMANN",
    "dissmodel.geo.raster.band_spec": "BandSpec",
    "dissmodel.geo.raster.cellular_automaton": "RasterCellularAutomaton",
    "dissmodel.geo.raster.raster_grid": "raster_grid AttrValue",
    "dissmodel.geo.raster.raster_model": "RasterModel",
    "dissmodel.geo.raster.sync_model": "SyncRasterModel",
    "dissmodel.geo.vector": "SpatialModel SyncSpatialModel CellularAutomaton parse_idx FillStrategy "
    "register_strategy attach_neighbors export_neighbors get_neighbors get_neighbor_values regular_grid",
    "dissmodel.geo.vector.cellular_automaton": "CellularAutomaton",
    "dissmodel.geo.vector.fill": "fill FillStrategy register_strategy",
    "dissmodel.geo.vector.neighborhood": "attach_neighbors export_neighbors get_neighbors "
    "get_neighbor_values WeightStrategy StrategyType",
    "dissmodel.geo.vector.spatial_model": "SpatialModel",
    "dissmodel.geo.vector.sync_model": "SyncSpatialModel",
    "dissmodel.geo.vector.vector_grid": "vector_grid parse_idx regular_grid Dimension",
    "dissmodel.io": "load_dataset save_dataset load_xarray save_xarray",
    "dissmodel.io.convert": "vector_to_raster_backend shapefile_to_raster_backend",
    "dissmodel.io.raster": "load_geotiff save_geotiff",
    "dissmodel.io.vector": "load_gdf save_gdf",
    "dissmodel.io._utils": "read_bytes read_text write_bytes write_text resolve_uri detect_format "
    "sha256_bytes sha256_file VECTOR_EXTENSIONS RASTER_EXTENSIONS XARRAY_EXTENSIONS",
    "dissmodel.io._xarray": "_file_checksum",
    "dissmodel.io._storage": "get_default_client set_default_client",
    "dissmodel.visualization": "Map RasterMap Chart track_plot display_inputs",
    "dissmodel.visualization._utils": "is_notebook is_interactive_backend",
    "dissmodel.visualization.chart": "Chart track_plot",
    "dissmodel.visualization.map": "Map",
    "dissmodel.visualization.raster_map": "RasterMap",
    "dissmodel.visualization.widgets": "display_inputs",
}

# Keywords, in their published order where they are also given by place (before the bar).
SIGNATURES = {
    "dissmodel.core:Environment": "start_time end_time |",
    "dissmodel.core:Environment.run": "till |",
    "dissmodel.core:Model": "step start_time end_time name |",
    "dissmodel.executor:ModelExecutor._resolve_uri": "uri |",
    "dissmodel.executor:ModelExecutor._sha256": "|",
    "dissmodel.executor:execute_lifecycle": "executor record |",
    "dissmodel.executor:ExperimentRecord.add_log": "msg |",
    "dissmodel.executor:ExperimentRecord.add_artifact": "name checksum |",
    "dissmodel.executor.cli:run_cli": "executor_cls args |",
    "dissmodel.executor.testing:ExecutorTestHarness.run_with_sample_data": "record |",
    "dissmodel.executor.utils:default_output_uri": "experiment_id ext |",
    "dissmodel.geo:RasterBackend": "shape nodata_value transform crs |",
    "dissmodel.geo:RasterBackend.get": "name time |",
    "dissmodel.geo:RasterBackend.set": "name array time |",
    "dissmodel.geo:RasterBackend.cell_area": "|",
    "dissmodel.geo:RasterBackend.rename_band": "old new |",
    "dissmodel.geo:RasterBackend.shift2d": "arr dr dc |",
    "dissmodel.geo:RasterBackend.focal_sum": "name neighborhood |",
    "dissmodel.geo:RasterBackend.focal_sum_mask": "mask neighborhood |",
    "dissmodel.geo:RasterBackend.neighbor_contact": "condition neighborhood |",
    "dissmodel.geo:RasterBackend.to_xarray": "time |",
    "dissmodel.geo:RasterBackend.from_xarray": "ds nodata_value |",
    "dissmodel.geo:RasterModel.setup": "backend |",
    "dissmodel.geo:RasterCellularAutomaton.setup": "backend state_attr |",
    "dissmodel.geo:RasterCellularAutomaton.rule": "arrays |",
    "dissmodel.geo:raster_grid": "rows cols attrs dtype |",
    "dissmodel.geo:SyncRasterModel.synchronize": "|",
    "dissmodel.geo:SpatialModel": "gdf step start_time end_time name |",
    "dissmodel.geo:SpatialModel.create_neighborhood": "strategy neighbors_dict |",
    "dissmodel.geo:SpatialModel.neighs_id": "idx |",
    "dissmodel.geo:SpatialModel.neighs": "idx |",
    "dissmodel.geo:SpatialModel.neighbor_values": "idx col |",
    "dissmodel.geo:SyncSpatialModel.synchronize": "|",
    "dissmodel.geo:CellularAutomaton": "gdf state_attr step start_time end_time name dim |",
    "dissmodel.geo:CellularAutomaton.rule": "idx |",
    "dissmodel.geo:vector_grid": "gdf bounds resolution dimension attrs crs |",
    "dissmodel.geo:parse_idx": "idx |",
    "dissmodel.geo:fill": "strategy |",
    "dissmodel.geo:attach_neighbors": "gdf strategy neighbors_dict |",
    "dissmodel.geo.vector:export_neighbors": "gdf path |",
    "dissmodel.geo.vector:get_neighbors": "gdf idx |",
    "dissmodel.geo.vector:get_neighbor_values": "gdf idx attr |",
    "dissmodel.geo.raster.band_spec:BandSpec": "name dtype nodata |",
    "dissmodel.geo.vector.fill:register_strategy": "name |",
    "dissmodel.io:load_dataset": "uri minio_client fmt | format",
    "dissmodel.io:save_dataset": "data uri minio_client fmt | format",
    "dissmodel.io.convert:vector_to_raster_backend": "source resolution attrs crs all_touched nodata "
    "nodata_value add_mask |",
    "dissmodel.io.raster:load_geotiff": "uri minio_client band_spec |",
    "dissmodel.io.raster:save_geotiff": "data uri minio_client band_spec crs transform |",
    "dissmodel.io._xarray:save_xarray": "backend_or_dataset uri step minio_client |",
    "dissmodel.io.vector:load_gdf": "uri minio_client |",
    "dissmodel.io.vector:save_gdf": "gdf uri minio_client | layer",
    "dissmodel.io._utils:resolve_uri": "uri minio_client |",
    "dissmodel.io._utils:read_bytes": "uri |",
    "dissmodel.io._utils:read_text": "uri encoding |",
    "dissmodel.io._utils:write_bytes": "data uri content_type |",
    "dissmodel.io._utils:write_text": "data uri encoding content_type |",
    "dissmodel.io._utils:detect_format": "uri |",
    "dissmodel.io._storage:get_default_client": "|",
    "dissmodel.io._storage:set_default_client": "client |",
    "dissmodel.visualization:Map.setup": "gdf plot_params figsize pause interval plot_area save_frames |",
    "dissmodel.visualization:RasterMap.setup": "backend band title figsize pause interval plot_area "
    "auto_mask save_frames | color_map labels cmap scheme k vmin vmax legend colorbar_label mask_band "
    "mask_value",
    "dissmodel.visualization:Chart.setup": "select pause plot_area show_legend show_grid title save_frames |",
    "dissmodel.visualization:track_plot": "label color plot_type |",
    "dissmodel.visualization:display_inputs": "obj st |",
}


def found_at(place):
    module, _, name = place.partition(":")
    found = importlib.import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    return found


@pytest.mark.parametrize("module", NAMES)
def test_a_name_is_where_packages_import_it(module):
    found = importlib.import_module(module)

    assert [] == [name for name in NAMES[module].split() if not hasattr(found, name)]


@pytest.mark.parametrize("place", SIGNATURES)
def test_a_function_takes_what_packages_give_it(place):
    by_place, by_name = (words.split() for words in SIGNATURES[place].split("|"))
    parameters = [one for one in inspect.signature(found_at(place)).parameters if one not in {"self", "cls"}]

    assert by_place == parameters[: len(by_place)]
    assert set(by_name) <= set(parameters)


def test_a_function_stays_one_where_its_module_has_the_same_name():
    importlib.import_module("dissmodel.geo.vector.fill")
    importlib.import_module("dissmodel.geo.vector.vector_grid")
    importlib.import_module("dissmodel.geo.raster.raster_grid")

    for package, name in (("vector", "fill"), ("vector", "vector_grid"), ("raster", "raster_grid")):
        assert inspect.isfunction(getattr(importlib.import_module(f"dissmodel.geo.{package}"), name))
        assert inspect.isfunction(getattr(importlib.import_module("dissmodel.geo"), name))


def test_the_nested_job_is_the_flat_one():
    flat = JobRequest(model_name="flood", input_dataset="s3://b/g.tif", parameters={"end_time": 9})
    nested = JobRequest(
        model={"class": "flood", "parameters": {"end_time": 9}}, source={"uri": "s3://b/g.tif"}
    )

    assert flat == nested
    assert ("auto", "normal", {}, {}) == (flat.input_format, flat.priority, flat.column_map, flat.band_map)


def test_the_fields_of_jobs():
    assert {"job_id", "experiment_id", "status", "model_name", "created_at", "output_path"} | {
        "output_sha256",
        "input_sha256",
        "logs",
    } == set(JobResponse.model_fields)
    assert {
        "input_dataset",
        "model_spec_toml",
        "input_format",
        "parameters",
        "column_map",
        "band_map",
    } == set(InlineJobRequest.model_fields)


def test_the_page_lists_the_stable_names_and_its_example_runs(capsys):
    page = (Path(__file__).resolve().parents[2] / "docs" / "api.md").read_text(encoding="utf-8")
    rows = [
        row.split("|")[2] for row in page.split("| Provisional |")[0].splitlines() if row.startswith("| `")
    ]
    listed = {name.rpartition(".")[2] for name in re.findall(r"`([\w.]+)`", " ".join(rows))}
    names = {name for module, names in NAMES.items() if module != "dissmodel" for name in names.split()}
    names |= {*dissmodel.__all__} - {"__version__", *NAMES["dissmodel"].split()}  # the functions

    assert names == listed

    for example in re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL):
        exec(example, {"__name__": "example"})

    assert "cells are alive" in capsys.readouterr().out
