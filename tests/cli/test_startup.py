"""What a command loads: nothing that it does not need."""

import json
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from dissmodel.registry import plugins
from dissmodel.running.show import list_models

HEAVY = {
    *("geopandas", "matplotlib", "minio", "numba", "numpy", "pandas", "pydantic", "pyogrio", "pyproj"),
    *("jinja2", "rasterio", "rich", "scipy", "shapely", "xarray"),
    # Ours, for what only some commands do.
    *("dissmodel.environments", "dissmodel.sharing.push", "dissmodel.sharing.remote_output"),
    *("dissmodel.cli.validate", "dissmodel.cli.registry", "dissmodel.storage.s3"),
    *("dissmodel.cells.near", "dissmodel.cells.space", "dissmodel.geo.raster.raster_model"),
}
ALL_COMMANDS = {key: {"dissmodel.cli.validate", "dissmodel.cli.registry"} for key in ("--help", "-h")}
COMMAND = "from dissmodel.cli.app import main; main()"


def loaded(code, *words, **environment):
    """Run Python code as a program and return what it wrote and which heavy packages it loaded.

    All modules that it loaded are in loaded.json.
    """
    report = Path("loaded.json").absolute()
    program = (
        "import atexit, json, pathlib, sys\n"
        f"atexit.register(lambda: pathlib.Path({str(report)!r}).write_text("
        "json.dumps([*sys.modules])))\n"
        f"sys.argv = ['dissmodel', *{list(map(str, words))!r}]\n{code}"
    )
    said = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    return said, HEAVY.intersection(json.loads(report.read_text()))


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.fast_cases("--version", "-h", "run --help", "record --help", "reproduce --help")
@pytest.mark.parametrize(
    "words",
    [
        ["--version"],
        ["--help"],
        ["-h"],
        ["run", "--help"],
        ["show", "--help"],
        ["push", "--help"],
        ["submit", "--help"],
        ["jobs", "--help"],
        ["jobs", "wait", "--help"],
        ["pull", "--help"],
        ["compare", "--help"],
        ["record", "--help"],
        ["record", "show", "--help"],
        ["record", "verify", "--help"],
        ["record", "list", "--help"],
        ["record", "diff", "--help"],
        ["record", "sign", "--help"],
        ["record", "bundle", "--help"],
        ["reproduce", "--help"],
        ["init", "--help"],
        ["doctor", "--help"],
        ["config", "set", "--help"],
        ["env", "list", "--help"],
    ],
    ids=" ".join,
)
def test_help_and_version_load_nothing_heavy(words):
    said, found = loaded(COMMAND, *words)

    assert (0, "") == (said.returncode, said.stderr)
    assert ALL_COMMANDS.get(" ".join(words), set()) == found


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        (["dissmodel", ""], {"run", "show", "record"}),
        (["dissmodel", "sh"], {"show"}),
        (["dissmodel", "record", ""], {"show", "verify", "list", "diff", "sign"}),
        (["dissmodel", "run", "--inp"], {"--input"}),
        (["dissmodel", "run", "--format", ""], {"auto", "raster", "tiff", "vector"}),
    ],
)
def test_completion_loads_nothing_heavy(typed, offered):
    said, found = loaded(
        COMMAND,
        _DISSMODEL_COMPLETE="complete_bash",
        COMP_WORDS=" ".join(typed),
        COMP_CWORD=str(len(typed) - 1),
    )

    assert offered <= set(said.stdout.split())
    assert set() == {name for name in found if not name.startswith("dissmodel.cli.")}


def test_the_package_itself_loads_nothing_heavy():
    said, found = loaded("import dissmodel; print(dissmodel.__version__, dir(dissmodel))")

    assert said.stdout.startswith(version("dissmodel"))
    assert set() == found


def test_the_list_of_models_loads_none_of_them():
    said, found = loaded(COMMAND, "show")

    assert (0, "") == (said.returncode, said.stderr)
    assert {"coastal_raster", "lucc_fit"} <= {line.split()[0] for line in said.stdout.splitlines()}
    assert {"pydantic"} == found


def test_what_the_list_says_of_built_in_models_is_what_their_classes_say():
    listed = {row.name: row for row in list_models().models if row.source == plugins.BUILTIN}

    for offer in plugins.offers():
        if offer.origin == plugins.BUILTIN:
            model = offer.load().executor
            row = listed[offer.name]
            assert (model.name, model.substrate, model.summary()) == (row.name, row.substrate, row.summary)


def test_to_import_the_record_builds_no_validator():
    said, _ = loaded(
        "import pydantic_core\n"
        "from pydantic import BaseModel\n"
        "made, own = [], pydantic_core.SchemaValidator\n"
        "import pydantic.plugin._schema_validator as plugged\n"
        "plugged.SchemaValidator = lambda *a, **k: made.append(a) or own(*a, **k)\n"
        "import dissmodel.record\n"
        "print(len(made))\n"
        "assert dissmodel.record.ExperimentRecord() and made\n"
    )

    assert ("", ["0"]) == (said.stderr, said.stdout.split())


def test_a_geotiff_runs_without_what_polygons_need(make_coast):
    make_coast.main(["--rows", "20", "--cols", "30", "--output", "grid.zip"])

    said, found = loaded(
        COMMAND, "run", "coastal_raster", "-i", "grid.zip", "-o", "r.tif", "-p", "end_time=2"
    )

    assert (0, "") == (said.returncode, said.stderr)
    assert set() == found & {
        "pandas",
        "geopandas",
        "pyogrio",
        "shapely",
        "matplotlib",
        "xarray",
        "scipy",
        "rich",
        "minio",
        "dissmodel.environments",
        "dissmodel.sharing.push",
        "dissmodel.sharing.remote_output",
        "dissmodel.cli.validate",
        "dissmodel.cli.registry",
        "dissmodel.storage.s3",
        # Of rules in Python; the coast has kernels of its own.
        "dissmodel.cells.near",
        "dissmodel.cells.space",
        "dissmodel.geo.raster.raster_model",
    }


def test_a_local_input_loads_nothing_of_remote_ones_nor_of_other_records(make_coast):
    make_coast.main(["--rows", "20", "--cols", "30", "--output", "grid.tif"])

    loaded(COMMAND, "run", "game_of_life", "-i", "grid.tif", "--band-map", "alive=1", "-o", "r.tif")

    modules = set(json.loads(Path("loaded.json").read_text()))
    assert "dissmodel.running.prepare" in modules
    assert set() == modules & {
        *("dissmodel.storage.fetch", "dissmodel.storage.cache", "dissmodel.storage.credentials"),
        *("dissmodel.experiment.source", "dissmodel.registry.catalog", "packaging"),
    }


def test_records_are_read_and_checked_without_any_data_library(make_coast):
    make_coast.main(["--rows", "20", "--cols", "30", "--output", "grid.zip"])
    loaded(COMMAND, "run", "coastal_raster", "-i", "grid.zip", "-o", "r.tif", "-p", "end_time=2")

    for words in (
        ["record", "show", "r.record.json"],
        ["record", "verify", "r.record.json"],
        ["record", "list"],
        ["record", "show", "r.record.json", "--lineage"],
    ):
        said, found = loaded(COMMAND, *words)

        assert 0 == said.returncode
        assert {"pydantic"} >= found
