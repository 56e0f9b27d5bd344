"""`--max-skips` ends a run of the tests as failed."""

import os
import subprocess
import sys
from pathlib import Path

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
    words = ["-p", "xdist", "-p", "no:cacheprovider", "-o", path, "--rootdir", folder, *words, folder]
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    environ["PYTEST_DEBUG_TEMPROOT"] = str(folder)  # where it doesn't clear away what others left
    command = [sys.executable, "-m", "pytest", *words]
    return subprocess.run(command, env=environ, capture_output=True, text=True, check=False)


def test_skips_within_the_budget(tmp_path):
    assert 0 == run_tests(tmp_path, TESTS, "-n0", "--max-skips=2").returncode


def test_too_many_skips_and_one_without_a_reason(tmp_path):
    found = run_tests(tmp_path, TESTS + WITHOUT_REASON, "-n1", "--max-skips=2")

    assert 1 == found.returncode
    assert "3 tests are skipped; --max-skips is 2" in found.stdout
    assert "test_them.py::test_that_says_nothing is skipped without a reason" in found.stdout
