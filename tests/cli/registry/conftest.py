"""Registries in real git repositories, by file:// and over smart HTTP on loopback."""

import base64
import contextlib
import os
import socket
import subprocess
import threading
from pathlib import Path

import pytest

from support.git import Backend, GitServer

from .packages import fill, publish

SPEC = '[model]\nname = "{0}"\nclass = "{0}"\npackage = "coastal-flood==0.1.0"\ndescription = "A model."\n'
GIT = {
    **{f"GIT_{who}_NAME": "Ana" for who in ("AUTHOR", "COMMITTER")},
    **{f"GIT_{who}_EMAIL": "ana@example.org" for who in ("AUTHOR", "COMMITTER")},
    "GIT_CONFIG_NOSYSTEM": "1",
}


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """Nothing of the user's: settings, data and git's own configuration are in a folder of the test."""
    home = tmp_path / "home"
    home.mkdir()
    for name in [one for one in os.environ if one.startswith(("DISSMODEL_", "GIT_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("DISSMODEL_CONFIG", str(home / "config.toml"))
    monkeypatch.setenv("DISSMODEL_DATA", str(home / "data"))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(home / "gitconfig"))
    for name, value in GIT.items():
        monkeypatch.setenv(name, value)
    (home / "gitconfig").write_text("[init]\n\tdefaultBranch = main\n", encoding="utf-8")
    return home


@pytest.fixture
def dissmodel(dissmodel, home, monkeypatch):
    """The command line, with settings and data in the test's own folder of the user."""
    monkeypatch.setenv("DISSMODEL_CONFIG", str(home / "config.toml"))
    monkeypatch.setenv("DISSMODEL_DATA", str(home / "data"))
    return dissmodel


class Published:
    """A registry that somebody published: a working copy, and the URL of its repository."""

    def __init__(self, folder):
        self.folder = folder
        (folder / "models").mkdir(parents=True)
        self.git("init", "--quiet")

    def git(self, *words):
        words = ["git", "-C", str(self.folder), *words]
        return subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip()

    @staticmethod
    def spec(name, more=""):
        return SPEC.format(name) + more

    @staticmethod
    def of(package, name="flood", more=""):
        """Return the spec of a model in a package."""
        return f'[model]\nname = "{name}"\npackage = "{package}"\nexecutor_module = "coastal_flood"\n{more}'

    @property
    def url(self):
        return f"file://{self.folder}"

    def write(self, name, text=None):
        path = self.folder / "models" / f"{name}.toml"
        path.write_text(self.spec(name) if text is None else text, encoding="utf-8")
        return path

    def commit(self, *options):
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "models", *options)
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def published(tmp_path):
    """A registry with the models `flood` and `growth`."""
    registry = Published(tmp_path / "published")
    registry.write("flood")
    registry.write("growth")
    registry.commit()
    return registry


@pytest.fixture
def served(published):
    """Return a function that serves the published registry over HTTP, and gives the server with its `url`."""
    with contextlib.ExitStack() as stack:

        def serve(*, user=None, stalls=""):
            password = f"Basic {base64.b64encode(user.encode()).decode()}" if user else None
            handler = type("Handler", (Backend,), {"password": password, "stalls": stalls})
            server = GitServer(handler, published.folder.parent, published.folder.name)
            thread = threading.Thread(target=server.serve_forever, args=(0.02,))
            thread.start()
            for end in (server.server_close, thread.join, server.shutdown, server.over.set):
                stack.callback(end)
            return server

        yield serve


@pytest.fixture
def silent_url():
    """The URL of a server that accepts and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/models.git"


@pytest.fixture
def kept(home):
    """Return a function that gives all that the files below the user's folder say, in one text."""

    def texts():
        paths = (path for path in Path(home).rglob("*") if path.is_file())
        return "\n".join(path.read_bytes().decode("utf-8", "replace") for path in paths)

    return texts


@pytest.fixture(scope="session")
def installed_libraries(tmp_path_factory):
    """What dissmodel needs, for environments to be made without a network."""
    return fill(tmp_path_factory.mktemp("libraries"))


@pytest.fixture
def index(tmp_path, monkeypatch, installed_libraries, tmp_path_factory):
    """The only index of the installer: this folder, beside what dissmodel needs."""
    folder = tmp_path / "index"
    folder.mkdir()
    for name in [one for one in os.environ if one.startswith(("PIP_", "UV_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", f"{folder} {installed_libraries}")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path_factory.getbasetemp() / "uv-cache"))
    return folder


@pytest.fixture
def offered(dissmodel, index, published, tmp_path):
    """A synced registry whose model `flood` is a package in a git repository; `data.bin` is its input."""
    folder = tmp_path / "coastal-flood"
    published.package_commit = publish(folder)
    published.package = folder
    published.write("flood", published.of(f"git+{folder.as_uri()}@v0.1.0"))
    published.head = published.commit()
    assert 0 == dissmodel("registry", "sync", "--repo", published.url).code
    Path("data.bin").write_bytes(b"some bytes")
    return published
