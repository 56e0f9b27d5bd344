"""`--max-skips` ends a run of the tests as failed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = """
import pytest

def test_that_is_left(): pytest.skip("there is no disk")

@pytest.mark.skipif(True, reason="there is no tide")
def test_that_is_never_run(): pass
"""
WITHOUT_REASON = "\ndef test_that_says_nothing(): pytest.skip()\n"


def run_tests(folder, text, *words):
    (folder / "conftest.py").write_text("from support.skips import *\n", encoding="utf-8")
    (folder / "test_them.py").write_text(text, encoding="utf-8")
    path = f"pythonpath={Path(__file__).parents[1]}"
    words = ["-p", "no:cacheprovider", "-o", path, "--rootdir", folder, *words, folder]
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    command = [sys.executable, "-m", "pytest", *words]
    return subprocess.run(command, env=environ, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("workers", [0, 1])
def test_more_skips_than_the_budget(tmp_path, workers):
    within, beyond = (run_tests(tmp_path, TESTS, f"-n{workers}", f"--max-skips={n}") for n in (2, 1))

    assert (0, 1) == (within.returncode, beyond.returncode)
    assert "2 tests are skipped; --max-skips is 1" in beyond.stdout


def test_a_skip_without_a_reason(tmp_path):
    found = run_tests(tmp_path, TESTS + WITHOUT_REASON, "-n0", "--max-skips=9")

    assert 1 == found.returncode
    assert "test_them.py::test_that_says_nothing is skipped without a reason" in found.stdout


def test_without_a_budget_nothing_is_counted(tmp_path):
    assert 0 == run_tests(tmp_path, TESTS + WITHOUT_REASON, "-n0").returncode
