"""Programs that load foreign code print, fail and last no more than the service can bear."""

import subprocess
import sys

import pytest

from dissmodel.errors import StorageError
from dissmodel.service import foreign


def test_what_a_program_prints_is_bounded(monkeypatch):
    assert "Beautiful is better than ugly." in foreign.run("this")
    monkeypatch.setattr(foreign, "_MOST_BYTES", 100)
    with pytest.raises(StorageError) as error:
        foreign.run("this")
    assert foreign.OUTPUT_TOO_LARGE == error.value.code


def test_what_a_library_prints_is_no_part_of_the_answer():
    code = """
import os
from dissmodel.service.child import own_output
with own_output() as answer:
    os.write(1, b"of a library")
    print("of a model")
    answer.write("1")
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ("1", "of a libraryof a model\n") == (ran.stdout, ran.stderr)


def test_a_program_that_fails_or_waits_for_ever(monkeypatch):
    with pytest.raises(StorageError) as error:
        foreign.run("json.tool", given="{")
    assert ("process_failed", 1) == (error.value.code, error.value.__cause__.returncode)
    assert '{\n    "a": 1\n}\n' == foreign.run("json.tool", given='{"a": 1}')
    monkeypatch.setattr(foreign, "_PATIENCE_S", 0)
    with pytest.raises(StorageError, match="TimeoutExpired"):
        foreign.run("http.server", "0")
