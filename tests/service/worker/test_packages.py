"""A model with a package of its own: installed by the worker, if the setting ``trust`` names it, once."""

import os
import time

import pytest

from cli.registry.packages import fill, make_project, publish
from dissmodel.config import load_settings
from dissmodel.environments import trust
from dissmodel.service.models import Model
from dissmodel.service.schemas import Schemas
from support.packages import commit


@pytest.fixture(scope="module")
def libraries(tmp_path_factory):
    """What dissmodel needs, for environments to be made without a network."""
    return fill(tmp_path_factory.mktemp("libraries"))


@pytest.fixture
def index(house, libraries, monkeypatch, tmp_path_factory):
    """The only index of the installer is a folder."""
    for name in [one for one in os.environ if one.startswith(("PIP_", "UV_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(libraries))
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path_factory.getbasetemp() / "uv-cache"))


@pytest.fixture
def package(house, index):
    """A git repository with the package of a model; the setting trust names it."""
    folder = house.folder / "coastal-flood"
    publish(folder)
    (house.folder / "user").mkdir(exist_ok=True)
    (house.folder / "user/config").write_text(f'trust = ["git+{folder.as_uri()}"]\n')
    return folder


def spec(folder, ref="v0.1.0"):
    package = f"git+{folder.as_uri()}@{ref}"
    return {"model": {"name": "flood", "package": package, "executor_module": "coastal_flood"}}


def submit(house, folder, **words):
    return house.submit(model_name="coast/flood", spec=spec(folder), timeout_s=300, **words)


def test_it_is_installed_once_and_run_in_its_environment(house, package, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "planted-secret")
    jobs = [submit(house, package) for _ in range(2)]

    assert 0 == house.drain(), house.shown()
    assert ["completed"] * 2 == [house.truth.outcome(job).status for job in jobs], house.shown()
    built = list((load_settings().data_dir / "environments").glob("coastal-flood-*"))
    assert 1 == len(built)
    record = house.record(jobs[0])
    assert ("coastal-flood", "0.1.0") == (record["code"]["package"], record["code"]["version"])
    assert "coastal-flood @ git+" in record["runtime"]["lock"]
    assert spec(package) == record["resolved_spec"]
    assert not [name for name in record["metrics"]["variables"] if name.startswith("AWS_")]
    # It is reproduced with the same package.
    again = house.submit(kind="reproduce", reproduces=jobs[0], input="")
    assert 0 == house.drain(), house.shown()
    assert "completed" == house.truth.outcome(again).status, house.truth.outcome(again)
    assert "identical-file" == house.record(again)["reproduction"]["verdict"]
    assert 1 == len(list((load_settings().data_dir / "environments").glob("coastal-flood-*")))


def test_what_somebody_agreed_to_on_a_terminal_does_not_count(house, package):
    (house.folder / "user/config").unlink()
    head = commit(package)
    data_dir = load_settings().data_dir
    trust.remember(f"git+{package.as_uri()}@{head}", data_dir)
    job = submit(house, package)

    assert 0 == house.drain(), house.shown()
    error = house.truth.outcome(job).error
    assert "consent_required" == error.code
    assert f"git+{package.as_uri()}" in error.hint
    assert not (data_dir / "environments").exists() or not list((data_dir / "environments").glob("coastal*"))


@pytest.mark.slow
def test_trust_that_is_withdrawn_stops_what_is_installed(house, package):
    schemas, model = Schemas(), Model("coast/flood", spec(package))
    assert schemas.of(model) is None
    assert "not installed" in schemas.problem(model)
    assert "completed" == _outcome(house, submit(house, package)).status
    assert "properties" in schemas.of(model)
    assert schemas.problem(model) is None
    (house.folder / "user/config").write_text("trust = []\n")

    assert schemas.of(model) is None
    assert "runs its author's code" in schemas.problem(model)
    assert "consent_required" == _outcome(house, submit(house, package)).error.code


@pytest.mark.slow
def test_an_install_that_fails_says_why(house, package):
    make_project(package, version="0.2.0", hook="raise SystemExit('the build is broken')")
    commit(package, "v0.2.0")
    job = house.submit(model_name="coast/flood", spec=spec(package, "v0.2.0"), timeout_s=300)

    began = time.monotonic()
    outcome = _outcome(house, job)
    assert ("failed", 1) == (outcome.status, outcome.attempts)
    assert "the build is broken" in outcome.error.message
    assert time.monotonic() - began < 100
    missing = house.submit(model_name="coast/flood", spec=spec(package, "v9"), timeout_s=300)
    assert "no_such_ref" == _outcome(house, missing).error.code


def _outcome(house, job):
    assert 0 == house.drain(), house.shown()
    return house.truth.outcome(job)
