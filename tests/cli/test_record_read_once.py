"""A command reads a record from the disk once."""

import os
import sys
from pathlib import Path

import pytest

RECORD = "result.record.json"
_opened = None


def _note(event, arguments):
    """Note the files that this process opens; an audit hook stays for good, so it does nothing by default."""
    if _opened is not None and event == "open" and isinstance(arguments[0], str | os.PathLike):
        _opened.append(Path(arguments[0]).name)


sys.addaudithook(_note)


@pytest.fixture
def opened(monkeypatch):
    """The names of the files that are opened from now on."""
    names = []
    monkeypatch.setattr(sys.modules[__name__], "_opened", names)
    return names


@pytest.mark.parametrize(
    "words",
    [
        ("record", "verify", RECORD),
        ("record", "show", RECORD),
        ("record", "show", RECORD, "--json"),
        ("record", "diff", RECORD, "other.record.json"),
        ("record", "show", "result.bin"),
        ("record", "list", "--verify"),
        ("push", RECORD, "--to", "shared"),
        ("record", "bundle", RECORD, "-o", "b.zip"),
    ],
    ids=" ".join,
)
def test_a_record_is_opened_once(dissmodel, executor_file, prepared, opened, words):
    def two_runs():
        Path("grid.bin").write_bytes(b"grid")
        model = executor_file()
        for name in ("result", "other"):
            assert 0 == dissmodel("run", model, "-i", "grid.bin", "-o", f"{name}.bin", "-q").code

    prepared(two_runs)
    opened.clear()

    said = dissmodel(*words)

    assert 0 == said.code, said.err
    assert 1 == opened.count(RECORD)
