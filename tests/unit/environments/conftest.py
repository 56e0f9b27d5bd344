"""An index that is a folder: nothing here needs a network."""

import importlib.metadata
import os

import pytest
from packaging.requirements import Requirement as Pep508

from dissmodel.environments import Requirement, obtain, resolve
from support.packages import make_wheel


@pytest.fixture(scope="session")
def stubs(tmp_path_factory):
    """Empty packages under the names of all that dissmodel needs, as the environment here has them."""
    folder = tmp_path_factory.mktemp("stubs")
    for text in importlib.metadata.requires("dissmodel") or ():
        one = Pep508(text)
        if one.marker is None or any(extra in str(one.marker) for extra in ("parquet", "pysal")):
            make_wheel(folder, one.name, importlib.metadata.version(one.name), files={})
    return folder


@pytest.fixture
def index(tmp_path, monkeypatch, stubs, tmp_path_factory):
    """The only index of the installer: this folder, beside what dissmodel needs."""
    folder = tmp_path / "index"
    folder.mkdir()
    for name in [one for one in os.environ if one.startswith(("PIP_", "UV_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", f"{folder} {stubs}")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path_factory.getbasetemp() / "uv-cache"))
    return folder


@pytest.fixture
def data_dir(tmp_path):
    return tmp_path / "data"


@pytest.fixture
def install(data_dir):
    """Return a function that resolves and installs a package, with everybody's consent."""

    def run(text, relative_to=None, **options):
        requirement = Requirement.parse(str(text), relative_to)
        resolved = resolve(requirement, data_dir=data_dir, **options)
        return obtain(resolved, data_dir, consent=lambda _: None, **options)

    return run
