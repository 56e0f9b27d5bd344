"""Wrong parameters, models, TOML files and commands."""

import os
import sys
from pathlib import Path

import pytest

RUN = ("run", "coastal_raster", "-i", "grid.tif", "-o", "r.tif")


@pytest.fixture
def parameter_refused(refused, grid):
    """Refuse `--param` values, before anything is written."""

    def run(*values):
        grid()
        return refused(*RUN, *[word for value in values for word in ("--param", value)], code=2)

    return run


@pytest.fixture
def toml_refused(refused, grid, spec):
    """Refuse a TOML, before anything is written."""

    def run(text, *words, code=3, phase=None):
        grid()
        return refused(*RUN, "--toml", spec(text), *words, code=code, phase=phase)

    return run


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("end_time=2.5", "end_time = 2.5 (command line): input should be a valid integer"),
        ("end_time=ten", "end_time = 'ten' (command line): this is text, not a number"),
        ('end_time="10"', "end_time = '10' (command line): this is text, not a number"),
        ("end_time=", "end_time = '' (command line): this is text"),
        ("end_time=true", "end_time = True (command line): this is a truth value, not a number"),
        ("end_time=0", "end_time = 0 (command line): input should be greater than or equal to 1"),
        ("end_time=-3", "end_time = -3 (command line)"),
        ("end_time=nan", "end_time = nan (command line): input should be a finite number"),
        ("end_time=1e400", "end_time = inf (command line): input should be a finite number"),
        ("end_time=[1, 2]", "end_time = [1, 2] (command line): input should be a valid integer"),
        (
            "sea_level_rise_rate=nan",
            "sea_level_rise_rate = nan (command line): input should be a finite number",
        ),
        ("taxa_elevacao=NaN", "taxa_elevacao = nan (command line)"),
        ("sea_level_rise_rate=inf", "sea_level_rise_rate = inf (command line)"),
        (
            "sea_level_rise_rate=-0.1",
            "should be greater than or equal to 0; it takes: number ≥ 0, finite m/step.",
        ),
        ("sea_level_rise_rate=0,5", "sea_level_rise_rate = '0,5' (command line): this is text"),
        ("sea_level_rise_rate={a = 1}", "sea_level_rise_rate = {'a': 1} (command line)"),
        ("tide_height=-inf", "tide_height = -inf (command line)"),
        ("tide_height='6'", "tide_height = '6' (command line)"),
        ("accretion_enabled=2", "accretion_enabled = 2 (command line): input should be a valid boolean"),
        ("accretion_enabled=maybe", "accretion_enabled = 'maybe' (command line)"),
        ("resolution=0", "resolution = 0 (command line): input should be greater than 0"),
        ("resolution=nan", "resolution = nan (command line)"),
        ("crs=EPSG:99999", "crs = 'EPSG:99999' (command line): this is not a coordinate reference system"),
        ("crs=31983", "crs = 31983 (command line): input should be a valid string"),
        ("crs=", "crs = '' (command line)"),
    ],
)
def test_a_value_out_of_bounds(parameter_refused, value, says):
    said = parameter_refused(value)

    assert says in said.message
    assert "; it takes: " in said.message
    assert "dissmodel show" in said.hint


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        ("sea_level_rise_rate=0,5", "sea_level_rise_rate=0.5?"),
        ("taxa_elevacao=0,5", "taxa_elevacao=0.5?"),
        ("tide_height=10,5", "tide_height=10.5?"),
        ("tide_height=,5", "tide_height=0.5?"),
        ("tide_height=1.000,5", "tide_height=1000.5?"),
        ("tide_height=1,000.5", "tide_height=1000.5?"),
        ("tide_height=1,000", "tide_height=1000 or --param tide_height=1.000?"),
        ("tide_height=1 000,5", "tide_height=1000.5?"),
        ("tide_height=5%", "tide_height=0.05 or --param tide_height=5?"),
        ("tide_height=10 m", "tide_height=10?"),
        ("tide_height=1,5m", "tide_height=1.5?"),
        ("tide_height='6'", "tide_height=6?"),
        ("tide_height=“6”", "tide_height=6?"),
        ("end_time=10 years", "end_time=10?"),
        ('end_time="10"', "end_time=10?"),
        ("end_time=10,0", "end_time=10.0?"),
    ],
)
def test_a_number_in_another_spelling_is_told_as_it_has_to_be_typed(
    parameter_refused, dissmodel, value, meant
):
    said = parameter_refused(value)

    assert f"Did you mean --param {meant} See them all: dissmodel show coastal_raster" == said.hint
    right = said.hint.split("?")[0].split()[-1]
    assert 0 == dissmodel("show", "coastal_raster", "-p", right).code


