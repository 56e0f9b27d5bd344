"""The HTTP API over a place, a queue and a registry in folders."""

from dataclasses import replace

import pytest

from dissmodel.service.settings import ServiceSettings
from support.http_api import KEYS, service_of, serving, sha256

FLOOD = """
[model]
name = "flood"
class = "coastal_raster"
description = "A coast under water."
[model.parameters]
end_time = 3
"""


@pytest.fixture
def place_uri(tmp_path):
    return str(tmp_path / "place")


@pytest.fixture
def registry(tmp_path, monkeypatch):
    """The folder of a registry with the model flood."""
    folder = tmp_path / "registry"
    (folder / "models").mkdir(parents=True)
    (folder / "models" / "flood.toml").write_text(FLOOD)
    monkeypatch.setenv("DISSMODEL_REGISTRY", str(folder))
    monkeypatch.setenv("DISSMODEL_DATA", str(tmp_path / "data"))
    return folder


@pytest.fixture
def keys_file(tmp_path):
    """Keys of a reader and of a submitter; that of the administrator is a variable."""
    file = tmp_path / "keys.toml"
    roles = ("reader", "submitter")
    file.write_text("".join(f'[{one}]\nrole = "{one}"\nsha256 = "{sha256(KEYS[one])}"\n' for one in roles))
    return file


@pytest.fixture
def settings(registry, keys_file, place_uri, tmp_path):
    settings = ServiceSettings.load(environ={"API_KEYS": KEYS["admin"], "DISSMODEL_SERVICE_PLACE": place_uri})
    inputs = str(tmp_path / "inputs") if "://" not in place_uri else settings.inputs
    return replace(settings, data_dir=tmp_path / "state", place=place_uri, inputs=inputs, keys_file=keys_file)


@pytest.fixture
def service(settings):
    return service_of(settings)


@pytest.fixture
def house(service):
    with serving(service) as found:
        yield found


@pytest.fixture
def open_house(service):
    """A service without keys."""
    with serving(
        replace(service, settings=replace(service.settings, keys_file=None, admin_keys=()))
    ) as found:
        yield found
