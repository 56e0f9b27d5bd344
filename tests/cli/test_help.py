"""Every command line in the help and in the README runs as it stands."""

import contextlib
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import typer
from affine import Affine

from dissmodel.cli.app import app
from dissmodel.geo import RasterBackend
from dissmodel.io.raster import save_geotiff
from support import fake_service
from support.cases import mostly_slow

ROOT = Path(__file__).resolve().parents[2]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def texts(command, path=()):
    """Yield the path and the help of a command and of all below it."""
    yield path, command.help or ""
    for name in getattr(command, "commands", ()):
        yield from texts(command.get_command(None, name), (*path, name))


HELP = dict(texts(typer.main.get_command(app)))
EXAMPLES = [
    line.strip().removeprefix("Example:").strip()
    for text in HELP.values()
    for line in text.splitlines()
    if line.strip().startswith("Example:")
]
LONG = {
    "dissmodel doctor",
    "dissmodel worker --drain",
    *(
        line
        for line in EXAMPLES
        if line.startswith(("dissmodel sweep coastal_raster ", "dissmodel sweep summary "))
    ),
}
README = FENCE.findall((ROOT / "README.md").read_text(encoding="utf-8"))
# What needs a host of its own stands in blocks of another kind.
SHELL = [block for kind, block in README if kind == "sh"]
TYPED = [line for block in SHELL for line in block.splitlines() if line.startswith("dissmodel ")]


@pytest.fixture
def ready(dissmodel, make_coast, prepared):
    """The folder as it is after the README's first command: a coast, its result and the record."""

    def fill():
        make_coast.main(["--output", "grid.zip"])
        make_coast.main(["--rows", "60", "--cols", "80", "--output", "cells.gpkg"])
        words = "run coastal_raster --input grid.zip --output result.tif --param end_time=2 -q"
        assert 0 == dissmodel(*words.split()).code
        shutil.copy("result.tif", "again.tif")
        assert 0 == dissmodel(*["push", "result.record.json", "--to", "shared", "-q"]).code
        Path("registry/models").mkdir(parents=True)
        spec = '[model]\nname = "flood"\nclass = "flood_vector"\ndescription = "Floods."\n'
        Path("registry/models/flood.toml").write_text(spec)
        land_use("2010.tif", 8)
        land_use("2020.tif", 9)
        if shutil.which("ssh-keygen"):
            key = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "me", "-f", "id_ed25519"]
            subprocess.run(key, check=True)

    prepared(fill)
    dissmodel("registry", "add", "mine", "registry")
    return dissmodel


def land_use(name, every):
    """Write a map of two classes that hang on the slope, and the slope."""
    slope = np.arange(400.0).reshape(20, 20) % 37
    use = np.where((slope > 20) ^ (np.arange(400).reshape(20, 20) % every == 0), 2.0, 1.0)
    backend = RasterBackend((20, 20), transform=Affine(100, 0, 0, 0, -100, 0), crs="EPSG:31983")
    backend.arrays.update(use=use, slope=slope)
    save_geotiff(backend, name)


def forest(name):
    """Write a forest that burns in its midst."""
    backend = RasterBackend((9, 9), transform=Affine(30, 0, 0, 0, -30, 0), crs="EPSG:31983")
    fire = np.full((9, 9), 2.0)
    fire[4, 4] = 3.0
    plain = np.full((9, 9), 2.0)
    backend.arrays.update(fire=fire, vegetation=plain, density=plain, elevation=plain)
    save_geotiff(backend, name)


def run_line(dissmodel, line):
    program, *words = shlex.split(line)
    assert "dissmodel" == program
    return dissmodel(*words)


@pytest.mark.parametrize("path", HELP, ids=lambda path: " ".join(path) or "dissmodel")
def test_every_help_leads_with_an_example_that_is_its_own(path):
    (line,) = (line for line in HELP[path].splitlines() if line.strip().startswith("Example:"))

    assert f"Example: {' '.join(('dissmodel', *path))}" in line


def test_the_help_as_it_is_printed_has_the_example(dissmodel):
    for path in HELP:
        said = dissmodel(*path, "--help")

        assert 0 == said.code
        assert "Example: dissmodel" in said.out
        assert said.out.isascii()


@pytest.mark.parametrize("line", mostly_slow(EXAMPLES, *(set(EXAMPLES) - LONG)))
def test_an_example_of_the_help_runs(ready, line, monkeypatch):
    if " sign " in line and not shutil.which("ssh-keygen"):
        pytest.skip("ssh-keygen is not installed")
    if " run " in line:
        for path in Path().glob("result.*"):
            path.unlink()
    if line == "dissmodel sweep status rises":
        Path("rises").mkdir()
        Path("rises/sweep.toml").touch()
    if line.startswith("dissmodel sweep summary fires "):
        forest("forest.tif")
        words = "sweep fire_spread -i forest.tif -o fires --vary p_h=0.4,0.9 -p end_time=2 --cluster here -q"
        assert 0 == ready(*words.split()).code

    with contextlib.ExitStack() as stack:
        if line.startswith(("dissmodel submit", "dissmodel jobs")):
            server = stack.enter_context(fake_service.with_job(Path("grid.zip")))
            monkeypatch.setenv("DISSMODEL_SERVER", server.url)
            for path in Path().glob("result.*"):
                path.unlink()
        said = run_line(ready, line)

    # On standard error are a worker's log, a key that nobody may find in a file, which bands have no map, and
    # what a model found.
    talking = ("worker", "serve", "sweep summary", "lucc")
    says_more = line.startswith(tuple(f"dissmodel {one}" for one in talking))
    assert (0, "") == (said.code, "" if says_more else said.err)


def test_the_readme_has_command_lines_if_it_has_blocks():
    assert TYPED or not README


def test_the_command_lines_of_the_readme_run_one_after_the_other(ready):
    for _, block in README:
        first = block.partition("\n")[0]
        if re.fullmatch(r"# \w+\.py", first):  # a file that the reader is to make
            Path(first.removeprefix("# ")).write_text(block, encoding="utf-8")
    Path("again.tif").unlink()
    for line in TYPED:
        said = run_line(ready, line)
        differs = line.startswith("dissmodel record diff")  # one of the runs was held to one thread

        assert (4 if differs else 0) == said.code, f"{line}\n{said.err}"
        assert said.out
