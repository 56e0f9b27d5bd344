"""Executors that were written for the public DisSModel 0.6 run as they are."""

import subprocess
import sys
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio

from dissmodel.executor.testing import ExecutorTestHarness
from dissmodel.experiment.verify import verify
from dissmodel.registry import plugins
from support.files import sha256

EXECUTORS = Path(__file__).parent / "executors"


def flooded_by_hand(path, rate, steps):
    """The flood of flood_raster.py, cell by cell."""
    with rasterio.open(path) as source:
        uso, alt = source.read(1), source.read(2)
    becomes = {1: 9, 2: 10, 4: 7, 5: 6, 8: 9}
    rows, cols = uso.shape
    for step in range(1, steps + 1):
        was = uso.copy()
        for i, j in np.ndindex(rows, cols):
            near = was[max(i - 1, 0) : i + 2, max(j - 1, 0) : j + 2]
            if was[i, j] in becomes and alt[i, j] <= rate * step and np.isin(near, [3, 6, 7, 9, 10]).any():
                uso[i, j] = becomes[was[i, j]]
    return uso


@pytest.mark.fast_cases("by_run_cli")
def test_a_raster_model_gives_its_numbers_on_its_input_s_grid(run, inputs):
    record, path = run(
        "flood_raster.py",
        "--input",
        inputs / "grid.tif",
        "--output",
        "r.tif",
        "--param",
        "end_time=8",
        "--param",
        "sea_level_rise_rate=0.25",
        "--format",
        "tiff",
    )
    expected = flooded_by_hand(inputs / "grid.tif", 0.25, 8)
    with (
        rasterio.open(path.parent / record["output_path"]) as out,
        rasterio.open(inputs / "grid.tif") as given,
    ):
        names = [out.tags(band).get("band_name") or out.descriptions[band - 1] for band in out.indexes]

        assert np.array_equal(expected, out.read(names.index("uso") + 1))
        assert (given.crs, given.transform) == (out.crs, out.transform)
    assert np.isin(expected, [6, 7, 9, 10]).sum() == record["metrics"]["flooded_cells"] > 0
    assert ("completed", "flood_raster", 8) == (
        record["status"],
        record["model_name"],
        record["metrics"]["last_step"],
    )
    assert "time_run_sec" in record["metrics"]
    assert sha256(path.parent / record["output_path"]) == record["artifacts"]["output"]
    assert sha256(inputs / "grid.tif") == record["source"]["checksum"]
    assert "Running flood_raster until 8" in record["logs"]
    assert verify((path,)).ok


def test_a_band_map_renames_and_says_what_there_is(run, inputs):
    with rasterio.open(inputs / "grid.tif") as source:
        profile, bands, tags = source.profile, source.read(), source.tags()
    with rasterio.open("other.tif", "w", **profile) as target:
        target.write(bands)
        target.update_tags(**tags)
        for band, name in enumerate(("LandUse", "Height", "solo"), start=1):
            target.set_band_description(band, name)
            target.update_tags(band, name=name)

    words = ("--band-map", "uso=LandUse", "--band-map", "alt=Height", "-p", "end_time=1")
    record, path = run("flood_raster.py", "-i", "other.tif", "-o", "out/r.tif", *words)

    assert {"uso": "LandUse", "alt": "Height"} == record["band_map"]
    assert verify((path,)).ok


@pytest.mark.fast_cases("by_run_cli")
def test_a_vector_model_finds_its_columns_and_chooses_its_suffix(run, inputs):
    given = gpd.read_file(inputs / "grid.gpkg")
    given.rename(columns={"uso": "classe"}).to_file("named.gpkg")
    Path("m.toml").write_text(
        "[model]\nname = 'x'\nclass = 'growth_vector'\nlimit = 2.5\n[model.parameters]\nend_time = 3\n"
    )

    record, path = run("growth_vector.py", "-i", "named.gpkg", "--column-map", "uso=classe", "-t", "m.toml")

    built = ((given["uso"] == 5) & (given["alt"] <= 7.5)).sum()
    result = gpd.read_file(path.parent / record["output_path"])
    assert f"growth_vector_{record['experiment_id'][:8]}.gpkg" == record["output_path"]
    assert (built, {"limit": 2.5, "end_time": 3}) == (record["metrics"]["built"], record["parameters"])
    assert (given["uso"] == 4).sum() + built == (result["uso"] == 4).sum()
    assert (len(given), given.crs) == (len(result), result.crs)
    assert verify((path,)).ok


@pytest.mark.fast_cases("by_run_cli")
def test_a_model_that_writes_text_where_it_likes_and_an_artifact_beside_it(run, inputs):
    record, path = run("report.py", "-i", inputs / "grid.tif", "-p", "title='A \"fine\" day'")

    output = path.parent / record["output_path"]
    assert output.read_text(encoding="utf-8").startswith('# A "fine" day\n')
    assert {"output", "table"} == set(record["artifacts"]) - {"profiling"}  # which run_cli adds
    assert sha256(path.parent / record["files"]["table"]["path"]) == record["artifacts"]["table"]
    assert "Format of the input: raster" in record["logs"]
    assert verify((path,)).ok


@pytest.mark.slow
def test_a_refusal_by_a_model_is_its_own_words(inputs):
    command = [sys.executable, str(EXECUTORS / "flood_raster.py"), "run", "-i", str(inputs / "grid.tif")]
    early = subprocess.run([*command, "-p", "end_time=0"], capture_output=True, text=True, check=False)
    late = subprocess.run([*command, "--band-map", "uso=USO"], capture_output=True, text=True, check=False)

    assert (3, 1) == (early.returncode, late.returncode)
    assert "error: end_time must be at least 1\n" in early.stderr
    assert "Band 'USO' not found" in late.stderr
    assert "Traceback" not in early.stderr + late.stderr


@pytest.mark.parametrize("file", sorted(path.name for path in EXECUTORS.glob("*.py")))
def test_the_contract_holds(file):
    assert ExecutorTestHarness(plugins.find(str(EXECUTORS / file)).executor).run_contract_tests()