@pytest.mark.parametrize(
    "value", ["end_time=10,5", "sea_level_rise_rate=-0,5", "end_time=ten", "tide_height=1,2,3"]
)
def test_what_would_be_wrong_too_is_not_meant(parameter_refused, value):
    assert "See them all: dissmodel show coastal_raster" == parameter_refused(value).hint


@pytest.mark.parametrize("value", [".5", "1e2", "007", "+3"])
def test_a_number_that_is_understood(dissmodel, value):
    assert 0 == dissmodel("show", "coastal_raster", "-p", f"tide_height={value}").code


@pytest.mark.parametrize("value", ["True", "true", "yes", "on", "1", '"true"'])
def test_a_truth_value_that_is_understood(dissmodel, value):
    said = dissmodel("show", "coastal_raster", "-p", f"accretion_enabled={value}", "--json")

    (row,) = (one for one in said.json["parameters"] if one["name"] == "accretion_enabled")
    assert row["value"] is True


def test_several_wrong_numbers_are_meant_each(parameter_refused):
    said = parameter_refused("tide_height=1,5", "taxa_elevacao=0,5")

    assert "Did you mean --param taxa_elevacao=0.5?" in said.hint
    assert "Did you mean --param tide_height=1.5?" in said.hint
    assert 1 == said.hint.count("See them all")


def test_a_number_in_a_toml_in_another_spelling(toml_refused):
    said = toml_refused("[model]\n[model.parameters]\ntaxa_elevacao = '0,5'\n", code=2)

    assert "taxa_elevacao = '0,5' (spec): this is text" in said.message
    see = "See them all: dissmodel show coastal_raster --toml m.toml"
    assert f"Did you mean taxa_elevacao = 0.5? {see}" == said.hint


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (("compare", "a.tif", "b.tif", "--rtol", "0,5"), "--rtol 0.5"),
        (("run", "coastal_raster", "-i", "a.tif", "--threads", "2,0"), ""),
        (("run", "coastal_raster", "-i", "a.tif", "--threads", "1 000"), "--threads 1000"),
        (("env", "prune", "--unused-for", "30 days"), "--unused-for 30"),
    ],
)
def test_an_option_that_takes_a_number(refused, words, meant):
    hint = refused(*words, code=2).hint

    assert hint.startswith(f"Did you mean {meant}? See what it takes: " if meant else "See what it takes: ")


TABLES = """
from pydantic import BaseModel
class Rules(BaseModel):
    transition: dict[str, dict[str, float]] = {}
    years: list[int] = []
"""


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ("transition={forest = {farm = 0.5}}", {"forest": {"farm": 0.5}}),
        ('transition={"forest": {"farm": 0.5}}', {"forest": {"farm": 0.5}}),
        ('transition = {\n "forest": {\n  "farm": 0.5\n }\n}', {"forest": {"farm": 0.5}}),
        ("transition={}", {}),
        ("years=[2000, 2010]", [2000, 2010]),
    ],
)
def test_a_table_or_a_list_on_the_command_line(dissmodel, executor_file, value, read):
    model = executor_file(head=TABLES, cls="Parameters = Rules")
    Path("data").write_bytes(b"1")

    said = dissmodel("run", model, "-i", "data", "-o", "r.bin", "-p", value, "--json")

    assert 0 == said.code, said.out
    assert read == said.json["record"]["parameters"][value.partition("=")[0].strip()]


