"""Crates and DataCite documents of every built-in model, judged by the validators of others.

rocrate-validator needs an older rich than dissmodel, so the validators have an environment of their own.
"""

import importlib.metadata
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from example_pages import complete_fitted
from prov.model import ProvDocument

from support.files import edit

pytestmark = pytest.mark.slow

MAKE_FIRE = Path(__file__).parents[2] / "examples" / "fire" / "make_fire.py"
ORGANIZATION = '{ name = "INPE", url = "https://ror.org/04xbn6x09" }'
SETTINGS = {
    "about.license": "CC-BY-4.0",
    "about.title": "A result",
    "about.description": "What an example leaves.",
    "about.creators": f'[{{ name = "Silva", orcid = "0000-0002-1825-0097", affiliation = {ORGANIZATION} }}]',
    "about.publisher": ORGANIZATION,
    "about.funding": f'[{{ funder = {ORGANIZATION}, award = "2024/1" }}]',
    "about.keywords": "coast,sea level",
    "about.references": "10.1000/182,https://example.org/report,Field notes",
}
# Answers two addresses from files; a session of the validator finds them as if it had fetched them.
FILL = """
import io, pathlib, sys
import requests, requests_cache, urllib3
FILES = {
    "https://w3id.org/ro/crate/1.1/context": "1.1-context.jsonld",
    "https://w3id.org/ro/terms/workflow-run/context": "workflow-run-context.json",
}
class Files(requests.adapters.BaseAdapter):
    def send(self, request, **_):
        body = pathlib.Path(sys.argv[1], FILES[request.url]).read_bytes()
        answer = requests.Response()
        answer.status_code, answer.url, answer.request = 200, request.url, request
        answer.headers["Content-Type"] = "application/ld+json"
        answer.raw = urllib3.HTTPResponse(io.BytesIO(body), answer.headers, 200, preload_content=False)
        return answer
    def close(self):
        pass
session = requests_cache.CachedSession(sys.argv[2], backend="sqlite", expire_after=-1)
session.mount("https://", Files())
for url in FILES:
    session.get(url, headers={"Accept": "application/ld+json, application/json"})
"""
DATACITE = """
import json, sys
import datacite.schema45 as schema  # of 4.6, which has more values in some lists, no release has a schema
try:
    import datacite.schema46 as schema
except ImportError:
    pass
for path in sys.argv[1:]:
    schema.validator.validate(json.load(open(path)))
"""


@pytest.fixture(scope="session")
def validators(tmp_path_factory):
    """The Python of an environment with the validators; `EXPORT_VALIDATORS` names it, or it is made."""
    known = os.environ.get("EXPORT_VALIDATORS")
    if known:
        return Path(known)
    uv, folder = Path(sys.executable).with_name("uv"), tmp_path_factory.mktemp("validators")
    python = folder / "bin" / "python"
    subprocess.run([uv, "venv", "-q", "--python", sys.executable, folder], check=True)
    words = ("pip", "install", "-q", "--python", python, "roc-validator>=0.13", "datacite>=1.4")
    if subprocess.run([uv, *words], check=False).returncode:
        pytest.skip("the validators can't be installed here")
    return python


@pytest.fixture(scope="session")
def issues(validators, public_data, tmp_path_factory):
    """Return a function that returns what rocrate-validator finds in a crate, without a network.

    Of a zip it can't write JSON, so the crate is a folder.
    """
    cache = tmp_path_factory.mktemp("cache") / "web"
    subprocess.run([validators, "-c", FILL, public_data / "schemas" / "ro-crate", cache], check=True)

    def issues(crate, level):
        out = Path("issues.json").absolute()
        program = [validators.with_name("rocrate-validator"), "-y", "validate", "--offline"]
        profile = ["--cache-path", cache.with_suffix(".sqlite"), "-p", "process-run-crate-0.5", "-l", level]
        subprocess.run([*program, *profile, "-f", "json", "-o", out, crate], capture_output=True, check=False)
        found = json.loads(out.read_text())
        out.unlink()
        return [f"{one['violatingEntity']}: {one['message']}" for one in found["issues"]]

    return issues


@pytest.fixture
def settled(dissmodel):
    for key, value in SETTINGS.items():
        assert 0 == dissmodel("config", "set", key, value).code
    return dissmodel


def crates_of_all(dissmodel):
    """Export each record that is here as a crate, once; return crate → record."""
    found = {}
    for path in sorted(Path().glob("*.record.json")):
        record = json.loads(path.read_text())
        crate = Path(record["experiment_id"]).absolute()
        if not crate.exists():
            made = dissmodel("record", "export", path, "--format", "ro-crate", "-o", crate)
            assert (0, "") == (made.code, made.err)
        found[crate] = record
    return found


def test_every_built_in_model(settled, follow, make_coast, issues, validators):
    crates, documents = {}, []
    smaller = {"land_use": ("--rows", "40", "--cols", "50")}

    def after(words):
        if "fit" in words:  # its result is edited next
            crates_of_all(settled)
        complete_fitted(words)

    for name in ("life", "fire", "town", "land_use", ""):
        Path(name or "coast").mkdir()
        os.chdir(name or "coast")  # the fixture goes back
        if name:
            follow(name, smaller.get(name, ()), after)
        else:
            run_the_coast(settled, make_coast)
        crates |= crates_of_all(settled)
        for path in Path().glob("*.record.json"):
            documents.append(path.with_name(f"{path.name}.datacite").absolute())
            documents[-1].write_text(settled("record", "export", path, "--format", "datacite").out)
            assert 0 == settled("record", "export", path, "--format", "prov").code
            stac = settled("record", "export", path, "--format", "stac")
            assert (0, "") == (stac.code, stac.err) or "does not match its digest" in stac.err
        os.chdir("..")

    models = {found["model_name"]: crate for crate, found in crates.items()}
    names = {one.name for one in importlib.metadata.entry_points(group="dissmodel.executors")}
    assert names <= models.keys()
    for model, crate in models.items():
        assert [] == issues(crate, "recommended"), model
    subprocess.run([validators, "-c", DATACITE, *documents], check=True)


