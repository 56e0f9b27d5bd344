import pytest

import dissmodel
from support.sweeps import write_growing


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty folder, which is the current one, with an input and a model."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    for name in ("CONFIG", "DATA", "CACHE"):
        monkeypatch.setenv(f"DISSMODEL_{name}", str(tmp_path / "user" / name.lower()))
    write_growing()
    return folder


@pytest.fixture
def sweep(here):
    """Return a function that runs a sweep of that model in this process; arguments are those of the sweep."""

    def run(output="out", **given):
        given = {"cluster": "here", "vary": {"rate": [0.1, 0.5]}, "parameters": {"end_time": 2}} | given
        return dissmodel.sweep("growing.py", input="in.tif", output=output, **given)

    return run
