import json
import os

import pytest
import typer
from typer.testing import CliRunner

from dissmodel.cli.registry import trust as trust_command
from dissmodel.environments import trust
from dissmodel.environments.resolved import Resolved

KEY = "coastal-flood-0.1.0-0123456789ab"
FLOOD = Resolved("index", "coastal-flood", "0.1.0", None, "https://pypi.org/simple", "coastal-flood==0.1.0")


@pytest.fixture
def data_dir(tmp_path, monkeypatch):
    folder = tmp_path / "data"
    monkeypatch.setenv("DISSMODEL_DATA", str(folder))
    return folder


@pytest.fixture
def environment(data_dir):
    """What an installation leaves, without one."""
    folder = data_dir / "environments" / KEY
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    python.parent.mkdir(parents=True)
    python.touch()
    (folder / "used").mkdir()
    (folder / "used" / "coast%2Fflood").touch()
    resolved = {
        "kind": "index",
        "name": "coastal-flood",
        "version": "0.1.0",
        "commit": None,
        "source": "https://pypi.org/simple",
        "requirement": "coastal-flood==0.1.0",
    }
    document = {
        "schema_version": 1,
        "key": KEY,
        "created_at": "2026-01-02T03:04:05+00:00",
        "resolved": resolved,
        "packages": {"coastal-flood": "0.1.0"},
    }
    (folder / "environment.json").write_text(json.dumps(document), encoding="utf-8")
    return folder


def test_without_an_environment_the_list_says_so(dissmodel, data_dir):
    said = dissmodel("env", "list")

    assert (0, "") == (said.code, said.err)
    assert "no environment yet" in said.out
    assert [] == dissmodel("env", "list", "--json").json["environments"]


def test_the_list_tells_size_use_and_package(dissmodel, environment):
    said = dissmodel("env", "list")

    for words in (KEY, "coast/flood", "coastal-flood==0.1.0", "bytes"):
        assert words in said.out
    (row,) = dissmodel("env", "list", "--json").json["environments"]
    assert (KEY, ["coast/flood"]) == (row["key"], list(row["used_by"]))
    assert "0.1.0" == row["resolved"]["version"]


@pytest.mark.parametrize("name", [KEY, "coastal-flood", "--all"])
def test_an_environment_is_removed(dissmodel, environment, name):
    said = dissmodel("env", "remove", name)

    assert 0 == said.code
    assert f"removed {KEY}\n1 environment removed" in said.out
    assert not environment.exists()


def test_a_name_that_is_none_is_told_with_the_nearest(dissmodel, environment):
    said = dissmodel("env", "remove", "coastal-floot")

    assert 2 == said.code
    assert "Did you mean 'coastal-flood'" in said.err
    assert environment.exists()


@pytest.mark.parametrize("words", [(), ("coastal-flood", "--all")])
def test_remove_wants_to_know_which(dissmodel, environment, words):
    assert 2 == dissmodel("env", "remove", *words).code
    assert environment.exists()


def test_prune_goes_by_the_last_use(dissmodel, environment):
    assert [] == dissmodel("env", "prune", "--json").json["removed"]
    os.utime(environment / "used" / "coast%2Fflood", (0, 0))

    assert [KEY] == dissmodel("env", "prune", "--json").json["removed"]
    assert 2 == dissmodel("env", "prune", "--unused-for", "-1").code
    assert (0, "") == (dissmodel("env", "prune", "-q").code, dissmodel("env", "prune", "-q").out)


def test_trust_lists_and_revokes(data_dir):
    app = typer.Typer()
    app.command()(trust_command)
    trust.remember(FLOOD.identity, data_dir, registry="coast")

    listed = CliRunner().invoke(app, [])
    revoked = CliRunner().invoke(app, ["--revoke", "coastal-flood", "--json"])
    after = CliRunner().invoke(app, [])

    assert "coastal-flood==0.1.0" in listed.stdout
    assert "coast\n" in listed.stdout
    assert ["coastal-flood==0.1.0"] == [one["what"] for one in json.loads(revoked.stdout)["revoked"]]
    assert "Nothing is trusted yet" in after.stdout
