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


@pytest.fixture
def ran(town):
    """A run with demand.csv, which completed."""
    assert 0 == town(*RUN, "--param", "demand=demand.csv", "--param", "end_time=2").code
    return town


def verdict(dissmodel, *words):
    said = dissmodel(*words)
    return said.code, said.out.partition(":")[0]


REPRODUCE = ["reproduce", "after.record.json", "--model", "follow.py", "--check"]


def test_it_is_verified_and_shown(ran):
    assert "demand.csv" in ran("record", "show", "after.record.json").out
    said = ran("record", "verify", "after.record.json", "--json")
    assert (0, "ok") == (said.code, said.verdicts["input demand"])

    Path("demand.csv").write_text(CSV.replace("5", "6"))
    said = ran("record", "verify", "after.record.json", "--json")
    assert (4, "differs", "ok") == (said.code, said.verdicts["input demand"], said.verdicts["input"])

    Path("demand.csv").unlink()
    assert "not checked" == ran("record", "verify", "after.record.json", "--json").verdicts["input demand"]


def test_a_run_with_it_is_reproduced(ran):
    assert (0, "identical-file") == verdict(ran, *REPRODUCE)

    Path("tables").mkdir()
    Path("demand.csv").rename("tables/moved.csv")
    gone = ran(*REPRODUCE)
    assert (3, True) == (gone.code, "give it: --input demand=FILE" in gone.err), gone.err
    assert (0, "identical-file") == verdict(ran, *REPRODUCE, "--input", "demand=tables/moved.csv")

    Path("other.csv").write_text(CSV.replace("5", "6"))
    other = ran(*REPRODUCE, "--input", "demand=other.csv")
    assert (4, True) == (other.code, "is not the recorded input demand" in other.err)
    unknown = ran(*REPRODUCE, "--input", "demnad=tables/moved.csv")
    assert (2, True) == (unknown.code, "Did you mean 'demand'?" in unknown.err)
    two = ran(*REPRODUCE, "--input", "town.tif", "--input", "tables/moved.csv")
    assert (2, True) == (two.code, "--input NAME=FILE" in two.err)


def test_a_record_of_another_machine_finds_it_beside_itself(ran):
    record = record_of()
    record["sources"][0]["uri"] = "/home/ana/demand.csv"
    Path("after.record.json").write_text(json.dumps(record))

    assert (0, "identical-file") == verdict(ran, *REPRODUCE)
    assert 0 == ran("record", "verify", "after.record.json").code


def test_the_name_in_the_parameters_is_not_what_is_read(ran):
    """A record is only text: nothing but an input of the recorded bytes is read."""
    record = record_of()
    record["parameters"]["demand"] = "/etc/hostname"
    Path("a.record.json").write_text(json.dumps(record))
    del record["sources"]
    Path("b.record.json").write_text(json.dumps(record))

    read = ran("reproduce", "a.record.json", *REPRODUCE[2:])
    refused = ran("reproduce", "b.record.json", *REPRODUCE[2:])

    assert 0 == read.code, read.err
    assert (2, True) == (refused.code, "a record can't name a file of this machine" in refused.err)


def test_a_bundle_has_it(ran):
    bundled = ran("record", "bundle", "after.record.json", "--output", "a.zip", "--json")
    assert {"input/town.tif", "input/demand/demand.csv"} <= set(bundled.json["files"])
    for name in ("demand.csv", "town.tif"):
        Path(name).unlink()

    assert 0 == ran("record", "verify", "a.zip").code
    again = ran("reproduce", "a.zip", "--model", "follow.py", "--json")

    assert "identical-file" == again.json["verdict"], again.err
    assert "demand.csv" == again.json["record"]["parameters"]["demand"]
    assert again.json["record"]["sources"][0]["uri"].endswith("a.zip/input/demand/demand.csv")


def test_a_bundle_without_it_says_what_is_missing(ran):
    assert 0 == ran("record", "bundle", "after.record.json", "-o", "a.zip", "--no-input").code

    said = ran("reproduce", "a.zip", *REPRODUCE[2:], "--input", "town.tif", "--input", "demand=demand.csv")

    assert 0 == said.code, said.err


@pytest.mark.slow
def test_a_moved_table_is_bundled(ran):
    Path("demand.csv").rename("moved.csv")
    bundle = ["record", "bundle", "after.record.json", "-o", "a.zip"]

    assert 3 == ran(*bundle).code
    assert 0 == ran(*bundle, "-i", "demand=moved.csv").code


def test_it_is_pushed_and_pulled(ran):
    assert 0 == ran("push", "after.record.json", "--to", "place", "--with-input").code
    pushed = ran("push", "after.record.json", "--to", "place", "--with-input", "--json")
    assert {"there"} == {one["state"] for one in pushed.json["experiments"][0]["objects"]}
    for name in ("demand.csv", "town.tif"):
        Path(name).unlink()

    pulled = ran("pull", "place", "--to", "here", "--with-input", "--json")

    record = Path(pulled.json["experiments"][0]["record_path"])
    assert "inputs/demand/demand.csv" == json.loads(record.read_text())["sources"][0]["uri"]
    assert 0 == ran("record", "verify", record).code
    assert (0, "identical-file") == verdict(ran, "reproduce", record, *REPRODUCE[2:])


def test_a_record_that_names_a_file_outside_its_folder(ran):
    record = record_of()
    record["sources"][0]["name"] = "../../etc"
    Path("after.record.json").write_text(json.dumps(record))

    said = ran("record", "bundle", "after.record.json", "-o", "a.zip")

    assert said.code not in {0, 70}
    assert not Path("a.zip").exists()


def test_two_inputs_of_one_name_are_no_record(ran):
    record = record_of()
    record["sources"] *= 2
    Path("after.record.json").write_text(json.dumps(record))

    said = ran("record", "show", "after.record.json")

    assert (3, True) == (said.code, "two inputs have one name" in said.err)


@pytest.mark.slow
def test_the_spec_that_repeats_the_run_names_the_file(ran):
    Path("again").mkdir()
    Path("again/model.toml").write_text(ran("record", "show", "after.record.json", "--toml").out)

    said = ran("run", "follow.py", "-i", "town.tif", "-o", "b.tif", "--toml", "again/model.toml")

    assert 0 == said.code, said.err
    assert Path("after.tif").read_bytes() == Path("b.tif").read_bytes()


@pytest.mark.slow
def test_what_differs_between_two_runs(ran):
    Path("demand.csv").write_text(CSV.replace("5", "6"))
    assert 0 == ran(*RUN[:-1], "b.tif", "--param", "demand=demand.csv", "--param", "end_time=2").code

    assert "sha256 of demand" in ran("record", "diff", "after.record.json", "b.record.json").out
