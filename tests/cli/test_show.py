"""`dissmodel show`: which models there are, and what one of them takes."""

import json
import re
import sys
from pathlib import Path

import pytest

EXECUTOR = """
from dissmodel.executor import ModelExecutor
class Plugged(ModelExecutor):
    '''A model from elsewhere.'''
    name = "{name}"
    substrate = "vector"
    def load(self, record): return 1
    def run(self, data, record): return data
    def save(self, result, record): return record
"""
NOT_OURS = """
class Plugged:
    name = "{name}"
    def validate(self, record): pass
    def load(self, record): pass
    def run(self, data, record): pass
    def save(self, result, record): pass
"""


@pytest.fixture
def installed(dissmodel, tmp_path, monkeypatch):
    """Install a distribution that is only metadata and a module, as an installer would leave it."""
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    before = set(sys.modules)

    def install(distribution, text, name):
        module = distribution.replace("-", "_")
        info = tmp_path / "site" / f"{module}-1.0.dist-info"
        info.mkdir(parents=True)
        (tmp_path / "site" / f"{module}.py").write_text(text.format(name=name))
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[dissmodel.executors]\n{name} = {module}:Plugged\n")

    yield install
    for name in set(sys.modules) - before:
        if name.startswith("plugged"):
            del sys.modules[name]


def columns(line):
    return [cell for cell in line.split("  ") if cell]


def rows(said):
    """Return the table of parameters: name → the cells after it."""
    table = [[cell.strip() for cell in columns(line)] for line in said.out.splitlines()]
    return {row[0]: row[1:] for row in table if len(row) == 7}


def test_the_list_says_name_substrate_source_and_one_line(dissmodel, installed):
    installed("plugged-one", EXECUTOR, "growth")

    said = dissmodel("show")
    as_json = dissmodel("show", "--json")

    assert (0, "", 0) == (said.code, said.err, as_json.code)
    lines = [[cell.strip() for cell in columns(line)] for line in said.out.splitlines()]
    assert ["model", "substrate", "source", "what it is"] == lines[0]
    assert ["growth", "vector", "plugged-one", "A model from elsewhere."] in lines
    (coastal,) = (line for line in lines if line[0] == "coastal_raster")
    assert ["raster", "builtin"] == coastal[1:3]
    found = {model["name"]: model for model in as_json.json["models"]}
    assert ("vector", "plugged-one") == (found["growth"]["substrate"], found["growth"]["source"])
    assert (1, []) == (as_json.json["schema_version"], as_json.json["problems"])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("raise RuntimeError('boom')", "RuntimeError: boom"),
        ("import sys; sys.exit(0)", "SystemExit"),
        ("import nowhere_to_be_found", "No module named 'nowhere_to_be_found'"),
        ("Plugged = 3", "is not an executor"),
        (NOT_OURS, "is not an executor"),
        (EXECUTOR.replace("{name}", "another"), "name of its executor is 'another'"),
    ],
)
def test_a_broken_plugin_is_a_warning_and_the_list_still_works(dissmodel, installed, text, says):
    installed("plugged-broken", text, "broken")

    said = dissmodel("show")
    as_json = dissmodel("show", "--json")
    itself = dissmodel("show", "broken")
    another = dissmodel("show", "coastal_raster")

    assert (0, 0, 2, 0) == (said.code, as_json.code, itself.code, another.code)
    assert re.search(r"^coastal_raster +raster ", said.out, re.MULTILINE)
    assert "broken" not in said.out
    assert said.err.startswith("warning: ")
    for told in (said.err, as_json.json["problems"][0], itself.err):
        assert says in told
    assert 1 == len(said.err.splitlines())


def test_what_a_plugin_prints_when_it_is_imported_is_no_result(dissmodel, installed):
    installed("plugged-loud", "print('hello from loud')\n" + EXECUTOR, "loud")

    said = dissmodel("show", "--json")

    assert "loud" in {model["name"] for model in said.json["models"]}
    assert "hello from loud\n" == said.err


