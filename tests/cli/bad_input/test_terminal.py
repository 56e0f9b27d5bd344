"""Terminals that only speak ASCII, and names that don't."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.cases import mostly_slow

NAMES = [
    "a b.tif",
    "ç é.tif",
    "日本.tif",
    "-dash.tif",
    "--output.tif",
    "'quoted\".tif",
    "#%&;$(x).tif",
    "🌊.tif",
]


@pytest.fixture
def ascii_terminal(dissmodel):
    """Run a command in a process of its own whose streams are ASCII."""

    def run(*words):
        plain = {"PYTHONIOENCODING": "ascii", "LC_ALL": "C", "PYTHONUTF8": "1"}
        ended = subprocess.run(
            [sys.executable, "-m", "dissmodel", *map(str, words)],
            env={**os.environ, **plain},
            capture_output=True,
            check=False,
        )
        return ended.returncode, ended.stdout.decode("ascii"), ended.stderr.decode("ascii")

    return run


@pytest.mark.fast_cases(r"\u65e5\u672c.tif")
@pytest.mark.parametrize("name", mostly_slow(NAMES, "日本.tif", "--output.tif", "#%&;$(x).tif"))
def test_a_name_with_anything_in_it(dissmodel, grid, name):
    Path("dir ç").mkdir()
    Path(grid()).rename(name)

    said = dissmodel("run", "coastal_raster", "-i", name, "-o", f"dir ç/{name}", "-p", "end_time=2")
    plain = dissmodel(
        "run", "coastal_raster", f"--input={name}", f"--output=r{name}", "-p", "end_time=2", "--json"
    )
    record = Path("dir ç", name).with_suffix(".record.json")
    shown = dissmodel("record", "show", "--", record)
    verified = dissmodel("record", "verify", "--", record)

    assert (0, "", 0, 0, 0) == (said.code, said.err, plain.code, shown.code, verified.code)
    assert name in said.out
    assert name in shown.out
    assert str(Path(f"r{name}").resolve()) == plain.json["files"]["output"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ç 日本 🌊.tif"])
def test_a_session_in_ascii(ascii_terminal, grid, name):
    Path(grid()).rename(name)
    record = Path(name).with_suffix(".record.json")
    Path("o").mkdir()

    ran = ascii_terminal("run", "coastal_raster", "-i", name, "-o", f"o/{name}", "-p", "end_time=2")
    shown = ascii_terminal("record", "show", f"o/{record}")
    as_json = ascii_terminal("record", "show", f"o/{record}", "--json")
    verified = ascii_terminal("record", "verify", f"o/{record}")

    assert (0, "") == (ran[0], ran[2])
    assert (0, "", 0, 0) == (shown[0], shown[2], as_json[0], verified[0])
    assert r"\xe7 \u65e5\u672c \U0001f30a.tif" in ran[1]
    assert "12 rows x 14 columns" in shown[1]
    assert name == json.loads(as_json[1])["record"]["output_path"]


def test_the_parameters_in_ascii(ascii_terminal):
    code, out, err = ascii_terminal("show", "coastal_raster")

    assert (0, "") == (code, err)
    assert ">= 0, finite" in out


def test_an_error_in_ascii(ascii_terminal, grid):
    grid()
    bounds = ascii_terminal("run", "coastal_raster", "-i", "grid.tif", "-p", "sea_level_rise_rate=-1")
    missing = ascii_terminal("run", "coastal_raster", "-i", "é.tif", "--json")

    assert (2, "") == bounds[:2]
    assert "it takes: number >= 0, finite m/step." in bounds[2]
    assert (3, "") == (missing[0], missing[2])
    assert str(Path("é.tif").absolute()) + " does not exist." == json.loads(missing[1])["error"]["message"]


def test_nothing_but_the_error_is_written(ascii_terminal, grid):
    code, out, err = ascii_terminal("run", "coastal_raster", "-i", grid(), "-p", "crs=EPSG:99999")

    assert (2, "") == (code, out)
    assert err.startswith("error: crs = 'EPSG:99999' (command line): ")
    assert 2 == len(err.splitlines())