def run_the_coast(dissmodel, make_coast):
    make_coast.main(["--rows", "14", "--cols", "18", "--output", "grid.zip"])
    make_coast.main(["--rows", "14", "--cols", "18", "--output", "cells.gpkg"])
    coastal = [f"{what}_{kind}" for what in ("coastal", "flood", "mangrove") for kind in ("raster", "vector")]
    for model in coastal:
        words = ("grid.zip", f"{model}.tif") if model.endswith("raster") else ("cells.gpkg", f"{model}.gpkg")
        assert 0 == dissmodel("run", model, "-i", words[0], "-o", words[1], "-p", "end_time=2", "-q").code
    words = ("-i", "cells.gpkg", "-o", "val/", "-p", "end_time=2", "-q")
    assert 0 == dissmodel("run", "coastal_validation", *words).code


def test_a_reproduction_a_failed_run_and_a_model_in_a_file(settled, make_coast, executor_file, issues):
    make_coast.main(["--rows", "14", "--cols", "18", "--output", "grid.zip"])
    model, failing = executor_file("mine"), executor_file("failing", run="raise ValueError('no tide')")
    assert 0 == settled("run", "flood_raster", "-i", "grid.zip", "-o", "r.tif", "-p", "end_time=2", "-q").code
    assert 0 == settled("reproduce", "r.record.json", "-o", "again & again.tif", "-q").code
    assert 0 == settled("run", model, "-i", "grid.zip", "-o", "mine.bin", "-q").code
    assert 1 == settled("run", failing, "-i", "grid.zip", "-o", "f.bin", "-q").code
    crates = crates_of_all(settled)
    (again,) = (crate for crate, found in crates.items() if found.get("reproduction"))
    graph = json.loads((again / "ro-crate-metadata.json").read_bytes())["@graph"]

    assert 2 == sum(one["@type"] == "CreateAction" for one in graph)
    for crate in crates:
        assert [] == issues(crate, "required")
        assert [] == issues(crate, "recommended"), crate
    assert {"completed", "failed"} == {found["status"] for found in crates.values()}


def test_the_validators_find_what_is_wrong(settled, make_coast, issues):
    make_coast.main(["--rows", "14", "--cols", "18", "--output", "grid.zip"])
    assert 0 == settled("run", "flood_raster", "-i", "grid.zip", "-o", "r.tif", "-p", "end_time=2", "-q").code
    edit("r.record.json", lambda it: it.pop("about"), seal=True)
    assert 0 == settled("record", "bundle", "r.record.json", "-o", "b.zip", "-q").code
    zipfile.ZipFile("b.zip").extractall("b")

    assert [] == issues("b", "required")
    assert any("author" in one for one in issues("b", "recommended"))


def test_a_sweep_and_its_runs(settled, issues, monkeypatch):
    subprocess.run(
        [sys.executable, MAKE_FIRE, "--rows", "20", "--cols", "20", "--output", "f.tif"], check=True
    )
    words = ("--vary", "p_h=0.4,0.5", "--replicates", "2", "--output", "fires", "-q")
    assert 0 == settled("sweep", "fire_spread", "--input", "f.tif", *words).code
    export = ("record", "export", "fires/sweep.record.json", "--format", "ro-crate", "--output")
    whole = settled(*export, "whole")
    monkeypatch.setattr("dissmodel.sharing.crate.MOST_RUNS", 3)
    table = settled(*export, "table")
    graph = json.loads(Path("whole", "ro-crate-metadata.json").read_bytes())["@graph"]

    assert (0, "") == (whole.code, whole.err)
    assert (0, True) == (table.code, "4 runs of the sweep are not in it" in table.err)
    assert 1 + 4 == sum(one["@type"] == "CreateAction" for one in graph)
    assert {0.4, 0.5} == {one["value"] for one in graph if one.get("name") == "p_h"}
    verified = settled("record", "verify", "whole/record.json", "--json")
    assert (0, 4) == (verified.code, sum(one["name"] == "run" for one in verified.json["checks"]))
    run = min(Path("whole/runs").iterdir()) / "result.record.json"
    assert 0 == settled("reproduce", run, "--check", "-q").code

    said = settled("record", "export", "fires/sweep.record.json", "--format", "prov").json
    runs = json.loads(Path("fires/sweep.record.json").read_bytes())["sweep"]["completed"].values()
    generated = {one["prov:entity"] for one in said["wasGeneratedBy"].values()}
    assert {f"dissmodel:record-{one.removeprefix('sha256:')}" for one in runs} <= generated
    again = ProvDocument.deserialize(content=json.dumps(said))
    assert json.loads(again.serialize()) == said
    for crate in ("whole", "table"):
        assert [] == issues(Path(crate).absolute(), "required")
        assert [] == issues(Path(crate).absolute(), "recommended")
