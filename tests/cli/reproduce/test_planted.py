"""Changes that were really made around a run, as people make them, and what names them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


def say(*words, **environment):
    """Run the command in a process of its own."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("LC_")}
    path = os.pathsep.join([str(ROOT), env.pop("PYTHONPATH", "")]).rstrip(os.pathsep)
    return subprocess.run(
        [sys.executable, "-m", "dissmodel", *map(str, words)],
        env={**env, "PYTHONPATH": path, **environment},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )


def told(said):
    return {one["what"]: (one["recorded"], one["now"]) for one in json.loads(said.stdout)["changed"]}


def differing(said):
    return {
        one["what"]: (one["a"], one["b"]) for part in said.json["sections"] for one in part["differences"]
    }


@pytest.fixture
def package(tmp_path, raster_model, monkeypatch):
    """Install a package with a model, of the version that is asked for; return the folder that it is in."""
    source = raster_model("their_model").read_text(encoding="utf-8")
    site = tmp_path / "site"

    def install(version):
        for old in site.glob("*.dist-info"):
            old.rename(site / f"their_coast-{version}.dist-info")
        noted = site / f"their_coast-{version}.dist-info"
        noted.mkdir(parents=True, exist_ok=True)
        (site / "their_coast.py").write_text(f"{source}\nVERSION = {version!r}\n", encoding="utf-8")
        metadata = f"Metadata-Version: 2.1\nName: their-coast\nVersion: {version}\n"
        (noted / "METADATA").write_text(metadata, encoding="utf-8")
        (noted / "RECORD").write_text("their_coast.py,,\n", encoding="utf-8")
        entry = "[dissmodel.executors]\ntheir_model = their_coast:Mine\n"
        (noted / "entry_points.txt").write_text(entry, encoding="utf-8")
        return site

    return install


@pytest.mark.slow
def test_another_version_of_the_package(raster, package):
    site = package("1.0")
    words = ("run", "their_model", "-i", "in.tif", "-q", "-o")
    assert 0 == say(*words, "r.tif", PYTHONPATH=os.pathsep.join([str(site), str(ROOT)])).returncode
    package("1.1")
    said = say("reproduce", "r.record.json", "--json", PYTHONPATH=os.pathsep.join([str(site), str(ROOT)]))
    path = Path(json.loads(said.stdout)["record_path"])
    strict = say("reproduce", "r.record.json", "--strict", PYTHONPATH=os.pathsep.join([str(site), str(ROOT)]))
    compared = raster("record", "diff", "r.record.json", path, "--json")

    assert (0, 4, 4) == (said.returncode, strict.returncode, compared.code)
    assert ("1.0", "1.1") == told(said)["model version"]
    assert "other code than recorded: model version 1.0 → 1.1" in said.stderr
    assert ("1.0", "1.1") == differing(compared)["model version"]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other locales")
def test_another_locale(raster, raster_model):
    model = raster_model()
    assert 0 == say("run", model, "-i", "in.tif", "-o", "r.tif", "-q", LC_ALL="C.UTF-8").returncode
    said = say("reproduce", "r.record.json", "--model", model, "--json", LC_ALL="POSIX")
    path = Path(json.loads(said.stdout)["record_path"])
    (recorded, now) = told(said)["locale"]
    compared = raster("record", "diff", "r.record.json", path, "--json")

    assert 0 == said.returncode
    assert recorded != now
    assert f": locale {recorded} → {now}" in said.stderr
    assert (recorded, now) == differing(compared)["locale"]


def test_every_one_of_a_run_with_other_parameters_seed_threads_input_and_format(dissmodel, make_coast):
    make_coast.main(["--rows", "12", "--cols", "14", "--output", "a.gpkg"])
    make_coast.main(["--rows", "12", "--cols", "14", "--seed", "2", "--output", "b.gpkg"])
    first = ("-i", "a.gpkg", "-o", "a/r.gpkg", "-p", "end_time=3", "--seed", "1", "--threads", "1")
    second = ("-i", "b.gpkg", "-o", "b/r.fgb", "-p", "end_time=4", "--seed", "2", "--threads", "2")
    for words in (first, second):
        assert 0 == dissmodel("run", "coastal_vector", *words, "-q").code
    said = dissmodel("record", "diff", "a/r.record.json", "b/r.record.json", "--json")
    found = differing(said)

    assert 4 == said.code
    assert ("3 (command line)", "4 (command line)") == found["end_time"]
    assert ("1", "2") == found["seed"]
    assert {"1", "2"} == set(found.get("thread limit") or found["threads"])
    assert "sha256" in found
    assert {"output, format", "output, column uso", "output, column alt"} <= found.keys()
