"""A service with the process echo, for all tests of OGC API - Processes; each makes jobs of its own."""

import contextlib
import sys
from dataclasses import dataclass, replace

import pytest

from dissmodel.service.settings import ServiceSettings
from support import ogc_echo
from support.http_api import KEYS, House, service_of, serving, sha256

FLOOD = """
[model]
name = "flood"
class = "echo"
description = "A coast under water."
[model.parameters]
pause = 3
"""


@dataclass
class Ogc:
    """A client of the paths below ``/ogc``."""

    house: House
    url: str

    def ask(self, method, path, *, status=200, key=KEYS["submitter"], headers=(), **words):
        """Ask for a path, or for a URL; return the answer."""
        url = path if path.startswith("http") else f"{self.url}{path}"
        sent = {**self.house.headers(key), **dict(headers)}
        answer = self.house.client.request(method, url, headers=sent, **words)
        assert status == answer.status_code, answer.text
        return answer

    def get(self, path, **words):
        return self.ask("GET", path, **words).json()

    def execute(self, inputs=None, *, process="echo", status=201, headers=(), **body):
        """Submit a job; return the answer."""
        given = {"input": "data.txt", "text": "hello"} if inputs is None else inputs
        body = {"inputs": given, **body}
        path = f"/processes/{process}/execution"
        return self.ask("POST", path, status=status, json=body, headers=headers)

    def job(self, inputs=None, **body):
        """Submit a job; return its id."""
        return self.execute(inputs, **body).json()["jobID"]

    def request(self, job):
        """What the place has of a job."""
        return self.house.service.truth.request(job)


def made(folder):
    """Make folders with the model, a registry and a file of keys."""
    for name in ("packages", "registry/models", "inputs"):
        (folder / name).mkdir(parents=True)
    ogc_echo.install(folder / "packages")
    (folder / "registry" / "models" / "flood.toml").write_text(FLOOD)
    (folder / "inputs" / "data.txt").write_text("some data")
    keys = (f'[{one}]\nrole = "{one}"\nsha256 = "{sha256(KEYS[one])}"\n' for one in KEYS)
    (folder / "keys.toml").write_text("".join(keys))
    return folder


@contextlib.contextmanager
def serving_at(folder):
    """Serve what is in these folders; the environment has to name them."""
    settings = replace(
        ServiceSettings.load(environ={}),
        data_dir=folder / "data" / "service",
        place=str(folder / "place"),
        inputs=str(folder / "inputs"),
        keys_file=folder / "keys.toml",
    )
    sys.path.insert(0, str(folder / "packages"))
    try:
        with serving(service_of(settings)) as house:
            yield Ogc(house, f"{house.url}/ogc")
    finally:
        sys.path.remove(str(folder / "packages"))


def name_places(folder, monkeypatch):
    monkeypatch.setenv("DISSMODEL_REGISTRY", str(folder / "registry"))
    monkeypatch.setenv("DISSMODEL_DATA", str(folder / "data"))
    monkeypatch.setenv("PYTHONPATH", str(folder / "packages"))


@pytest.fixture(scope="package")
def places(tmp_path_factory):
    return made(tmp_path_factory.mktemp("ogc"))


@pytest.fixture(scope="package")
def _served(places):
    with serving_at(places) as found:
        yield found


@pytest.fixture
def ogc(places, _served, monkeypatch):
    """The service of all tests; each names its places in the environment anew."""
    name_places(places, monkeypatch)
    return _served


@pytest.fixture
def alone(tmp_path, monkeypatch):
    """A service of one test, with whose jobs workers of its own do something."""
    name_places(made(tmp_path), monkeypatch)
    monkeypatch.setenv("DISSMODEL_SERVICE_PLACE", str(tmp_path / "place"))
    monkeypatch.setenv("DISSMODEL_SERVICE_INPUTS", str(tmp_path / "inputs"))
    with serving_at(tmp_path) as found:
        yield found
