"""A model that others published: synced, installed, run, shown, validated and reproduced."""

import importlib.metadata
import json
import os
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from dissmodel.config import load_settings
from dissmodel.doctor import holdings
from dissmodel.executor.findings import Collector
from dissmodel.record.digest import record_digest

from .packages import commit, git, make_wheel, publish


def record_of(name="r"):
    return json.loads(Path(f"{name}.record.json").read_text())


def run(dissmodel, *words, model="flood"):
    return dissmodel("run", model, "-i", "data.bin", "-o", "r.bin", *words)


def test_it_runs_and_the_record_says_what_ran(dissmodel, offered, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "planted-secret")
    monkeypatch.setenv("MY_TOKEN", "another-secret")
    monkeypatch.setenv("MC_HOST_store", "https://ana:a-third-one@storage.example.org")
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", "AccountKey=a-fourth-one")
    said = run(dissmodel, "--yes")

    record = record_of()
    assert (0, b"some bytes") == (said.code, Path("r.bin").read_bytes())
    assert ("completed", offered.head) == (record["status"], record["model_commit"])
    assert {"model": {"name": "flood", "package": f"git+{offered.package.as_uri()}@v0.1.0",
                      "executor_module": "coastal_flood"}} == record["resolved_spec"]  # fmt: skip
    code = record["code"]
    assert ("coastal-flood", "0.1.0", offered.package_commit) == (
        code["package"],
        code["version"],
        code["commit"],
    )
    assert offered.package_commit == record["runtime"]["packages"]["coastal-flood"]["commit"]
    assert (
        f"coastal-flood @ git+{offered.package.as_uri()}@{offered.package_commit}"
        in (record["runtime"]["lock"])
    )
    assert "secret" not in Path("r.record.json").read_text().replace("secret_", "")
    beginnings = ("AWS_", "MY_TOKEN", "MC_HOST_", "AZURE_")
    assert [] == [name for name in record["metrics"]["variables"] if name.startswith(beginnings)]
    assert record["metrics"]["time_run_sec"] >= 0
    assert record["cpu_seconds"] > 0


@pytest.mark.slow
def test_the_second_run_starts_no_installer(dissmodel, offered, monkeypatch):
    assert 0 == run(dissmodel, "--yes").code
    monkeypatch.setenv("UV_CACHE_DIR", os.devnull)  # any uv would fail now
    again = run(dissmodel, "--overwrite")
    dissmodel("env", "remove", "--all")
    anew = run(dissmodel, "--overwrite")

    assert [0, 1] == [again.code, anew.code]


@pytest.mark.slow
def test_the_list_says_which_models_are_installed(dissmodel, offered):
    def installed():
        return {
            row["name"]: row["installed"] for row in dissmodel("registry", "list", "--json").json["models"]
        }

    before = installed()
    run(dissmodel, "--yes")

    assert {"flood": False, "growth": False} == before
    assert {"flood": True, "growth": False} == installed()
    assert "installed  yes" in dissmodel("registry", "show", "flood").out
    dissmodel("env", "remove", "coastal-flood")
    assert before == installed()


@pytest.mark.slow
def test_what_the_model_prints_is_told_and_logged_and_never_part_of_the_result(dissmodel, offered):
    said = run(dissmodel, "--yes", "--json")
    told = ["the model says hello", "and complains"]

    assert "completed" == said.json["record"]["status"]
    assert set(told) <= set(said.err.splitlines())
    assert all(any(line in one for one in record_of()["logs"]) for line in told)


@pytest.mark.slow
def test_show_and_validate_ask_the_package_itself(dissmodel, offered):
    refused = [dissmodel(word, "flood") for word in ("show", "validate")]
    shown = dissmodel("show", "flood", "--yes", "--param", "end_time=3")
    checked = dissmodel("validate", "default/flood", "-i", "data.bin")
    wrong = dissmodel("show", "flood", "--param", "end_time=0")
    unknown = dissmodel("run", "flood", "-i", "data.bin", "--param", "endtime=0")

    assert [2, 2] == [one.code for one in refused]
    assert all("would be built from" in one.err for one in refused)
    assert 0 == shown.code
    assert "default/flood" in shown.out
    assert "A flood, or a crash." in shown.out
    row = next(line for line in shown.out.splitlines() if line.startswith("end_time"))
    assert ["end_time", "integer", "step", "≥", "1", "10", "3"] == row.split()[:7]
    assert (0, 2) == (checked.code, wrong.code)
    assert (2, True) == (unknown.code, "end_time" in unknown.err)
    assert ["data.bin"] == [path.name for path in Path().iterdir()]


def test_it_is_reproduced_from_its_record(dissmodel, offered):
    assert 0 == run(dissmodel, "--yes").code
    said = dissmodel("reproduce", "r.record.json", "--json")
    strict = dissmodel("reproduce", "r.record.json", "--check", "--strict")

    assert (0, "identical-file") == (said.code, said.json["verdict"])
    assert 0 == strict.code


def test_a_record_is_no_consent(dissmodel, offered, monkeypatch, home):
    assert 0 == run(dissmodel, "--yes").code
    monkeypatch.setenv("DISSMODEL_DATA", str(home / "other"))
    refused = [
        dissmodel("reproduce", "r.record.json", "--check"),
        dissmodel("reproduce", "r.record.json", "--check", "--env", "recorded"),
    ]

    assert [2, 2] == [one.code for one in refused]
    assert offered.package_commit in refused[0].err
    assert offered.package_commit in refused[1].err
    assert "--hash" not in refused[1].err
    assert 0 == dissmodel("reproduce", "r.record.json", "--check", "--yes").code


