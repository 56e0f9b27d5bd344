"""A table as a parameter: its file is an input of the run, wherever it was named."""

import json
from hashlib import sha256
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from affine import Affine

import dissmodel as dm
from dissmodel.io import load_dataset
from dissmodel.io.raster import write_geotiff

MODEL = '''\
from dissmodel.cells import CellModel, CellSpace, Classes, Table


class Follow(CellModel):
    """Built land follows a demand."""

    name = "follow"
    built = Classes({0: "open", 1: "built"})
    demand: Table = Table(columns={"year": int, "built": float}, unit="cells", ge=0, key="year")

    def step(self, cells: CellSpace, now: int) -> None:
        self.next.built[: int(self.demand.at(2000 + now, "built"))] = 1
'''
CSV = "year,built\n2001,5\n2002,8\n"
RUN = ["run", "follow.py", "--input", "town.tif", "--output", "after.tif"]


@pytest.fixture
def town(dissmodel):
    """Write the model, a map of open land and demand.csv, in the current folder."""
    Path("follow.py").write_text(MODEL)
    Path("demand.csv").write_text(CSV)
    write_geotiff(
        "town.tif",
        {"built": np.zeros((4, 5)).__getitem__},
        shape=(4, 5),
        dtype="float64",
        nodata=-9999.0,
        transform=Affine(30, 0, 600_000, 0, -30, 9_700_000),
        crs="EPSG:31984",
    )
    return dissmodel


def record_of(name="after"):
    return json.loads(Path(f"{name}.record.json").read_text())


def built(name="after.tif"):
    return int(load_dataset(name)[0][0].get("built").sum())


def test_a_file_on_the_command_line(town):
    said = town(*RUN, "--param", "demand=demand.csv", "--param", "end_time=2")

    assert 0 == said.code, said.err
    assert 8 == built()
    record = record_of()
    (other,) = record["sources"]
    assert "demand.csv" == record["parameters"]["demand"]
    assert "command line" == record["parameter_origin"]["demand"]
    assert ("parameter", "demand", str(Path("demand.csv").absolute())) == (
        other["role"],
        other["name"],
        other["uri"],
    )
    assert (sha256(CSV.encode()).hexdigest(), len(CSV)) == (other["checksum"], other["size"])


def test_a_file_in_a_toml_is_beside_it(town):
    Path("spec").mkdir()
    Path("demand.csv").rename("spec/demand.csv")
    Path("spec/model.toml").write_text(
        '[model]\nname = "follow"\n[model.parameters]\ndemand = "demand.csv"\nend_time = 2\n'
    )

    said = town(*RUN, "--toml", "spec/model.toml")

    assert 0 == said.code, said.err
    assert 8 == built()
    assert "demand.csv" == record_of()["parameters"]["demand"]
    assert str(Path("spec/demand.csv").absolute()) == record_of()["sources"][0]["uri"]


def test_rows_in_a_toml_and_in_python(town):
    Path("model.toml").write_text(
        '[model]\nname = "follow"\nend_time = 2\n[[model.demand]]\nyear = 2001\nbuilt = 5\n'
        "[[model.demand]]\nyear = 2002\nbuilt = 8\n"
    )
    assert 0 == town(*RUN, "--toml", "model.toml").code
    assert "sources" not in record_of()

    frame = pd.DataFrame({"year": [2001, 2002], "built": [5, 8]})
    given = {"demand": frame, "end_time": 2}
    of_frame = dm.run("follow.py", input="town.tif", output="b.tif", parameters=given)
    of_path = dm.run(
        "follow.py", input="town.tif", output="c.tif", parameters=given | {"demand": Path("demand.csv")}
    )

    assert [8, 8, 8] == [built(name) for name in ("after.tif", "b.tif", "c.tif")]
    assert {"year": [2001, 2002], "built": [5, 8]} == of_frame.record.parameters["demand"]
    assert "demand.csv" == of_path.record.parameters["demand"]
    assert ["demand"] == [one.name for one in of_path.record.sources]


def test_a_table_that_changes_while_the_model_runs(town):
    change = "        open('demand.csv', 'a').write('2003,9\\n')\n"
    Path("follow.py").write_text(MODEL + change)

    said = town(*RUN, "--param", "demand=demand.csv", "--param", "end_time=1")

    assert 1 == said.code
    assert "demand.csv changed while the model ran" in said.err
    (left,) = Path().glob("after.*.record.json")
    assert ("tainted", "tainted") == (
        json.loads(left.read_text())["status"],
        json.loads(left.read_text())["error"]["code"],
    )


def test_the_output_is_not_the_table(town):
    assert 2 == town(*RUN[:-1], "demand.csv", "--param", "demand=demand.csv", "--overwrite").code
    assert CSV == Path("demand.csv").read_text()


@pytest.mark.parametrize(
    ("given", "code", "says"),
    [
        ([], 2, "demand is missing"),
        (["--param", "demand=none.csv"], 2, "there is no such file"),
        (["--param", "demand=town.tif"], 2, "this is not"),
        (["--param", "demand=s3://b/demand.csv"], 2, "this is a URL"),
        (["--param", "demand=demand.csv", "--param", "end_time=3"], 3, "has no row with year = 2003"),
    ],
)
def test_wrong_tables(town, given, code, says):
    said = town(*RUN, *given)

    assert (code, True) == (said.code, says in said.err), said.err
    assert not Path("after.tif").exists()


def test_validate_and_show_know_the_table(town):
    assert "demand is missing" in town("validate", "follow.py", "--input", "town.tif").out
    assert 0 == town("validate", "follow.py", "--input", "town.tif", "--param", "demand=demand.csv").code
    shown = town("show", "follow.py")

    assert 0 == shown.code
    assert "table of year (key integer), built (number ≥ 0 cells)" in shown.out
    assert "required" in shown.out