@pytest.mark.parametrize(
    ("value", "says", "hint"),
    [
        ("transition={forest = {farm = 'x'}}", "in 'forest.farm': input should be a valid number", ""),
        ("transition={forest = 1}", "in 'forest': input should be a valid dictionary", ""),
        ("transition={forest: 1}", "it takes: table of table of number.", "A list is typed as [1, 2]"),
        ("transition=[1]", "transition = [1] (command line): input should be a valid dictionary", ""),
        ("years=[2000", "years = '[2000' (command line)", "A list is typed as [1, 2]"),
        ('transition={"a": {}, "a": {}}', "The key 'a' is given twice in one table.", "Give each key once."),
        ("transition=" + '{"a":' * 1900 + "1" + "}" * 400, "", ""),
        ("transition=" + '{"a":' * 1600 + "1" + "}" * 1600, "", ""),
    ],
)
def test_a_table_that_is_wrong(refused, executor_file, value, says, hint):
    model = executor_file(head=TABLES, cls="Parameters = Rules")
    Path("data").write_bytes(b"1")

    said = refused("run", model, "-i", "data", "-o", "r.bin", "-p", value, code=2)

    assert says in said.message
    assert hint in said.hint


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        ("end_tme=3", "Did you mean 'end_time'?"),
        ("Sea_Level_Rise_Rate=1", "Did you mean 'sea_level_rise_rate'?"),
        ("taxa_elevaçao=1", "Did you mean 'taxa_elevacao'?"),
        ("depth=3", "Known: accretion_enabled, "),
    ],
)
def test_an_unknown_parameter(parameter_refused, toml_refused, value, hint):
    name, _, given = value.partition("=")

    typed = parameter_refused(value)
    written = toml_refused(f'[model]\n[model.parameters]\n"{name}" = {given}\n', code=2)
    loose = toml_refused(f'[model]\n"{name}" = {given}\n', code=2)

    assert f"--param: the model has no parameter '{name}'." == typed.message
    assert f"m.toml: the model has no parameter '{name}'." == written.message == loose.message
    for said in (typed, written, loose):
        assert said.hint.startswith(hint)


@pytest.mark.parametrize(
    ("values", "message", "hint"),
    [
        (["end_time"], "--param 'end_time': there is no =.", "--param end_time=VALUE"),
        ([""], "--param '': there is no =.", "--param NAME=VALUE"),
        (["=3"], "--param '=3': there is no name.", "--param NAME=VALUE"),
        (["end_time=2", "end_time=3"], "--param end_time is given twice, with 2 and 3.", "Give one."),
        (
            ["taxa_elevacao=0.1", "sea_level_rise_rate=0.2"],
            "--param: taxa_elevacao = 0.1 and sea_level_rise_rate = 0.2 are the same parameter.",
            "Give only sea_level_rise_rate.",
        ),
    ],
)
def test_a_parameter_that_is_not_said_once(parameter_refused, values, message, hint):
    said = parameter_refused(*values)

    assert (message, hint) == (said.message, said.hint)


@pytest.mark.parametrize("value", ["end_time=" + "9" * 11_000, "x" * 11_000 + "=1", "x" * 11_000])
def test_a_value_that_is_too_long(parameter_refused, value):
    assert "this has 1" in parameter_refused(value).message


@pytest.mark.parametrize("value", ["end_time=" + "9" * 9000, "end_time=" + "[" * 9000, "x" * 9000 + "=1"])
def test_a_long_value_is_not_repeated_whole(parameter_refused, value):
    parameter_refused(value)


