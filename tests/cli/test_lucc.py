"""Land-use change from the command line: its page, published TOML, and files that are inputs."""

import json
from pathlib import Path

import pytest

from dissmodel.executor import ExecutorRegistry
from dissmodel.io import load_dataset
from support import page_inputs

DOCS = (Path(__file__).parents[2] / "docs" / "land_use.md").read_text(encoding="utf-8")


@pytest.fixture
def region(dissmodel):
    """Write region.toml as the page has it, region.gpkg and demand.csv into the current folder."""
    page_inputs.region()
    return dissmodel


def test_the_commands_of_the_page(region):
    for line in DOCS.splitlines():
        if line.startswith("$ dissmodel "):
            said = region(*line[2:].split()[1:])

            assert 0 == said.code, said.err

    record = json.loads(Path("after.record.json").read_text())
    assert ("lucc_continuous", [0, 1, 2]) == (record["model_name"], record["step_metrics"]["step"])
    (table,) = record["sources"]
    assert ("demand_csv", "parameter") == (table["name"], table["role"])
    (pixels, _), _ = load_dataset("after_raster.tif")
    assert {"forest", "farm_chtot", "water_pot", "road"} <= pixels.arrays.keys()


def test_tables_on_the_command_line(region):
    potential = [{"const": 0.1}, {"const": 0.9}, {}]
    said = region(
        *("run", "--toml", "region.toml", "-i", "region.gpkg", "-o", "out.gpkg"),
        *("-p", f"potential={json.dumps(potential)}", "-p", "maxDifference=1000", "--json"),
    )

    assert 0 == said.code, said.err
    record = json.loads(Path("out.record.json").read_text())
    assert potential == record["parameters"]["potential"]
    assert "command line" == record["parameter_origin"]["potential"]
    assert ("linear", 1000) == (
        record["parameters"]["potential_kind"],
        record["parameters"]["max_difference"],
    )


def test_scalars_of_a_plain_table_are_from_the_spec(region):
    text = Path("region.toml").read_text().replace("max_difference = 40.0", "")
    Path("region.toml").write_text(
        text + "\n[model.allocation]\nmax_difference = 40.0\nmax_iteration = 900\n"
    )

    assert 0 == region("run", "--toml", "region.toml", "-i", "region.gpkg", "-o", "out.gpkg").code

    record = json.loads(Path("out.record.json").read_text())
    assert (40.0, 900) == tuple(record["parameters"][name] for name in ("max_difference", "max_iteration"))
    assert "spec" == record["parameter_origin"]["max_iteration"]


def test_a_demand_that_is_not_met_writes_no_result(region):
    said = region(
        *("run", "--toml", "region.toml", "-i", "region.gpkg", "-o", "out.gpkg"),
        *("-p", "max_difference=0.01", "-p", "max_iteration=8"),
    )

    assert 1 == said.code
    assert "error: step 1: demand not met after 8 iterations; class" in said.err
    assert not Path("out.gpkg").exists()
    (path,) = Path().glob("out.*.record.json")
    record = json.loads(path.read_text())
    assert [0, 7] == record["step_metrics"]["iterations"]


def test_what_is_wrong_is_said_by_validate(region):
    said = region("validate", "--toml", "region.toml", "-i", "region.gpkg", "-p", "n_steps=9")

    assert 3 == said.code
    assert "n_steps = 9, but the demand has 3 rows" in said.out + said.err


def test_a_published_name_gives_way_to_a_package(dissmodel, monkeypatch):
    from dissmodel.models.lucc.continuous import LuccContinuous
    from dissmodel.registry import plugins

    known = {name: one for name, one in ExecutorRegistry._executors.items() if name != "lucc_vector"}
    monkeypatch.setattr(ExecutorRegistry, "_executors", known)
    assert LuccContinuous is plugins.find("lucc_vector").executor

    class Theirs(LuccContinuous):
        name = "lucc_vector"

    assert Theirs is plugins.find("lucc_vector").executor


def test_a_series_of_states_is_read_again(region):
    run = ("run", "--toml", "region.toml")
    series = region(*run, "-i", "region.gpkg", "-o", "series.nc", "-p", "n_steps=2")
    rest = region(*run, "-i", "series.nc", "-o", "rest.tif")
    whole = region(*run, "-i", "region.gpkg", "-o", "whole.tif")
    same = region("compare", "rest.tif", "whole.tif")

    assert ((0, ""), 0, 0) == ((series.code, series.err), rest.code, whole.code)
    assert 0 == same.code, same.out