@pytest.mark.slow
def test_the_recorded_packages_are_installed_again(dissmodel, offered, index, monkeypatch, home):
    make_wheel(index, "tides", "1.0")
    offered.package_commit = publish(offered.package, version="0.1.1", requires=["tides"])
    offered.write("flood", offered.of(f"git+{offered.package.as_uri()}@v0.1.1"))
    offered.commit()
    dissmodel("registry", "sync")
    assert 0 == run(dissmodel, "--yes").code
    make_wheel(index, "tides", "2.0")
    again = dissmodel("reproduce", "r.record.json", "--env", "recorded", "--yes", "--json")

    assert (0, "identical-file") == (again.code, again.json["verdict"])
    versions = {
        json.loads(path.read_text())["runtime"]["packages"]["tides"]["version"]
        for path in Path().glob("*.record.json")
    }
    assert {"1.0"} == versions


@pytest.mark.slow
def test_recorded_packages_that_can_not_be_had_are_listed(dissmodel, offered, index, monkeypatch, home):
    wheels = [make_wheel(index, name, "1.0") for name in ("tides", "winds")]
    publish(offered.package, version="0.1.1", requires=["tides", "winds"])
    offered.write("flood", offered.of(f"git+{offered.package.as_uri()}@v0.1.1"))
    offered.commit()
    dissmodel("registry", "sync")
    assert 0 == run(dissmodel, "--yes").code
    dissmodel("env", "remove", "--all")
    monkeypatch.setenv("UV_CACHE_DIR", str(home / "uv"))
    for wheel in wheels:
        wheel.unlink()
    refused = dissmodel("reproduce", "r.record.json", "--env", "recorded", "--yes")

    assert 3 == refused.code
    assert "can't be installed" in refused.err
    assert {"tides==1.0", "winds==1.0"} <= set(refused.err.replace(":", " ").split())
    assert "coastal-flood" not in refused.err


@pytest.mark.slow
def test_recorded_packages_offline_from_the_cache(dissmodel, offered):
    assert 0 == run(dissmodel, "--yes").code
    assert 0 == dissmodel("reproduce", "r.record.json", "--check", "--env", "recorded", "--yes").code
    dissmodel("env", "remove", "--all")
    offered.package.rename(offered.package.with_name("gone"))
    offline = dissmodel("reproduce", "r.record.json", "--check", "--env", "recorded", "--offline")

    assert (0, "") == (offline.code, offline.err.replace("the model says hello\nand complains\n", ""))


@pytest.mark.slow
def test_a_tag_that_moved_is_another_commit_and_is_asked_about_again(dissmodel, offered):
    assert 0 == run(dissmodel, "--yes").code
    (offered.package / "new.txt").write_text("x")
    git(offered.package, "tag", "-d", "v0.1.0")
    moved = commit(offered.package, "v0.1.0")
    refused = run(dissmodel, "--overwrite")

    assert (2, True) == (refused.code, moved in refused.err)
    assert offered.package_commit == record_of()["code"]["commit"]
    assert 0 == run(dissmodel, "--overwrite", "--yes").code
    assert moved == record_of()["code"]["commit"]


@pytest.mark.slow
def test_an_approval_is_listed_and_revoked(dissmodel, offered):
    assert 0 == run(dissmodel, "--yes").code
    listed = dissmodel("registry", "trust").out
    revoked = dissmodel("registry", "trust", "--revoke", f"git+{offered.package.as_uri()}")
    again = run(dissmodel, "--overwrite")

    assert offered.package_commit in listed
    assert "default/flood" in listed
    assert (0, 2) == (revoked.code, again.code)


def test_a_trust_list_in_the_settings_needs_no_word(dissmodel, offered):
    pattern = f"git+{offered.package.parent.as_uri()}/*"
    assert 0 == dissmodel("config", "set", "trust", pattern).code

    assert 0 == run(dissmodel).code


@pytest.mark.slow
def test_a_built_in_model_is_the_recorded_code_in_the_recorded_packages_too(
    dissmodel, index, make_coast, home
):
    make_coast.main(["--output", "grid.zip", "--rows", "30", "--cols", "30"])
    assert 0 == dissmodel("run", "coastal_raster", "-i", "grid.zip", "-o", "r.tif", "-p", "end_time=2").code
    path = Path("r.record.json")
    document = json.loads(path.read_text())
    needed = map(Requirement, importlib.metadata.requires("dissmodel"))
    here = {canonicalize_name(one.name) for one in needed if one.marker is None}
    packages = document["runtime"]["packages"]
    document["runtime"]["packages"] = {name: one for name, one in packages.items() if name in here}
    document["record_digest"] = record_digest(document)
    path.write_text(json.dumps(document))

    said = dissmodel("reproduce", path, "--check", "--strict", "--env", "recorded", "--yes", "--json")
    found = Collector("environments")
    holdings.look_at_environments(found, load_settings())

    assert (0, "identical-file") == (said.code, said.json.get("verdict")), said.out
    assert ["ok"] == [one.severity for one in found.findings]