def test_a_name_with_escape_sequences_does_not_reach_the_terminal(dissmodel, grid):
    said = dissmodel(*RUN, "-i", grid(), "-p", "\x1b[2Jend\nerror: time=3")
    other = dissmodel("run", "coastal_raster", "-i", "\x1b[2J\r.tif")

    assert (2, 3) == (said.code, other.code)
    assert "\x1b" not in said.err + other.err
    assert "\r" not in other.err
    assert 1 == said.err.count("\nerror: ") + said.err.startswith("error: ")


# Models


@pytest.mark.parametrize(
    ("model", "hint"),
    [
        ("costal_raster", "Did you mean 'coastal_raster'?"),
        ("coastal-raster", "Did you mean 'coastal_raster'?"),
        ("builtin/coastal_rster", "Did you mean 'coastal_raster'?"),
        ("other/coastal_raster", ""),
        ("", ""),
        ("/etc/passwd", ""),
    ],
)
def test_an_unknown_model(refused, grid, model, hint):
    said = refused("run", model, "-i", grid(), "-o", "r.tif", code=2)

    assert f"There is no model {model!r}." == said.message
    assert hint in said.hint
    assert "dissmodel show" in said.hint


@pytest.mark.parametrize("name", ["none.py", "no/folder/none.py", "folder.py", "none.py:model", ".py"])
def test_a_python_file_that_is_not_there(refused, grid, name):
    Path("folder.py").mkdir()

    said = refused("run", name, "-i", grid(), "-o", "r.bin", code=2)

    assert f"{name.partition(':')[0]}: there is no such file." == said.message


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"def f(:\n", "bad.py, line 1 can't be loaded: SyntaxError: invalid syntax"),
        (b"x = 1\n", "bad.py defines no executor."),
        (b"raise ValueError('boom\\nagain')\n", "bad.py can't be loaded: ValueError: boom"),
        (b"import nowhere_at_all\n", "No module named 'nowhere_at_all'"),
        (b"raise SystemExit(0)\n", "bad.py can't be loaded: SystemExit"),
        (b"\x00\xff", "source code string cannot contain null bytes"),
        (b"", "bad.py defines no executor."),
    ],
)
def test_a_python_file_that_is_no_model(refused, grid, text, says):
    Path("bad.py").write_bytes(text)

    said = refused("run", "./bad.py", "-i", grid(), "-o", "r.bin", code=2)

    assert says in said.message


# TOML files


@pytest.mark.parametrize(
    ("text", "says", "hint"),
    [
        ("", "there is no [model] section", "[model]"),
        (b"\xff\xfe\x00", "is not text in UTF-8", "UTF-8"),
        ("[model\n", "this is not valid TOML: Expected ']'", "Fix it there"),
        ("[model]\nname = coastal\n", "this is not valid TOML", "quotes"),
        ("[model]\nname = 'a'\nname = 'b'\n", "this is not valid TOML", "Fix it there"),
        ("[model]\nx = " + "[" * 50_000, "nested too deeply", "[model]"),
        ("[mdoel]\nname = 'coastal_raster'\n", "there is no [model] section", "Rename [mdoel] to [model]."),
        ("[Model]\nname = 'coastal_raster'\n", "there is no [model] section", "Rename [Model] to [model]."),
        ("[[model]]\nname = 'coastal_raster'\n", "model must be one section", "[model]"),
        ("model = 3\n", "model must be one section", "[model]"),
        ("[model]\n[model.paramters]\n", "no section [model.paramters]", "Did you mean [model.parameters]?"),
        ("[model]\n[model.band]\n", "no section [model.band]", "Did you mean [model.bands]?"),
        (
            "[model]\n[parameters]\nend_time = 3\n",
            "no section [parameters]",
            "Did you mean [model.parameters]?",
        ),
        ("[model]\nparameters = 3\n", "parameters has to be a table, not 3", "Write [model.parameters]"),
        ("[model]\nbands = ['uso']\n", "bands has to be a table, not ['uso']", "Write [model.bands]"),
        (
            "[model]\n[model.bands]\nuso = 1\n",
            "uso in [model.bands] has to be a name in the data",
            'uso = "..."',
        ),
        ("[model]\nname = 3\n", "name in [model] has to be text, not 3", 'name = "..."'),
        ("[model]\ndissmodel = '>=9'\n", "needs dissmodel >=9", "Install"),
        ("[model]\ndissmodel = 'new'\n", "dissmodel = 'new' is not a version range", "leave it out"),
    ],
)
def test_a_wrong_toml(toml_refused, text, says, hint):
    said = toml_refused(text)

    assert said.message.startswith("m.toml")
    assert says in said.message
    assert hint in said.hint


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("end_time = 2.5", "end_time = 2.5 (spec)"),
        ("sea_level_rise_rate = nan", "sea_level_rise_rate = nan (spec)"),
        ("tide_height = 2020-01-01", "tide_height = datetime.date(2020, 1, 1) (spec)"),
        ("sea_level_rise_rate = 1\ntaxa_elevacao = 2", "are the same parameter"),
    ],
)
def test_a_wrong_parameter_in_a_toml(toml_refused, text, says):
    assert says in toml_refused(f"[model]\n[model.parameters]\n{text}\n", code=2).message


