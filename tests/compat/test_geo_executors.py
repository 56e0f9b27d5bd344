"""Executors on the model classes of `dissmodel.geo`, in the style of the public DisSModel 0.6, run as is."""

from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio

from dissmodel.experiment.verify import verify

LUCC = """
[model]
name = "lucc"
class = "lucc_vector"
land_use_types = ["f", "d"]
[model.parameters]
start_time = 2008
demand = [20.0, 30.0, 500.0]
[[model.potential]]
const = 0.5
[[model.potential]]
const = 0.05
betas = { alt = -0.01, near = 0.2 }
"""


def around(state, corners):
    """The values of the cells around each one, NaN beyond the edge; shape (8 or 4, rows, cols)."""
    rows, cols = state.shape
    wide = np.pad(state, 1, constant_values=np.nan)
    steps = [(i, j) for i in range(3) for j in range(3) if (i, j) != (1, 1) and (corners or 1 in (i, j))]
    return np.array([wide[i : i + rows, j : j + cols] for i, j in steps])


def read(path, band):
    with rasterio.open(path) as source:
        return source.read(source.descriptions.index(band) + 1), source.crs, source.transform


@pytest.mark.fast_cases("by_run_cli")
def test_land_use_change_by_potential_tables(run, inputs):
    given = gpd.read_file(inputs / "grid.gpkg")
    rows, cols = given["row"].to_numpy(), given["col"].to_numpy()
    given["wood"] = given["uso"].isin([1, 2]).astype(float)
    given["d"] = (given["uso"] == 4).astype(float)
    given["near"] = 1.0 / (1.0 + cols)
    given.to_file("land.gpkg")
    Path("m.toml").write_text(LUCC)

    record, path = run(
        "lucc_vector.py", "-i", "land.gpkg", "-t", "m.toml", "--column-map", "f=wood", "-o", "r.gpkg"
    )

    shape = (rows.max() + 1, cols.max() + 1)
    at = (rows, cols)
    f, d = np.full(shape, np.nan), np.full(shape, np.nan)
    f[at], d[at] = given["wood"], given["d"]
    for wanted in (20.0, 30.0, 500.0):
        shares = np.zeros(shape)
        mean = np.nanmean(around(d, corners=True)[:, *at], axis=0)
        shares[at] = 0.05 - 0.01 * given["alt"] + 0.2 * given["near"] + mean
        offered = f * np.clip(shares, 0, 1)
        change = offered * min(1.0, wanted / np.nansum(offered))
        f, d = f - change, d + change
    result = gpd.read_file(path.parent / record["output_path"])
    assert f[at] == pytest.approx(result["f"], abs=1e-12)
    assert d[at] == pytest.approx(result["d"], abs=1e-12)
    assert np.nansum(d) == pytest.approx(record["metrics"]["cleared"])
    assert given["d"].sum() + 50 < record["metrics"]["cleared"] < given["d"].sum() + 550
    assert not {"_neighs", "f_past", "d_past"} & set(result.columns)
    assert {"const": 0.05, "betas": {"alt": -0.01, "near": 0.2}} == (
        record["resolved_spec"]["model"]["potential"][1]
    )
    assert verify((path,)).ok


@pytest.mark.fast_cases("by_run_cli")
def test_a_chart_of_an_executor(run, inputs):
    given = gpd.read_file(inputs / "grid.gpkg")
    given.assign(f=1.0, d=0.5, near=0.0).to_file("land.gpkg")
    Path("m.toml").write_text(LUCC)

    run("lucc_vector.py", "-i", "land.gpkg", "-t", "m.toml", "-p", "chart=true", "-o", "r.gpkg")

    frames = sorted(path.name for path in Path().glob("**/chart_frames/*"))
    assert [f"chart_step_{year}.png" for year in (2008, 2009, 2010)] == frames


@pytest.mark.fast_cases("by_run_cli")
def test_the_game_of_life(run, inputs):
    record, path = run(
        *("game_of_life.py", "-i", inputs / "grid.tif", "-o", "r.tif", "--format", "tiff"),
        *("-p", "end_time=4", "-p", "alive=2", "-p", "save_frames=true"),
    )

    uso, crs, transform = read(inputs / "grid.tif", "uso")
    state = (uso == 2).astype(int)
    for _ in range(4):
        near = np.nansum(around(state.astype(float), corners=True), axis=0)
        state = ((near == 3) | ((state == 1) & (near == 2))).astype(int)
    assert np.array_equal(state, read(path.parent / record["output_path"], "state")[0])
    assert (crs, transform) == read(path.parent / record["output_path"], "state")[1:]
    assert state.sum() == record["metrics"]["alive"] > 0
    frames = sorted(path.name for path in Path().glob("**/raster_map_frames/*"))
    assert [f"state_step_00{step}.png" for step in (1, 2, 3, 4)] == frames
    assert verify((path,)).ok


@pytest.mark.fast_cases("by_run_cli")
def test_a_raster_that_keeps_its_past_while_its_backend_is_exchanged(run, inputs):
    Path("m.toml").write_text(
        "[model]\nclass = 'lucc_raster'\nland_use_types = ['f', 'd']\n[model.parameters]\nend_time = 2004\n"
    )
    record, path = run("lucc_raster.py", "-i", inputs / "grid.tif", "-t", "m.toml", "-p", "rate=0.4")

    uso, *_ = read(inputs / "grid.tif", "uso")
    f, d = np.isin(uso, [1, 2]).astype(float), (uso == 4).astype(float)
    for _ in range(5):
        change = f * 0.4 * np.nansum(around(d, corners=False), axis=0) / 4
        f, d = f - change, d + change
    output = path.parent / record["output_path"]
    with rasterio.open(output) as source:
        assert {"f", "d"} == set(source.descriptions)
    assert f == pytest.approx(read(output, "f")[0], abs=1e-12)
    assert d == pytest.approx(read(output, "d")[0], abs=1e-12)
    assert d.sum() == pytest.approx(record["metrics"]["d_total"])
    assert (uso == 4).sum() < d.sum()
    assert verify((path,)).ok
