"""How often a run hashes and reads its files, counted in calls."""

from collections import Counter
from pathlib import Path

import pyogrio
import pytest

from dissmodel.record import digest


@pytest.fixture
def hashed(monkeypatch):
    """Return how often each file was hashed: the input, and files of results by their suffix."""
    found = Counter()

    def counting(path):
        if Path(path).suffix != ".py":
            found["input" if Path(path).stem == "grid" else Path(path).suffix] += 1
        return Path(path)

    monkeypatch.setattr(digest, "Path", counting)
    return found


@pytest.mark.parametrize("suffix", [".tif", ".gpkg"])
def test_an_input_is_hashed_before_and_after_and_a_result_once(dissmodel, make_coast, hashed, suffix):
    make_coast.main(["--rows", "20", "--cols", "30", "--output", f"grid{suffix}"])
    model = "flood_vector" if suffix == ".gpkg" else "flood_raster"

    assert 0 == dissmodel("run", model, "-i", f"grid{suffix}", "-o", f"r{suffix}", "-p", "end_time=2").code

    assert {"input": 2, suffix: 1, ".qml": 1} == hashed


def test_the_geometries_of_a_result_are_read_once(dissmodel, make_coast, monkeypatch):
    make_coast.main(["--rows", "20", "--cols", "30", "--output", "grid.gpkg"])
    read, own = [], pyogrio.raw.read

    def counting(path, **options):
        if options.get("read_geometry", True):
            read.append(Path(path).name)
        return own(path, **options)

    monkeypatch.setattr(pyogrio.raw, "read", counting)

    assert 0 == dissmodel("run", "flood_vector", "-i", "grid.gpkg", "-o", "r.gpkg", "-p", "end_time=2").code

    assert ["r.gpkg"] == read


DAMAGING = """
from dissmodel.cells import CellModel, Numbers

class Damaging(CellModel):
    name = "damaging"
    alt = Numbers()

    def step(self, cells, now):
        self.next.alt = self.alt + 1

    def save(self, result, record):
        record = super().save(result, record)
        with open(record.output_path, "r+b") as file:
            file.seek(-40_000, 2)  # as a disk that lost what it was given
            file.write(bytes(40_000))
        return record
"""


def test_a_result_that_is_damaged_where_it_is_read_once_fails_the_run(dissmodel, make_coast):
    make_coast.main(["--rows", "30", "--cols", "30", "--output", "grid.gpkg"])
    Path("damaging.py").write_text(DAMAGING)

    failed = dissmodel("run", "damaging.py", "-i", "grid.gpkg", "-o", "r.gpkg", "-p", "end_time=1")

    assert 0 != failed.code
    assert "The result r.gpkg can't be read" in " ".join(failed.err.split())
    assert not Path("r.gpkg").exists()
