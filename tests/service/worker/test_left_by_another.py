"""What an attempt that was killed left in the place hinders no other attempt, and spoils no result."""

from pathlib import Path

import pytest

from dissmodel import api


def test_files_of_other_bytes_without_a_record(house, tmp_path):
    job = house.submit()
    folder = Path(house.settings.place) / "experiments" / job
    folder.mkdir(parents=True)
    (folder / "output.bin").write_bytes(b"as an attempt left it that was killed")

    assert 0 == house.drain(), house.shown()
    assert "completed" == house.truth.outcome(job).status
    path = house.record(job)["files"]["output"]["path"]
    assert path.endswith("/output.bin")
    assert b"some bytes" == (folder / path).read_bytes()
    assert b"as an attempt left it that was killed" == (folder / "output.bin").read_bytes()
    assert house.record(job)["output_path"].endswith(f"{job}/{path}")
    pulled = api.pull(str(folder / "record.json"), to=tmp_path / "pulled")
    assert api.verify(pulled.experiments[0].record).ok


@pytest.mark.slow
def test_files_of_the_same_bytes_without_a_record(house):
    job = house.submit()
    folder = Path(house.settings.place) / "experiments" / job
    folder.mkdir(parents=True)
    (folder / "output.bin").write_bytes(b"some bytes")

    assert 0 == house.drain(), house.shown()
    assert "completed" == house.truth.outcome(job).status
    assert "output.bin" == house.record(job)["files"]["output"]["path"]
