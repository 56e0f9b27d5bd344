"""A folder with an input, and nobody's settings."""

import os
from pathlib import Path

import pytest

from dissmodel.client import waiting
from support.fake_service import GRID


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """An empty folder but for ``grid.tif``; no settings and no key of whoever runs the tests."""
    for name in list(os.environ):
        if name.startswith(("DISSMODEL_", "MINIO_", "AWS_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    for name in ("CONFIG", "DATA", "CACHE"):
        monkeypatch.setenv(f"DISSMODEL_{name}", str(tmp_path / "user" / name.lower()))
    monkeypatch.setattr(waiting, "_FIRST_S", 0.01)
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    Path("grid.tif").write_bytes(GRID)
    return folder
