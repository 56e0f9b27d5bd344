"""What every command does when its output has no place to go."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = [sys.executable, "-m", "dissmodel"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is always full")
@pytest.mark.parametrize("words", [["show"], ["show", "--json"]])
def test_a_full_standard_output_is_told_in_one_line(words):
    # Unbuffered, each line would fail as it is written, and not the last ones only at the end.
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*COMMAND, *words], stdout=full, stderr=subprocess.PIPE, env=buffered, text=True, check=False
        )

    assert (5, 1) == (done.returncode, len(done.stderr.splitlines()))
    assert "No space left" in done.stderr


def test_a_reader_that_has_seen_enough_is_no_error():
    with subprocess.Popen([*COMMAND, "show"], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        running.stdout.close()
        said = running.stderr.read()

    assert b"" == said


def test_which_model_is_asked_first(dissmodel):
    assert "Which model?" in dissmodel("run").err
    assert "Which input?" in dissmodel("run", "coastal_raster").err