def test_the_parameters_of_coastal_raster(dissmodel):
    said = dissmodel("show", "coastal_raster", "--param", "taxa_elevacao=0.5")

    assert (0, "") == (said.code, said.err)
    assert {
        "parameter": ["type", "unit", "bounds", "default", "value", "from"],
        "end_time": ["integer", "step", "≥ 1", "88", "88", "default"],
        "sea_level_rise_rate": ["number", "m/step", "≥ 0, finite", "0.011", "0.5", "command line"],
        "tide_height": ["number", "m", "finite", "6.0", "6.0", "default"],
        "accretion_enabled": ["true or false", "-", "-", "false", "false", "default"],
        "resolution": ["number or none", "m", "> 0, finite", "none", "none", "default"],
        "crs": ["text or none", "-", "-", "none", "none", "default"],
        "snapshots": ["list of integer or none", "step", "-", "none", "none", "default"],
        "every": ["integer or none", "step", "≥ 1", "none", "none", "default"],
    } == rows(said)
    for alias in ("taxa_elevacao", "altura_mare", "acrecao_ativa"):
        assert f"(also {alias})" in said.out


def test_every_value_knows_where_it_is_from(dissmodel):
    Path("m.toml").write_text(
        "[model]\nclass = 'coastal_raster'\ntide_height = 1\n"
        "[model.parameters]\nend_time = 20\nsea_level_rise_rate = 0.1\n"
    )

    said = dissmodel("show", "--toml", "m.toml", "--param", "end_time=30", "--json")

    found = {one["name"]: (one["value"], one["origin"]) for one in said.json["parameters"]}
    assert (30, "command line") == found["end_time"]
    assert (0.1, "spec") == found["sea_level_rise_rate"]
    assert (1.0, "spec") == found["tide_height"]
    assert (False, "default") == found["accretion_enabled"]
    assert ("coastal_raster", True) == (said.json["row"]["name"], said.json["declared"])


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["--param", "sea_level_rise=1"], 2, "Did you mean 'sea_level_rise_rate'"),
        (["--param", "end_time=0"], 2, "integer ≥ 1 step"),
        (["--param", "end_time=1.5"], 2, "end_time = 1.5 (command line)"),
        (["--param", "end_time=ten"], 2, "end_time = 'ten' (command line)"),
        (["--param", "sea_level_rise_rate=nan"], 2, "finite"),
        (["--param", "end_time"], 2, "--param end_time=VALUE"),
        (["--param", "end_time=1", "--param", "end_time=2"], 2, "given twice"),
        (["--param", "taxa_elevacao=1", "--param", "sea_level_rise_rate=2"], 2, "are the same parameter"),
        (["--toml", "misspelt.toml"], 2, "Did you mean 'end_time'"),
        (["--toml", "none.toml"], 3, "there is no such file"),
    ],
)
def test_a_wrong_parameter_is_refused_as_a_run_would(dissmodel, words, code, says):
    Path("misspelt.toml").write_text("[model]\nclass = 'coastal_raster'\n[model.parameters]\nendtime = 1\n")

    said = dissmodel("show", "coastal_raster", *words)
    as_json = dissmodel("show", "coastal_raster", *words, "--json")

    assert (code, "") == (said.code, said.out)
    assert says in said.err
    assert (code, "") == (as_json.code, as_json.err)
    assert {"code", "message", "hint"} == set(as_json.json["error"])


def test_an_unknown_model_has_a_nearest_name(dissmodel):
    said = dissmodel("show", "costal_raster")

    assert 2 == said.code
    assert "Did you mean 'coastal_raster'?" in said.err


def test_a_name_that_two_packages_offer_is_said_in_full(dissmodel, installed):
    installed("plugged-rival", EXECUTOR, "coastal_raster")

    listed = dissmodel("show")
    short = dissmodel("show", "coastal_raster")
    full = dissmodel("show", "builtin/coastal_raster")

    assert (0, 2, 0) == (listed.code, short.code, full.code)
    assert "builtin/coastal_raster, plugged-rival/coastal_raster" in short.err
    assert "end_time" in full.out
    assert 2 == sum(line.startswith("coastal_raster ") for line in listed.out.splitlines())


