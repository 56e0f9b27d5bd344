"""A model whose runs are quick, and fail where a sweep asks for that; an input for it."""

import json
from pathlib import Path

import numpy as np

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


def write_growing(folder="."):
    """Write the model, growing.py, and its input, in.tif, into a folder."""
    values = np.zeros((6, 7), np.float32)
    values[2, 3] = 1
    write_tiff(Path(folder, "in.tif"), [values], names=["built"])
    Path(folder, "growing.py").write_text(MODEL, encoding="utf-8")


def write_fire(folder):
    """Write a small forest with a fire in the middle, for the model fire_spread; return the file."""
    folder.mkdir(parents=True, exist_ok=True)
    fire = np.full((12, 14), 2, np.uint8)
    fire[6, 7] = 3
    bands = [fire, np.full_like(fire, 2), np.full_like(fire, 2), np.zeros_like(fire)]
    write_tiff(folder / "fire.tif", bands, names=["fire", "vegetation", "density", "elevation"])
    return folder / "fire.tif"


def in_this_process(monkeypatch):
    """Let the service check jobs and plans in this process, where the model is loaded already."""
    from dissmodel.service import examine, expand, foreign

    run = foreign.run
    known = {"dissmodel.service.expand": expand.expanded, "dissmodel.service.examine": examine.examined}

    def here(module, *words, given=""):
        if module in known:
            return json.dumps(known[module](json.loads(given)))
        return run(module, *words, given=given)

    monkeypatch.setattr(foreign, "run", here)