def test_a_map_in_a_toml_that_leads_nowhere(toml_refused):
    nowhere = toml_refused("[model]\n[model.bands]\nuso = 'landuse'\n", phase="load")
    misspelt = toml_refused("[model]\n[model.bands]\nusso = 'uso'\n", code=2, phase="validate")

    assert "There is no band 'landuse'" in nowhere.message
    assert "The band map says usso=uso, but the model reads no band 'usso'." == misspelt.message


def test_a_toml_for_another_model(toml_refused):
    said = toml_refused("[model]\nclass = 'other'\n", code=2)

    assert "m.toml is for the model 'other', not 'coastal_raster'." == said.message


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("end_time = 1", "m.toml names no model."),
        ("class = 'costal_raster'", "There is no model 'costal_raster'."),
        ("class = 'nowhere'\nexecutor_module = 'nowhere.at.all'", "needs the module nowhere.at.all"),
        ("class = 'nowhere'\nexecutor_module = '..up'", "needs the module ..up"),
        ("class = 'nowhere'\nexecutor_module = ''", "no model 'nowhere'"),
    ],
)
def test_a_toml_alone_that_leads_to_no_model(refused, grid, spec, text, says):
    said = refused("run", "-i", grid(), "-o", "r.tif", "--toml", spec(f"[model]\n{text}\n"), code=2)

    assert says in said.message


def test_a_toml_that_is_too_large(refused, grid):
    with Path("big.toml").open("wb") as file:
        file.truncate(50 << 20)

    said = refused(*RUN[:2], "-i", grid(), "--toml", "big.toml", code=3)

    assert "big.toml: a spec may have at most 1 MiB; this file is larger." == said.message


@pytest.mark.parametrize(
    "name", ["none.toml", "folder.toml", "grid.tif/m.toml", "x" * 300, "loop.toml", "grid.tif"]
)
def test_a_toml_that_is_no_file_of_text(refused, grid, name):
    Path("folder.toml").mkdir()
    Path("loop.toml").symlink_to("loop.toml")
    grid()

    assert name in refused(*RUN, "--toml", name, code=3).message


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has none of these")
@pytest.mark.parametrize("name", ["pipe.toml", "/dev/zero", "folder.toml"])
def test_a_toml_that_is_no_regular_file(refused, grid, name):
    # Nobody writes to the pipe: who opens it waits for ever.
    os.mkfifo("pipe.toml")
    Path("folder.toml").mkdir()
    grid()

    assert f"{name}: this is " in refused(*RUN, "--toml", name, code=3).message


