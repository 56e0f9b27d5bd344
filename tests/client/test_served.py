"""Commands against ``dissmodel serve`` as a process: the same results as here, through kills and Ctrl-C."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import make_coast
import numpy as np
import pytest
from affine import Affine

from dissmodel.geo import RasterBackend
from dissmodel.io.raster import save_geotiff
from support import echo
from support.serving import serve, until

pytestmark = pytest.mark.slow
KEY = "planted-KEY-0123456789"


@pytest.fixture
def environ(tmp_path, here):
    (tmp_path / "packages").mkdir()
    packages = str(echo.install(tmp_path / "packages"))
    return {**os.environ, "PYTHONPATH": packages, "DISSMODEL_SERVICE_LEASE": "2"}


def start(environ, *words):
    command = [sys.executable, "-m", "dissmodel", *words]
    return subprocess.Popen(
        command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8"
    )


def dissmodel(environ, *words, code=0):
    process = start(environ, *words)
    out, err = process.communicate(timeout=120)
    assert code == process.returncode, err
    return out, err


def digests(stem):
    files = json.loads(Path(f"{stem}.record.json").read_text())["files"]
    return {name: (one["sha256"], one["content_digest"]) for name, one in files.items()}


def raster(name, **bands):
    backend = RasterBackend((9, 9), transform=Affine(30, 0, 0, 0, -30, 0), crs="EPSG:31983")
    backend.arrays.update(bands)
    save_geotiff(backend, name)


def fire():
    """A forest that burns in its midst."""
    cells = np.full((9, 9), 2.0)
    cells[4, 4] = 3.0
    return cells


def test_the_same_experiment_here_and_there(environ):
    make_coast.main(["--rows", "20", "--cols", "30", "--output", "grid.zip"])
    make_coast.main(["--rows", "20", "--cols", "30", "--output", "cells.gpkg"])
    raster("fire.tif", fire=fire())
    raster("fuel.tif", vegetation=np.full((9, 9), 2.0), density=np.full((9, 9), 2.0))
    raster("dem.tif", slope=np.zeros((9, 9)), height=np.full((9, 9), 2.0))
    several = ("-i", "fire=fire.tif", "-i", "fuel.tif", "-i", "elevation=dem.tif:height")
    cases = {
        "fire.tif": ("fire_spread", *several, "-p", "end_time=2", "--seed", "1"),
        "raster.tif": ("coastal_raster", "-i", "grid.zip", "-p", "end_time=3"),
        "cells.out.gpkg": ("coastal_vector", "-i", "cells.gpkg", "-p", "end_time=2"),
        "cells.geojson": ("coastal_vector", "-i", "cells.gpkg", "-p", "end_time=2"),
    }
    with serve({**environ, "API_KEYS": KEY}) as (_, url, log):
        there = {**environ, "DISSMODEL_API_KEY": KEY, "DISSMODEL_SERVER": url}
        for name, words in cases.items():
            path = Path(name)
            dissmodel(environ, "run", *words, "-o", f"here-{name}")
            out, err = dissmodel(there, "submit", *words, "-o", f"there-{name}", "--wait")
            assert [f"there-{name}", f"{Path(f'there-{name}').stem}.record.json"] == out.split()
            assert "" == err
            stems = [path.with_name(f"{place}-{name}").stem for place in ("here", "there")]
            assert digests(stems[0]) == digests(stems[1]), name
            left = [sorted(one.name[len(stem) :] for one in Path().glob(f"{stem}.*")) for stem in stems]
            assert left[0] == left[1]
            dissmodel(environ, "record", "verify", f"{stems[1]}.record.json")
            dissmodel(environ, "reproduce", f"{stems[1]}.record.json", "--check")
        listed = json.loads(dissmodel(there, "jobs", "list", "--json")[0])["jobs"]
        assert ["completed"] * 4 == [one["status"] for one in listed]
        _, err = dissmodel({**environ, "DISSMODEL_SERVER": url}, "jobs", "list", code=2)
        assert "needs an API key" in err
        wrong = {**there, "DISSMODEL_API_KEY": "wrong-KEY-0123456789"}
        assert "wrong-KEY" not in dissmodel(wrong, "jobs", "list", code=2)[1]
    assert KEY not in "".join(log)
    assert KEY not in "".join(path.read_text() for path in Path().glob("*.json"))


def test_a_model_that_fails_ends_as_it_does_here(environ):
    words = ("echo", "-i", "grid.tif", "-p", "do=fail")
    with serve(environ) as (_, url, _log):
        environ["DISSMODEL_SERVER"] = url
        here = dissmodel(environ, "run", *words, "-o", "here.bin", code=1)[1]
        there = dissmodel(environ, "submit", *words, "-o", "there.bin", "--wait", code=1)[1]
        wrong = ("-o", "x.bin", "-p", "pause=x", "--wait")
        dissmodel(environ, "submit", "echo", "-i", "grid.tif", *wrong, code=2)

    def told(err):
        return re.sub(r"(here|there)|[0-9a-f]{8}", "", err[err.index("error: ") :]).splitlines()

    assert told(here) == told(there)
    failed = [json.loads(path.read_text()) for path in sorted(Path().glob("*here.*.record.json"))]
    assert ["failed", "failed"] == [one["status"] for one in failed]
    assert failed[0]["error"]["message"] == failed[1]["error"]["message"]


def test_a_server_that_is_killed_and_started_again_is_waited_for(environ):
    with serve(environ) as (first, url, _):
        environ["DISSMODEL_SERVER"] = url
        words = ["submit", "echo", "-i", "grid.tif", "-p", "pause=4", "-o", "r.bin", "--wait"]
        waiting = start(environ, *words)
        until(lambda: running(environ))
        first.kill()
        first.wait()
        time.sleep(3)
        assert waiting.poll() is None
    with serve(environ, port=int(url.rpartition(":")[2])):
        _, err = waiting.communicate(timeout=120)
    assert 0 == waiting.returncode, err
    assert 1 == err.count("warning: "), err
    assert "the job goes on" in err
    assert Path("grid.tif").read_bytes() == Path("r.bin").read_bytes()


def running(environ):
    said = json.loads(dissmodel(environ, "jobs", "list", "--json")[0])
    return any(one["status"] == "running" for one in said["jobs"])


def test_ctrl_c_leaves_the_job_and_says_how_to_get_at_it(environ):
    with serve(environ) as (_, url, _log):
        environ["DISSMODEL_SERVER"] = url
        words = ["submit", "echo", "-i", "grid.tif", "-p", "pause=4", "-o", "r.bin", "--wait"]
        waiting = start(environ, *words)
        until(lambda: running(environ))
        waiting.send_signal(signal.SIGINT)
        _, err = waiting.communicate(timeout=30)
        assert 130 == waiting.returncode
        assert not Path("r.bin").exists()
        command = re.search(r"dissmodel (jobs wait .*? --output r\.bin)", err)
        dissmodel(environ, *command[1].split())
        assert Path("grid.tif").read_bytes() == Path("r.bin").read_bytes()

        job = dissmodel(environ, "submit", "echo", "-i", "grid.tif", "-p", "pause=60")[0].strip()
        until(lambda: running(environ))
        _, err = dissmodel(environ, "jobs", "wait", job[:8], "--timeout", "0.5", code=1)
        assert "has not ended within 0.5 s" in err
        dissmodel(environ, "jobs", "cancel", job[:8])
        _, err = dissmodel(environ, "jobs", "wait", job[:8], code=1)
        assert f"The job {job} is cancelled" in err
        assert "the model says hello" in dissmodel(environ, "jobs", "log", job[:8])[0]
