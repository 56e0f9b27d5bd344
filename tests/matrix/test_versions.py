"""What other versions of the libraries write and read has one content digest.

Each version has an environment of its own, which uv downloads once: `.ci/slow versions` runs them.
"""

import json
import subprocess
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from uv import find_uv_bin

from dissmodel.io.content import content_digest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SECONDS = 900

pytestmark = pytest.mark.slow

RASTERIO = [
    ("3.11", "rasterio==1.3.9", "numpy<2"),
    ("3.11", "rasterio==1.3.11", "numpy<2"),
    ("3.11", "rasterio==1.4.0"),
    ("3.11", "rasterio==1.4.4"),
    ("3.12", "rasterio==1.5.0"),
]
FEATURES = [
    ("3.11", "pyogrio==0.7.2", "numpy<2"),
    ("3.11", "pyogrio==0.10.0"),
    ("3.12", "pyogrio==0.13.0"),
    ("3.11", "fiona==1.9.6", "numpy<2"),
    ("3.11", "fiona==1.10.1", "numpy"),
]
# dissmodel itself, with an older and a newer GDAL below rasterio.
READERS = [
    ("3.11", "rasterio==1.4.4", "pyogrio==0.13.0"),
    ("3.12", "rasterio==1.5.0", "pyogrio==0.13.0"),
]
READ = """
import json, sys
from pathlib import Path
import pyogrio, rasterio
from dissmodel.io.content import content_digest
print(f"rasterio=={rasterio.__version__} pyogrio=={pyogrio.__version__}")
print(json.dumps([content_digest(Path(path)).digest for path in sys.argv[1:]]))
"""


def run_with(packages, *words, build=False):
    """Run Python with these versions; return the lines that it prints."""
    version, *wanted = packages
    command = [find_uv_bin(), "run", "--quiet", "--no-project", "--isolated", "--python", version]
    command += [] if build else ["--no-build"]
    command += [part for package in wanted for part in ("--with", package)]
    command += ["--with-editable", str(ROOT)] if build else []
    done = subprocess.run(
        [*command, "python", *map(str, words)], capture_output=True, text=True, check=False, timeout=SECONDS
    )
    assert 0 == done.returncode, done.stderr
    return done.stdout.splitlines()


def written(packages, folder, arrays):
    """Let a version write `arrays` in all its ways; return the files."""
    name = packages[1].partition("==")[0]
    np.savez(folder / "arrays.npz", **arrays)
    script = HERE / "writers" / ("geotiff.py" if name == "rasterio" else "features.py")
    version, *paths = run_with(packages, script, folder / "arrays.npz", folder, name)

    assert packages[1] == version
    return [folder / path for path in paths]


@pytest.mark.parametrize("packages", RASTERIO, ids=lambda packages: packages[1])
def test_rasters_that_another_version_wrote(tmp_path, cells, cells_digest, packages):
    paths = written(packages, tmp_path, cells)

    assert {cells_digest: 65} == Counter(content_digest(path).digest for path in paths)


@pytest.mark.parametrize("packages", FEATURES, ids=lambda packages: packages[1])
def test_features_that_another_version_wrote(tmp_path, features, features_digest, vacuum, packages):
    paths = written(packages, tmp_path, features)
    before = Counter(content_digest(path).digest for path in paths)
    for path in paths:
        vacuum(path)

    assert {features_digest: 3} == before == Counter(content_digest(path).digest for path in paths)


@pytest.mark.parametrize("packages", READERS, ids=lambda packages: packages[1])
def test_another_version_reads_the_same(tmp_path, cells, features, cells_digest, features_digest, packages):
    rasters = written(RASTERIO[3], tmp_path, cells)
    layers = written(FEATURES[1], tmp_path, features)
    versions, digests = run_with(packages, "-c", READ, *rasters, *layers, build=True)

    assert packages[1:] == tuple(versions.split())
    assert {cells_digest: 65, features_digest: 3} == Counter(json.loads(digests))
