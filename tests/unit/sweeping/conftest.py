import numpy as np
import pytest

import dissmodel
from support.rasters import write_tiff

MODEL = """\
import os
import signal
import time
from dissmodel.cells import CellModel, Classes, Parameter


class Growing(CellModel):
    '''Built cells grow; it can fail, too.'''

    name = "growing"
    built = Classes({0: "open", 1: "built"})
    rate: float = Parameter(0.5, ge=0, le=1, description="How likely a cell becomes built")
    how: str = Parameter("well", description="What happens")
    status: int = Parameter(0, description="Has the name of a column of the table")
    wait: float = Parameter(0.0, ge=0, description="Seconds of a step")

    def step(self, cells, now):
        time.sleep(self.wait)
        if self.how.startswith("fail"):
            raise ValueError(self.how)
        if self.how == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.how == "still":
            return
        self.next.built[cells.random() < self.rate] = 1

    def measure(self, cells):
        return {"share": cells.mean(self.built), "status": self.status}
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty folder, which is the current one, with an input and a model."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    for name in ("CONFIG", "DATA", "CACHE"):
        monkeypatch.setenv(f"DISSMODEL_{name}", str(tmp_path / "user" / name.lower()))
    values = np.zeros((6, 7), np.float32)
    values[2, 3] = 1
    write_tiff("in.tif", [values], names=["built"])
    (folder / "growing.py").write_text(MODEL)
    return folder


@pytest.fixture
def sweep(here):
    """Return a function that runs a sweep of that model in this process; arguments are those of the sweep."""

    def run(output="out", **given):
        given = {"cluster": "here", "vary": {"rate": [0.1, 0.5]}, "parameters": {"end_time": 2}} | given
        return dissmodel.sweep("growing.py", input="in.tif", output=output, **given)

    return run
