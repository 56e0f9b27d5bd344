"""A disk that fills while a result is written says so, in each format, and costs nothing that was there."""

import json
import shutil
import signal
import subprocess
import sys

import geopandas
import numpy as np
import pyogrio
import pytest
import shapely

from support.cases import mostly_slow
from support.sweeps import write_growing

resource = pytest.importorskip("resource", reason="Windows has no such limits")
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no way to make a full disk")
MIB = 2**20
LIBRARIES = ("disk I/O error", "database or disk is full", "TIFFAppend", "ROLLBACK", "batch", "HDF error")


@pytest.fixture
def small_disk(tmp_path):
    """A folder on a disk of 4 MiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = shutil.which("mount")
    if mount is None or not sys.platform.startswith("linux"):
        pytest.skip("there is no way to make a small disk")
    done = subprocess.run(
        [mount, "-t", "tmpfs", "-o", "size=4m", "tmpfs", disk], check=False, capture_output=True
    )
    if done.returncode:
        pytest.skip("this process may not mount a small disk")
    yield disk
    subprocess.run(["umount", disk], check=True)


@pytest.fixture(scope="module")
def coast(tmp_path_factory):
    """Polygons that take more than 4 MiB in every format: elevations are noise."""
    row, col = (part.ravel() for part in np.indices((200, 220)))
    alt = np.random.default_rng(1).random(row.size)
    frame = geopandas.GeoDataFrame(
        {"row": row, "col": col, "uso": 2, "alt": alt, "solo": 3, "more": alt + 1, "most": alt + 2},
        geometry=shapely.box(col * 30, -row * 30 - 30, col * 30 + 30, -row * 30),
        crs="EPSG:31983",
    )
    path = tmp_path_factory.mktemp("coast") / "coast.gpkg"
    pyogrio.write_dataframe(frame, path)
    return path


def run(model, coast, output, **how):
    words = [sys.executable, "-m", "dissmodel", "run", model, "-i", coast, "-o", output, "-p", "end_time=1"]
    return subprocess.run(words, capture_output=True, text=True, check=False, **how)


def check_said(said, words):
    (line,) = (line for line in said.stderr.splitlines() if line.startswith("error: "))
    assert 5 == said.returncode
    assert words in line
    assert "Make room, or give an output on another disk" in said.stderr
    assert not any(theirs in line for theirs in LIBRARIES)


@pytest.mark.fast_cases("coastal_raster-r.tif-262144")
@pytest.mark.parametrize(
    ("model", "name", "spare"),
    mostly_slow(
        [
            ("coastal_vector", "r.gpkg", 4 * MIB),
            ("coastal_vector", "r.fgb", 4 * MIB),
            ("coastal_vector", "r.geojson", 4 * MIB),
            ("coastal_vector", "r.shp", 4 * MIB),
            ("coastal_vector", "r.parquet", MIB // 2),
            ("coastal_raster", "r.tif", MIB // 4),
        ],
        ("coastal_vector", "r.parquet", MIB // 2),
        ("coastal_raster", "r.tif", MIB // 4),
    ),
)
def test_a_disk_that_fills(small_disk, coast, model, name, spare):
    (small_disk / "filling").write_bytes(bytes(4 * MIB - spare))

    said = run(model, coast, small_disk / name)

    check_said(said, "the disk is full")
    left = [path.name for path in small_disk.iterdir() if not path.name.endswith(".record.json")]
    assert ["filling"] == left


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "name"),
    mostly_slow(
        [("coastal_vector", "r.gpkg"), ("coastal_vector", "r.geojson"), ("coastal_raster", "r.tif")],
        ("coastal_vector", "r.gpkg"),
    ),
)
def test_a_limit_on_the_size_of_files(tmp_path, coast, model, name):
    def limited():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (MIB // 4, MIB // 4))

    said = run(model, coast, tmp_path / name, preexec_fn=limited)

    check_said(said, "a file may have at most 262,144 bytes here")


@pytest.mark.fast_cases("geopandas")
@pytest.mark.parametrize("library", ["geopandas", "xarray"])
def test_a_model_that_writes_with_a_library_of_its_own(small_disk, tmp_path, coast, library):
    writes = {
        "geopandas": "import geopandas; "
        "geopandas.read_file(record.source.uri).to_file(record.output_path, driver='GeoJSON')",
        "xarray": "import numpy, xarray\n"
        "        xarray.DataArray(numpy.random.rand(1000, 1000)).to_netcdf(record.output_path)",
    }[library]
    model = tmp_path / "mine.py"
    model.write_text(
        "from dissmodel.executor import ModelExecutor\n"
        "class Mine(ModelExecutor):\n"
        "    name = 'mine'\n"
        "    def load(self, record): return None\n"
        "    def validate(self, record): pass\n"
        "    def run(self, data, record): return data\n"
        "    def save(self, result, record):\n"
        f"        {writes}\n"
        "        return record\n"
    )
    suffix = {"geopandas": ".geojson", "xarray": ".nc"}[library]
    words = [sys.executable, "-m", "dissmodel", "run", model, "-i", coast, "-o", small_disk / f"r{suffix}"]

    said = subprocess.run(words, capture_output=True, text=True, check=False)

    assert 5 == said.returncode, said.stderr
    assert "the disk is full" in said.stderr


@pytest.mark.slow
def test_a_sweep_that_fills_the_disk_goes_on_where_there_is_room(small_disk, tmp_path):
    write_growing(tmp_path)
    filler = small_disk / "filler"
    filler.write_bytes(bytes(4 * MIB - 200_000))
    words = ["sweep", "growing.py", "-i", "in.tif", "-o", small_disk / "out", "--vary", "status=1:20:1"]
    command = [sys.executable, "-m", "dissmodel", *words, "--cluster", "here", "--json"]

    full = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert 5 == full.returncode
    error = json.loads(full.stdout)["error"]
    assert "disk is full" in error["message"] or "No space left" in error["message"]
    assert "the same command then goes on" in error["hint"]
    made = len([*small_disk.glob("out/runs/*/result.record.json")])
    assert 0 < made < 20
    filler.unlink()
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert (20 - made, 20) == tuple(json.loads(done.stdout)[name] for name in ("began", "completed"))
