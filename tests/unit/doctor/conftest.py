"""One check at a time, on a machine without settings of its own."""

import functools
import sys

import pytest

from dissmodel.doctor.report import TimedCheck, findings_of
from support.machine import forget_settings


@pytest.fixture(autouse=True)
def machine(monkeypatch, tmp_path):
    """Nothing of this machine's own settings; no index."""
    forget_settings(monkeypatch, tmp_path)


@pytest.fixture
def look():
    """Return what one check finds, as (severity, message, hint)."""

    def run(function, subject="it", patience=30.0, **given):
        check = TimedCheck(subject, functools.partial(function, **given), patience)
        return [(one.severity, one.message, one.hint) for one in findings_of([check])]

    return run


@pytest.fixture
def on_path(tmp_path, monkeypatch):
    """Write modules that the processes which probe find before the installed ones."""

    def write(**modules):
        for name, source in modules.items():
            (tmp_path / "first").mkdir(exist_ok=True)
            (tmp_path / "first" / f"{name}.py").write_text(source, encoding="utf-8")
        monkeypatch.setenv("PYTHONPATH", str(tmp_path / "first"))
        return tmp_path / "first"

    return write


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Put a program of one's own before all others."""

    def write(name, source):
        path = tmp_path / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!{sys.executable}\nimport sys, time\n{source}\n", encoding="utf-8")
        path.chmod(0o755)
        monkeypatch.setenv("PATH", str(path.parent))

    return write
