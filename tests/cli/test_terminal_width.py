"""Lists, records and models on narrow and wide terminals: no line is wider, and no fact is cut."""

import os
import re
import subprocess
import sys
import unicodedata
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dissmodel.cli import layout
from dissmodel.record import Artifact, DataSource, ExperimentRecord, store
from support.cases import mostly_slow
from support.terminal import open_terminal, read_all

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals")

IDS = ["1a2b3c4d" * 4, "9f8e7d6c" * 4]
PLAIN = {"PYTHONIOENCODING": "ascii", "LC_ALL": "C", "PYTHONUTF8": "1"}
FORMS = {
    f"{width} {kind}": (width, env)
    for kind, env in (("UTF-8", {}), ("ASCII", PLAIN))
    for width in (40, 80, 200)
}
LONG = "a_model_with_a_name_that_is_longer_than_a_narrow_terminal"
NAMES = {"": "coast", "日本の海岸とマングローブの長い名前 é 🌊": LONG}


@pytest.fixture
def at_terminal(dissmodel):
    """Return a function that runs a command at a pseudo-terminal of some columns; gives its lines."""

    def run(width, env, *words):
        ours, theirs = open_terminal(width)
        words = [sys.executable, "-m", "dissmodel", *map(str, words)]
        env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), **env}
        with subprocess.Popen(words, stdout=theirs, stderr=subprocess.PIPE, env=env) as process:
            os.close(theirs)
            data = read_all(ours)
            assert (b"", 0) == (process.stderr.read(), process.wait(60))
        return data.decode("ascii" if "LC_ALL" in env and env["LC_ALL"] == "C" else "utf-8").splitlines()

    return run


def width_of(line):
    """Count columns by Unicode's own tables, not by ours."""
    wide = sum(unicodedata.east_asian_width(one) in "WF" for one in line)
    return len(line) + wide - sum(unicodedata.combining(one) > 0 for one in line)


def spelled(text, env):
    """Return a text as an ASCII terminal shows it."""
    return text.encode("ascii", "backslashreplace").decode() if env else text


def together(lines):
    """Return all text without what breaks lines."""
    return re.sub(r"\s+", "", "".join(lines))


@pytest.fixture
def records(dissmodel):
    """Two records, the second with long names of all kinds."""
    for number, (name, model) in enumerate(NAMES.items()):
        folder = Path(f"a folder {name}" if name else ".")
        folder.mkdir(exist_ok=True)
        output = f"result {name}.tif".replace(" .", ".")
        record = ExperimentRecord(
            experiment_id=IDS[number],
            model_name=model,
            status="interrupted" if number else "completed",
            created_at=datetime(2026, 5, 17, 12, number, tzinfo=UTC),
            parameters={"text": "x" * 60, "é": name, "a_parameter_with_a_long_name": 1.5},
            parameter_origin={"text": "command line", "é": "spec", "a_parameter_with_a_long_name": "spec"},
            output_path=output,
            source=DataSource(uri=f"/data/{name or 'grid'}.zip", checksum="0123456789abcdef" * 4),
            files={"output": Artifact(path=output, size=1, sha256="fedcba9876543210" * 4)},
        )
        store.write(record, folder / f"result {name}.record.json".replace(" .", "."))
    return sorted(Path().rglob("*.record.json"), key=lambda path: len(str(path)))


@pytest.mark.fast_cases("40 UTF-8", "80 ASCII")
@pytest.mark.parametrize(("width", "env"), FORMS.values(), ids=FORMS)
def test_a_list_of_records(at_terminal, records, width, env):
    lines = at_terminal(width, env, "record", "list")

    assert width >= max(map(width_of, lines))
    everything = together(lines)
    for fact in (IDS[0][:8], IDS[1][:8], *NAMES.values(), "completed", "interrupted"):
        assert fact in everything
    for number in (0, 1):
        assert f"2026-05-17 12:0{number}" in "\n".join(lines)


@pytest.mark.fast_cases("40 UTF-8")
@pytest.mark.parametrize(("width", "env"), mostly_slow(FORMS, "40 UTF-8", "80 ASCII"))
def test_a_record(at_terminal, records, width, env):
    for number, path in enumerate(records):
        lines = at_terminal(width, env, "record", "show", "--", path)

        assert width >= max(map(width_of, lines))
        everything = together(lines)
        name, model = [*NAMES.items()][number]
        for fact in (IDS[number], model, "0123456789abcdef" * 4, "fedcba9876543210" * 4, "x" * 60):
            assert fact in everything
        assert together([spelled(f"/data/{name or 'grid'}.zip", env)]) in everything
        assert "a_parameter_with_a_long_name" in everything


@pytest.mark.fast_cases("40 UTF-8")
@pytest.mark.parametrize(("width", "env"), mostly_slow(FORMS, "40 UTF-8", "80 ASCII"))
def test_the_models_and_one_of_them(at_terminal, width, env):
    models = at_terminal(width, env, "show")
    one = at_terminal(width, env, "show", "coastal_raster")

    assert width >= max(map(width_of, [*models, *one]))
    assert "coastal_validation" in "\n".join(models)
    assert "Sea-levelriseandmangrovemigrationonacoastofcells" in together(one)
    for fact in ("sea_level_rise_rate", "(also taxa_elevacao)", "0.011", "accretion_enabled"):
        assert fact.replace(" ", "") in together(one)


def test_a_wide_terminal_has_one_line_for_each_record(at_terminal, records):
    assert 3 == len(at_terminal(300, {}, "record", "list"))


def test_a_narrow_list_is_names_and_values(at_terminal, records):
    lines = at_terminal(40, {}, "record", "list", "--model", "coast")

    names = [line.split("  ")[0] for line in lines if line[:1] != " "]
    assert ["when (UTC)", "model", "status", "given", "output", "id"] == names


@pytest.mark.fast_cases("1")
@pytest.mark.parametrize("width", [1, 5, 20])
def test_an_absurd_width_ends_too(at_terminal, records, width):
    listed = at_terminal(width, {}, "record", "list")
    shown = at_terminal(width, {}, "record", "show", "--", records[1])

    assert IDS[1][:8] in together(listed)
    assert IDS[1] in together(shown)
    assert max(width, 2) >= max(map(width_of, listed))


@pytest.mark.parametrize("width", range(1, 40))
@pytest.mark.parametrize(
    "text", ["", " ", "word " * 9, "x" * 50, "日本" * 20, "é" * 30 + " a", "   indented text"]
)
def test_nothing_is_lost_where_a_text_goes_on_below(text, width):
    lines = layout.wrapped(text, width)

    assert together([text]) == together(lines)
    assert max(map(layout.columns, lines)) <= max(width, 2)