@pytest.mark.skipif(not Path("/dev/fd").is_dir(), reason="a shell has <(…) only where this is")
def test_a_toml_that_a_shell_hands_over(dissmodel, grid):
    reading, writing = os.pipe()
    with os.fdopen(reading), os.fdopen(writing, "w") as stream:
        stream.write("[model]\n[model.parameters]\nend_time = 2\n")
        stream.close()

        assert 0 == dissmodel("run", "coastal_raster", "-i", grid(), "--toml", f"/dev/fd/{reading}").code


# The command itself


@pytest.mark.parametrize(
    ("words", "says", "hint"),
    [
        (["rnu"], "No such command 'rnu'. Did you mean 'run'?", "dissmodel --help"),
        (["record", "shwo", "x"], "No such command 'shwo'.", "dissmodel record --help"),
        (["--bogus"], "No such option: --bogus.", "dissmodel --help"),
        (["run", "--inptu", "x"], "No such option: --inptu", "dissmodel run --help"),
        (["run", "coastal_raster", "--input"], "Option '--input' requires an argument.", "--help"),
        (["run", "coastal_raster", "twice", "-i", "grid.tif"], "twice", "dissmodel run --help"),
        (["run", "coastal_raster"], "Which input?", "--input FILE"),
        (["run", "-i", "grid.tif"], "Which model?", "dissmodel show"),
        (
            ["run", "coastal_raster", "-i", "grid.tif", "--format", "netcdf"],
            "'netcdf' is not one of",
            "--help",
        ),
        (["run", "coastal_raster", "-i", "grid.tif", "--seed", "-1"], "--seed -1: ", "--seed 1"),
        (["run", "coastal_raster", "-i", "grid.tif", "--seed", "1.5"], "--seed 1.5: ", "--seed 1"),
        (["run", "coastal_raster", "-i", "grid.tif", "--seed", "x"], "--seed x: ", "--seed 1"),
        (["record", "show"], "FILE", "dissmodel record show --help"),
        (["record", "verify"], "FILE", "dissmodel record verify --help"),
    ],
)
def test_a_wrong_command(refused, grid, words, says, hint):
    grid()

    typed = refused(*words, code=2)
    as_json = refused(*words, "--json", code=2) if words[-1] != "--input" else typed

    assert (typed.message, typed.hint) == (as_json.message, as_json.hint)
    assert says in typed.message
    assert hint in typed.hint
    assert "Value error" not in typed.message


@pytest.mark.parametrize("words", [[], ["record"]])
def test_a_command_that_is_not_finished_shows_the_help(dissmodel, words):
    said = dissmodel(*words)

    assert 2 == said.code
    assert "Example: dissmodel" in said.out + said.err
    assert "error: " not in said.err


@pytest.mark.parametrize(
    "name", ["none.record.json", "grid.tif", "folder", "list.record.json", "empty.record.json"]
)
def test_a_record_that_is_none(refused, grid, name):
    Path("folder").mkdir()
    Path("list.record.json").write_text("[1]")
    Path("empty.record.json").touch()
    grid()

    said = refused("record", "show", name, code=3)

    assert said.message.startswith(f"{name}: ")


def test_errors_as_json_have_a_stable_code(dissmodel, grid, spec):
    grid()
    codes = {
        "usage": [*RUN, "--bogus"],
        "unknown_model": ["run", "costal_raster", "-i", "grid.tif"],
        "unknown_parameter": [*RUN, "-p", "end=3"],
        "parameter": [*RUN, "-p", "end_time=0"],
        "spec_section": [*RUN, "-t", spec("[mdoel]\n")],
        "input_missing": ["run", "coastal_raster", "-i", "none.tif"],
        "output_suffix": ["run", "coastal_raster", "-i", "grid.tif", "-o", "r.png"],
    }

    assert [*codes] == [dissmodel(*words, "--json").json["error"]["code"] for words in codes.values()]
