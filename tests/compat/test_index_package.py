"""A package from the index that depends on the public DisSModel, on ours and on the public one."""

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
from shapely import box

from dissmodel import __version__
from dissmodel.experiment.verify import verify
from dissmodel.record import store

from .conftest import pip

PACKAGE = "disslucc==0.5.0"
PUBLIC = "dissmodel==0.6.6"
STEPS, CELL_AREA = 4, 25.0
SPEC = """
[model]
name = "lucc_continuous"
class = "lucc_continuous"
executor_module = "disslucc.executors"
dissmodel = ">=0.6.4,<0.7"
land_use_types = ["f", "d", "o"]
complementar_lu = "f"
demand_csv = "demand.csv"
potential_data = [
  {const = 0.7, betas = {road = -0.4}},
  {const = 0.2, betas = {road = 0.5}},
  {const = 0.0, betas = {}},
]
allocation_data = [{static = -1}, {static = -1}, {static = 1}]
[model.static]
f = -1
d = -1
o = 1
[model.parameters]
n_steps = 4
cell_area = 25.0
resolution = 5.0
max_difference = 5.0
"""


@pytest.fixture
def land(here):
    """Shares of forest, cleared and other land on 12 by 10 cells, and a demand."""
    rng = np.random.default_rng(5)
    rows, cols = np.divmod(np.arange(120), 12)
    forest = rng.uniform(0.4, 0.9, 120).round(3)
    cleared = ((1 - forest) * 0.7).round(3)
    frame = gpd.GeoDataFrame(
        {"f": forest, "d": cleared, "o": 1 - forest - cleared, "road": (cols / 11.0).round(3)},
        geometry=box(5.0 * cols, 5.0 * rows, 5.0 * cols + 5, 5.0 * rows + 5),
        crs="EPSG:31984",
    )
    frame.to_file("land.gpkg")
    areas = [frame[name].sum() * CELL_AREA for name in ("f", "d", "o")]
    lines = [f"{areas[0] - 40 * step},{areas[1] + 40 * step},{areas[2]}" for step in range(STEPS)]
    Path("demand.csv").write_text("f,d,o\n" + "\n".join(lines) + "\n", encoding="utf-8")
    Path("m.toml").write_text(SPEC, encoding="utf-8")
    return here


def python(*words, modules=()):
    """Run this interpreter with modules from some folders before all others."""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, modules)), "PYTHONWARNINGS": "ignore"}
    return subprocess.run(
        [sys.executable, *map(str, words)], env=env, capture_output=True, text=True, check=False, timeout=300
    )


def run(output, *modules):
    words = ("-m", "disslucc.executors.continuous", "run", "-t", "m.toml", "-i", "land.gpkg", "-o", output)
    said = python(*words, modules=modules)

    assert 0 == said.returncode, said.stdout + said.stderr
    (record,) = Path(output).parent.glob("*.record.json")
    return json.loads(record.read_text(encoding="utf-8")), record


def bands(path):
    with rasterio.open(path) as source:
        names = [source.tags(number)["name"] for number in source.indexes]
        return dict(zip(names, source.read(), strict=True)), source.crs, source.transform


def test_pip_keeps_ours_where_a_package_asks_for_the_public_one(from_index):
    from_index(PACKAGE)  # skips where there is no index
    said = pip("install", "--dry-run", "--quiet", "--report", "-", PACKAGE)

    assert 0 == said.returncode, said.stderr
    coming = {one["metadata"]["name"]: one["metadata"] for one in json.loads(said.stdout)["install"]}
    assert "dissmodel<0.7.0,>=0.6.4" in coming["disslucc"]["requires_dist"]
    assert "dissmodel" not in coming
    assert (0, 6) == tuple(int(part) for part in __version__.split(".")[:2])


@pytest.mark.slow
def test_it_computes_on_ours_what_it_computes_on_the_public_one(land, unpacked):
    package, public = unpacked(PACKAGE), unpacked(PUBLIC)
    ours, our_path = run("ours/r.tif", package)
    theirs, their_path = run("theirs/r.tif", public, package)

    our_bands, *our_place = bands(ours["output_path"])
    their_bands, *their_place = bands(theirs["output_path"])
    assert "0.6.6" != ours["code_version"] == __version__
    assert list(their_bands) == list(our_bands)
    for name, values in their_bands.items():
        assert values.dtype == our_bands[name].dtype
        assert np.array_equal(values, our_bands[name]), name
    assert their_place == our_place
    final = json.loads(json.dumps(theirs["metrics"]))
    assert {name: one for name, one in final.items() if name.startswith("final_")} == {
        name: one for name, one in ours["metrics"].items() if name.startswith("final_")
    }
    assert {"output", "profiling"} == set(theirs["artifacts"]) == set(ours["artifacts"])
    assert ours["output_sha256"] == ours["artifacts"]["output"]
    assert verify((our_path,)).ok
    assert verify((their_path,)).ok
    for name in ("model_name", "parameters", "input_format", "column_map", "band_map", "status"):
        assert theirs[name] == ours[name], name
    assert theirs["source"]["checksum"] == ours["source"]["checksum"]
    assert theirs["resolved_spec"]["model"] == ours["resolved_spec"]["model"]


@pytest.mark.slow
def test_records_and_rasters_are_read_in_both_directions(land, unpacked):
    package, public = unpacked(PACKAGE), unpacked(PUBLIC)
    ours, our_path = run("ours/r.tif", package)
    _, their_path = run("theirs/r.tif", public, package)
    reads = (
        "import json, sys, dissmodel; from dissmodel.executor.schemas import ExperimentRecord;"
        "from dissmodel.io import load_dataset;"
        "record = ExperimentRecord.model_validate_json(open(sys.argv[1]).read());"
        "(backend, meta), checksum = load_dataset(record.output_path, fmt='raster');"
        "print(json.dumps([dissmodel.__file__, record.output_sha256, checksum, sorted(backend.arrays)]))"
    )

    for path in (our_path, their_path):
        for modules in ((), (public,)):
            said = python("-c", reads, path, modules=modules)
            assert 0 == said.returncode, said.stderr
            where, noted, checksum, names = json.loads(said.stdout)
            assert bool(modules) is Path(where).is_relative_to(public)
            assert noted == checksum == store.read(path).output_sha256
            assert ["d", "f", "mask", "o"] == names
    spec = python("-m", "dissmodel", "record", "show", their_path, "--toml", modules=(package,))
    assert ours["parameters"] == tomllib.loads(spec.stdout)["model"]["parameters"]
