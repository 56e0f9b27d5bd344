"""Progress is for a terminal, and stays away from everything else."""

import re
import subprocess
import sys

import pytest

from support.terminal import error_on_a_terminal

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals")

COMMAND = [sys.executable, "-m", "dissmodel", "run", "coastal_raster", "-i", "grid.zip", "-p", "end_time=5"]


@pytest.fixture
def folder(tmp_path, make_coast):
    make_coast.write(make_coast.make_coast(300, 400), tmp_path / "grid.zip", "tiff")
    return tmp_path


def on_a_terminal(folder, *words):
    return error_on_a_terminal([*COMMAND, *words], cwd=folder)


def test_a_terminal_sees_the_phase_the_step_and_the_rate(folder):
    out, seen = on_a_terminal(folder, "-o", "r.tif")

    assert "r.tif\nr.record.json\n" == out
    assert re.search(r"coastal_raster completed in \d+\.\d\d s", seen)
    assert "running" in seen
    assert "5/5" in seen
    assert "cells/s" in seen
    assert re.search(r"running .* \d:\d\d:\d\d", seen)  # the time left
    for phase in ("loading", "saving"):
        assert re.search(rf"{phase} .*\d+/\d+ MB", seen), phase


def test_quiet_is_quiet_on_a_terminal_too(folder):
    assert ("r.tif\nr.record.json\n", "") == on_a_terminal(folder, "-o", "r.tif", "-q")


@pytest.mark.slow
def test_verbose_leaves_a_line_per_phase(folder):
    _, seen = on_a_terminal(folder, "-o", "r.tif", "-v")

    assert ["checking", "loading", "running", "saving", "finishing"] == re.findall(
        r"(\w+): \d+\.\d\d s", seen
    )


def test_a_pipe_sees_nothing(folder):
    done = subprocess.run([*COMMAND, "-o", "r.tif"], cwd=folder, capture_output=True, text=True, check=True)

    assert ("r.tif\nr.record.json\n", "") == (done.stdout, done.stderr)
