"""`run_cli`: a package's own command line, as packages for the public DisSModel 0.6 expect it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from dissmodel.executor.cli import run_cli
from dissmodel.executor.registry import ExecutorRegistry
from dissmodel.registry import plugins
from support.files import names

EXECUTORS = Path(__file__).parent / "executors"


@pytest.fixture
def flood():
    return plugins.find(str(EXECUTORS / "flood_raster.py")).executor


def the_id(folder="."):
    (record,) = Path(folder).glob("*.record.json")
    return json.loads(record.read_text())["experiment_id"][:8]


def test_the_id_is_in_the_output_s_name_and_the_times_lie_beside_it(flood, inputs):
    run_cli(flood, ["run", "--input", str(inputs / "grid.tif"), "--output", "out/r.tif", "-q"])

    tag = the_id("out")
    assert [f"profiling_{tag}.md", f"r_{tag}.record.json", f"r_{tag}.tif"] == names("out")
    table = [line.split("|")[1:-1] for line in Path(f"out/profiling_{tag}.md").read_text().splitlines()[4:]]
    record = json.loads(Path(f"out/r_{tag}.record.json").read_text())
    assert ["validate", "load", "run", "save", "total"] == [row[0].strip() for row in table[2:]]
    assert f"{record['metrics']['time_total_sec']:.3f}" == table[-1][1].strip()


@pytest.mark.parametrize("output", ["out/", "there"])
def test_a_folder_gets_a_name_of_model_and_id(flood, inputs, output):
    Path("there").mkdir()

    run_cli(flood, ["run", "-i", str(inputs / "grid.tif"), "-o", output, "-q"])

    tag = the_id(output)
    assert [f"flood_raster_{tag}.record.json", f"flood_raster_{tag}.tif", f"profiling_{tag}.md"] == names(
        output
    )


def test_a_name_may_be_kept(flood, inputs):
    words = ["run", "-i", str(inputs / "grid.tif"), "-o", "r.tif", "--preserve-output-name"]
    run_cli(flood, words)

    assert [f"profiling_{the_id()}.md", "r.record.json", "r.tif"] == names()
    with pytest.raises(SystemExit) as refused:
        run_cli(flood, words)
    assert 2 == refused.value.code


def test_the_class_that_was_given_runs_whatever_is_registered(flood, inputs):
    class Rival(flood):
        """A class of the same name."""

    assert Rival is ExecutorRegistry.get("flood_raster")
    run_cli(flood, ["run", "-i", str(inputs / "grid.tif"), "-o", "r.tif", "-q"])
    (record,) = Path().glob("*.record.json")
    assert flood.__module__ == json.loads(record.read_text())["code"]["module"]


def test_a_model_toml_that_is_there_is_read_and_said_so(flood, inputs, capsys):
    Path("model.toml").write_text(
        "[model]\nname = 'a'\nclass = 'flood_raster'\n[model.parameters]\nend_time = 2\n"
    )

    run_cli(flood, ["run", "-i", str(inputs / "grid.tif"), "-o", "r.tif", "--json", "-p", "x=1"])
    out, err = capsys.readouterr()

    record = json.loads(out)["record"]
    assert {"end_time": 2, "x": 1} == record["parameters"]
    assert {"end_time": "spec", "x": "command line"} == record["parameter_origin"]
    assert "flood_raster" == record["resolved_spec"]["model"]["class"]
    assert "reading ./model.toml\n" in err


def test_show(flood, capsys):
    run_cli(flood, ["show", "--param", "end_time=3"])

    assert "end_time" in capsys.readouterr().out
    run_cli(flood, ["show", "--param", "rate=nan", "--json"])
    assert "NaN" == json.loads(capsys.readouterr().out)["parameters"][0]["value"]


def test_validate(flood, inputs, capsys):
    with pytest.raises(SystemExit) as alone:
        run_cli(flood, ["validate"])
    with pytest.raises(SystemExit) as on_data:
        run_cli(flood, ["validate", "--input", str(inputs / "grid.tif")])
    out = capsys.readouterr().out

    assert (0, 0) == (alone.value.code or 0, on_data.value.code or 0)
    assert 2 == out.count("ok       flood_raster: keeps the executor contract (9 checks)\n")
    assert f"ok       {inputs / 'grid.tif'}: flood_raster runs on it\n" in out


def test_validate_says_what_is_broken(flood, inputs, capsys):
    class Old(flood):
        name = "old"

        def run(self, record):
            return record

    with pytest.raises(SystemExit) as broken:
        run_cli(Old, ["validate"])
    with pytest.raises(SystemExit) as unfit:
        run_cli(flood, ["validate", "-i", str(inputs / "grid.gpkg")])
    out = capsys.readouterr().out

    assert (1, 1) == (broken.value.code, unfit.value.code)
    assert "error    old: run takes 2 arguments: no, its signature is (self, record)\n" in out
    assert f"error    {inputs / 'grid.gpkg'}: flood_raster does not run on it.\n" in out


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["run"], 2),
        (["run", "--input", "none.tif"], 3),
        (["run", "--input", "a.tif", "--format", "png"], 2),
        (["run", "--input", "a.tif", "--param", "x"], 2),
        (["walk"], 2),
        (["--help"], 0),
        (["run", "-h"], 0),
    ],
)
def test_how_a_command_ends(flood, words, code):
    with pytest.raises(SystemExit) as ended:
        run_cli(flood, words)

    assert code == (ended.value.code or 0)
    assert [] == names()


def test_a_file_that_opens_its_own_command_line(inputs):
    said = subprocess.run(
        [sys.executable, str(EXECUTORS / "report.py"), "run", "-i", str(inputs / "grid.tif"), "-o", "r.md"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (0, "") == (said.returncode, said.stderr)
    assert "byte_report completed" in said.stdout
    assert f"r_{the_id()}.md" in names()


OWN = """
from pathlib import Path
from dissmodel.executor import ModelExecutor

class Own(ModelExecutor):
    name = "own"
    def validate(self, record): pass
    def load(self, record): return b""
    def run(self, data, record): return record.parameters["writes"]
    def save(self, result, record):
        if result: Path(record.output_path).with_name(result).write_bytes(b"result")
        return record
"""


def test_the_table_of_times_is_no_result(inputs):
    Path("own.py").write_text(OWN)
    own = plugins.find("own.py").executor
    words = ["run", "--input", str(inputs / "grid.tif"), "--output", "r.bin", "--preserve-output-name", "-q"]
    run_cli(own, [*words, "--param", "writes=other.bin"])
    before = {path.name: path.read_bytes() for path in Path().glob("*") if path.is_file()}

    with pytest.raises(SystemExit) as ended:
        run_cli(own, [*words, "--overwrite", "--param", "writes="])

    assert b"result" == before["r.bin"]
    assert 1 == ended.value.code
    assert before == {name: Path(name).read_bytes() for name in before}
