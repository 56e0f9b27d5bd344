"""The Python API in an empty folder, with a coast to run on."""

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from support.own_code import own_code

ROOT = Path(__file__).resolve().parents[2]

__all__ = ["own_code"]


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """An empty folder, which is the current one, and a user without settings."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    for name in ("CONFIG", "DATA", "CACHE"):
        monkeypatch.setenv(f"DISSMODEL_{name}", str(tmp_path / "user" / name.lower()))
    monkeypatch.delenv("DISSMODEL_REGISTRY", raising=False)
    return folder


@pytest.fixture(scope="session")
def make_coast():
    spec = spec_from_file_location("make_coast_api", ROOT / "examples" / "coast" / "make_coast.py")
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def coast(here, make_coast):
    """``grid.zip`` in the current folder."""
    make_coast.main(["--rows", "40", "--cols", "60", "--output", "grid.zip"])
    return Path("grid.zip")
