"""`run --memory`: a raster in tiles, from the command line; `--resume` after a kill."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from affine import Affine

from dissmodel.io.raster import write_geotiff
from dissmodel.models.coastal.raster import CoastalRaster
from dissmodel.registry.classes import ExecutorRegistry
from support.files import document, names

SLOW = """
import time
from dissmodel.cells import CellModel, Classes

class Slow(CellModel):
    name = "slow_spread"
    wet = Classes({0: "dry", 1: "wet"})

    def step(self, cells, now):
        time.sleep(0.15 if len(self.wet) > 5000 else 0)
        self.next.wet[cells.neighbors(self.wet == 1).any() & (cells.random() < 0.3)] = 1
"""


def _write(name, side, seed=3, **options):
    wet = (np.random.default_rng(seed).random((side, side)) < 0.02).astype(np.uint8)
    write_geotiff(
        name,
        {"wet": wet.__getitem__},
        shape=wet.shape,
        dtype="uint8",
        nodata=255,
        transform=Affine(30, 0, 600_000, 0, -30, 9_700_000),
        crs="EPSG:31984",
        **options,
    )


def test_a_run_in_tiles_is_recorded_and_reproduced(dissmodel, make_coast):
    ExecutorRegistry.register(CoastalRaster)
    make_coast.main(["--rows", "30", "--cols", "20", "--seed", "4", "--output", "coast.tif"])
    words = ("run", "coastal_raster", "-i", "coast.tif", "-p", "end_time=5", "-q")

    assert 0 == dissmodel(*words, "-o", "memory.tif").code
    assert 0 == dissmodel(*words, "-o", "tiles.tif", "--memory", "16GB").code
    assert 0 == dissmodel("reproduce", "tiles.record.json", "-q").code

    whole, cut = document("memory.record.json"), document("tiles.record.json")
    assert Path("memory.tif").read_bytes() == Path("tiles.tif").read_bytes()
    assert whole["step_metrics"] == cut["step_metrics"]
    assert "tiles" not in whole
    assert {"memory": 16 * 10**9, "tiles": 1, "rows": 30, "steps": 5} == cut["tiles"]
    again = next(name for name in names() if "repro-" in name and name.endswith(".record.json"))
    assert cut["tiles"] == document(again)["tiles"]
    assert not [name for name in os.listdir() if name.startswith(".")]  # noqa: PTH208  (names() leaves them out)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--memory", "much"), "memory='much': this is no size of a memory."),
        (("--memory", "40MB"), "--memory 40MB is too little"),
        (("--memory", "16GB", "-o", "all.nc"), "a file of all states (.nc) is written from memory"),
        (("--memory", "16GB", "--resume", "-o", "out.tif"), "no run to it finished a round"),
        (("--resume",), "Which run is to be resumed?"),
    ],
)
def test_what_can_t_be_run_in_tiles_says_so(dissmodel, words, said):
    Path("spread.py").write_text(SLOW)
    _write("in.tif", 20)

    found = dissmodel("run", "spread.py", "-i", "in.tif", "--seed", "1", *words)

    assert found.code in {2, 3}
    assert said in found.err


FAILS = """
from pathlib import Path
from dissmodel.cells import CellModel, Classes

class Fails(CellModel):
    name = "fails_once"
    wet = Classes({0: "dry", 1: "wet"})

    def step(self, cells, now):
        if now == 3 and len(self.wet) > 5000 and not Path("in_order").exists():
            raise ValueError("out of order")
        self.next.wet[cells.neighbors(self.wet == 1).any()] = 1
"""


def test_what_is_said_of_a_failed_run_resumes_it(dissmodel):
    Path("fails.py").write_text(FAILS)
    _write("in.tif", 72)
    words = ("run", "fails.py", "-i", "in.tif", "-p", "end_time=4", "-p", "every=1", "--memory", "16GB")

    failed = dissmodel(*words)
    output = re.search(r"the same command with (--output \S+ --resume) goes on", " ".join(failed.err.split()))
    refused = dissmodel(*words, *output[1].split(), "--seed", "7")
    Path("in_order").touch()
    resumed = dissmodel(*words, *output[1].split())

    assert "it is of another run (seed differ)" in refused.err
    assert "goes on" not in refused.err
    assert 0 == resumed.code
    assert 2 == document(output[1].split()[1].replace(".tif", ".record.json"))["tiles"]["resumed_after"]


def test_nothing_is_left_of_a_run_whose_input_changed(dissmodel):
    Path("fails.py").write_text(
        FAILS.replace('raise ValueError("out of order")', 'Path("in.tif").write_bytes(b"")')
    )
    _write("in.tif", 72)
    words = ("run", "fails.py", "-i", "in.tif", "-p", "end_time=4", "-p", "every=1", "--memory", "16GB")

    failed = dissmodel(*words, "-o", "out.tif")

    assert "in.tif" in failed.err
    assert "changed while the model ran" in failed.err
    assert "--resume" not in failed.err
    assert not Path(".out.tiles").exists()


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="processes are killed by a signal")
def test_a_killed_run_goes_on(dissmodel):
    Path("spread.py").write_text(SLOW)
    _write("in.tif", 100)
    words = ("run", "spread.py", "-i", "in.tif", "-p", "end_time=24", "-p", "every=3", "-q")
    command = [sys.executable, "-m", "dissmodel", *words, "-o", "out.tif", "--memory", "16GB"]

    journal, resumed = Path(".out.tiles/journal.json"), []
    for at_least in (3, 12):
        process = subprocess.Popen(command + ["--resume"] * bool(resumed))
        while process.poll() is None and (not journal.exists() or _step(journal) < at_least):
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
        resumed.append(_step(journal))
    done = subprocess.run([*command, "--resume"], check=False)

    assert 0 == done.returncode
    seed = document("out.record.json")["seed"]  # it was drawn, by the first of these runs
    assert 0 == dissmodel(*words, "-o", "whole.tif", "--seed", seed).code
    assert Path("whole.tif").read_bytes() == Path("out.tif").read_bytes()
    whole, found = document("whole.record.json"), document("out.record.json")
    kept = [name for name in whole["artifacts"] if name.startswith("step_")]
    assert 7 == len(kept)
    assert [whole["artifacts"][name] for name in kept] == [found["artifacts"][name] for name in kept]
    assert whole["step_metrics"] == found["step_metrics"]
    assert resumed[-1] == found["tiles"]["resumed_after"] >= 12
    assert 0 == dissmodel("record", "verify", "out.record.json").code
    assert not Path(".out.tiles").exists()


def _step(journal):
    try:
        return json.loads(json.loads(journal.read_text())["journal"])["step"]
    except (OSError, ValueError):
        return 0