def test_a_file_shows_what_it_declares(dissmodel, executor_file):
    head = "from pydantic import BaseModel, Field\n"
    declares = (
        "Parameters = type('P', (BaseModel,), {'__annotations__': {'depth': float, 'kind': str}, "
        "'depth': Field(2.0, gt=0, description='How deep', json_schema_extra={'unit': 'm'}), 'kind': 'a'})"
    )

    said = dissmodel("show", executor_file(head=head, cls=declares), "-p", "depth=3")

    assert 0 == said.code
    assert "A model of one's own." in said.out
    assert ["number", "m", "> 0", "2.0", "3.0", "command line"] == rows(said)["depth"]
    assert "  depth: How deep\n" in said.out


def test_a_file_that_declares_nothing_takes_everything_with_a_warning(dissmodel, executor_file):
    said = dissmodel("show", executor_file(), "-p", "depth=3", "-p", "odd=nan")
    as_json = dissmodel("show", executor_file(), "-p", "odd=nan", "-p", "far=[inf]", "--json")

    assert 0 == said.code == as_json.code
    assert "The model declares no parameters" in said.out
    assert said.err.startswith("warning: ")
    assert "depth, odd" in said.err
    values = {one["name"]: one["value"] for one in as_json.json["parameters"]}
    assert {"odd": "NaN", "far": ["Infinity"]} == values
    assert json.loads(as_json.out, parse_constant=pytest.fail)


def test_a_print_at_the_top_of_a_file_is_no_result(dissmodel, executor_file):
    model = executor_file(head="print('top of the file')")
    Path("data.bin").write_bytes(b"x")

    shown = dissmodel("show", model, "--json")
    ran = dissmodel("run", model, "-i", "data.bin", "-o", "r.bin", "--json")

    assert ("mine", "completed") == (shown.json["row"]["name"], ran.json["record"]["status"])
    assert "top of the file\n" == shown.err == ran.err


def test_neither_model_nor_toml_that_names_one(dissmodel):
    Path("m.toml").write_text("[model]\nend_time = 1\n")

    said = dissmodel("show", "--toml", "m.toml")

    assert 2 == said.code
    assert "names no model" in said.err


def test_a_model_of_cells_says_which_bands_or_columns_it_needs(dissmodel):
    said = dissmodel("show", "fire_spread")

    lines = [[cell.strip() for cell in columns(line)] for line in said.out.splitlines()]
    assert ["fire", "one of 1 (no fuel), 2 (unburned), 3 (burning), 4 (burned)"] in lines
    assert ["elevation", "a finite number in m; does not change"] in lines
    fields = dissmodel("show", "fire_spread", "--json").json["input_fields"]
    assert ["fire", "vegetation", "density", "elevation"] == list(fields)


def test_the_fields_that_parameters_name_are_listed_with_their_codes(dissmodel):
    Path("m.toml").write_text(
        "[model]\nclass = 'lucc_discrete'\nland_use_types = ['f', 'd']\ncell_area = 1\nmax_difference = 1\n"
        "demand = [[2, 1], [1, 2]]\ntransition_matrix = [[[1, 1], [0, 1]]]\n"
        "potential = [{lu = 'f', const = 0.7, betas = {dist = 0.1}}, {lu = 'd', const = 0.1}]\n"
    )

    said = dissmodel("show", "--toml", "m.toml", "--json")

    assert 0 == said.code, said.err
    assert "one of 1 (f), 2 (d)" == said.json["input_fields"]["use"]
    assert "a finite number; does not change" == said.json["input_fields"]["dist"]
    assert {"f", "d", "use", "dist"} == said.json["input_fields"].keys()


def test_choices_of_a_parameter_are_told(dissmodel):
    found = {
        one["name"]: one["choices"] for one in dissmodel("show", "lucc_discrete", "--json").json["parameters"]
    }
    coast = {
        one["name"]: one["choices"]
        for one in dissmodel("show", "coastal_raster", "--json").json["parameters"]
    }

    assert ["order", "luccme"] == found["ties"]
    assert (["true", "false"], []) == (coast["accretion_enabled"], coast["end_time"])
