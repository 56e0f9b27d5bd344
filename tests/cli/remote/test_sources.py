"""Inputs beside the first one, of an experiment that was pushed to a bucket."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from cli.test_tables import CSV, MODEL
from dissmodel.io.raster import write_geotiff


@pytest.fixture
def pushed(dissmodel, s3):
    """Push a run with a table, with its inputs; return the URI of its record. The inputs are nowhere else."""
    Path("follow.py").write_text(MODEL)
    Path("demand.csv").write_text(CSV)
    write_geotiff("town.tif", {"built": np.zeros((4, 5)).__getitem__}, shape=(4, 5), dtype="float64")
    ran = dissmodel(
        "run", "follow.py", "-i", "town.tif", "-o", "a.tif", "-p", "demand=demand.csv", "-p", "end_time=2"
    )
    assert 0 == ran.code, ran.err
    said = dissmodel("push", "a.record.json", "--to", s3.uri, "--with-input", "--json")
    assert 0 == said.code, said.err
    for name in ("town.tif", "demand.csv", "a.tif", "a.record.json"):
        Path(name).unlink()
    return said.json["experiments"][0]["uri"]


@pytest.mark.slow
def test_it_is_verified_reproduced_and_pulled(dissmodel, pushed, s3):
    shown = dissmodel("record", "show", pushed, "--json").json["record"]
    verified = dissmodel("record", "verify", pushed, "--json")
    again = dissmodel("reproduce", pushed, "--model", "follow.py", "--json")
    pulled = dissmodel("pull", pushed, "--to", "here", "--with-input")

    place = hashlib.sha256(CSV.encode()).hexdigest()
    assert f"s3://dissmodel-inputs/{place}/demand.csv" == shown["sources"][0]["uri"]
    assert (0, "ok") == (verified.code, verified.verdicts["input demand"])
    assert (0, "identical-file") == (again.code, again.json["verdict"]), again.err
    assert "s3" == again.json["record"]["sources"][0]["type"]
    assert 0 == pulled.code, pulled.err
    assert [CSV] == [path.read_text() for path in Path("here").glob("*/inputs/demand/demand.csv")]

    s3.put(s3.inputs / place / "demand.csv", b"year,built\n2001,6\n")
    changed = dissmodel("record", "verify", pushed, "--json")
    assert (4, "differs") == (changed.code, changed.verdicts["input demand"])
    refused = dissmodel("reproduce", pushed, "--model", "follow.py", "--check")
    assert (4, True) == (refused.code, "is not the recorded input demand" in refused.err)
    s3.put(s3.inputs / place / "demand.csv", CSV.encode())  # other tests push it, too


@pytest.mark.slow
def test_a_record_may_not_name_a_file_of_this_machine(dissmodel, pushed, s3):
    """A record in a bucket is only text."""
    Path("secret.csv").write_text(CSV)
    folder = pushed.removeprefix(f"{s3.uri}/").removesuffix("/record.json")
    record = json.loads((s3.folder / folder / "record.json").read_text())
    record["sources"][0]["uri"] = str(Path("secret.csv").absolute())
    s3.put(s3.folder / folder / "record.json", json.dumps(record).encode())

    pulled = dissmodel("pull", pushed, "--to", "here", "--with-input")

    assert 0 != pulled.code
    assert [] == list(Path("here").glob("*/inputs/*"))
