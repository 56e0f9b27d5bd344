"""A whole session, from an input in a bucket to a verdict: a secret is in nothing that it says or leaves."""

import contextlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dissmodel.record import store

PLANTED = "pl4nted"
ROOT = Path(__file__).resolve().parents[3]
BACKEND = """
from keyring.backend import KeyringBackend

class Mine(KeyringBackend):
    priority = 1
    def get_password(self, service, name):
        return {pair!r}[name]
    def set_password(self, service, name, password):
        raise NotImplementedError
"""


def plant_variables(prefix):
    def plant(home, access, secret):
        names = {"MINIO": ("ACCESS_KEY", "SECRET_KEY"), "AWS": ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY")}[prefix]
        return dict(zip((f"{prefix}_{name}" for name in names), (access, secret), strict=True))

    return plant


def plant_profile(home, access, secret):
    path = home / ".aws" / "credentials"
    path.parent.mkdir()
    path.write_text(f"[default]\naws_access_key_id = {access}\naws_secret_access_key = {secret}\n")
    return {}


def plant_alias(home, access, secret):
    path = home / ".mc" / "config.json"
    path.parent.mkdir()
    alias = {"url": "http://127.0.0.1:1", "accessKey": access, "secretKey": secret}
    path.write_text(json.dumps({"aliases": {"mine": alias}}))
    config = home / "config.toml"
    config.write_text('[storage]\nmc_alias = "mine"\n')
    return {"DISSMODEL_CONFIG": str(config)}


def plant_keyring(home, access, secret):
    folder = home / ".keyring"
    folder.mkdir()
    (folder / "mine_keyring.py").write_text(BACKEND.format(pair={"access_key": access, "secret_key": secret}))
    path = os.pathsep.join([os.environ.get("PYTHONPATH", ""), str(folder)]).strip(os.pathsep)
    return {
        "PYTHON_KEYRING_BACKEND": "mine_keyring.Mine",
        "PYTHONPATH": path,
        "PYTHONDONTWRITEBYTECODE": "1",  # or Python itself would leave a compiled copy of the above
    }


PLACES = {
    "MINIO": plant_variables("MINIO"),
    "AWS": plant_variables("AWS"),
    "profile": plant_profile,
    "alias": plant_alias,
    "keyring": plant_keyring,
}


@pytest.fixture
def session(tmp_path, rclone, s3, monkeypatch):
    """A function of an environment that returns one which runs a command as a process of its own.

    What all of them said, and how they stood in the list of processes, is in `said`.
    """
    for name in ("MINIO_ACCESS_KEY", "MINIO_SECRET_KEY"):
        monkeypatch.delenv(name)
    here = tmp_path / "here"
    here.mkdir()

    def begin(**more):
        paths = [str(ROOT), more.get("PYTHONPATH", os.environ.get("PYTHONPATH", ""))]
        environ = {
            **os.environ,
            "DISSMODEL_CONFIG": str(tmp_path / "config.toml"),
            "DISSMODEL_DATA": str(tmp_path / "data"),
            "DISSMODEL_CACHE": str(tmp_path / "cache"),
            "TMPDIR": str(tmp_path / "temporary"),
            **more,
            "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        }
        said = []

        def run(*words, code=0):
            command = [sys.executable, "-m", "dissmodel", *(str(word) for word in words)]
            with (tmp_path / "out").open("w+b") as out:
                process = subprocess.Popen(command, cwd=here, env=environ, stdout=out, stderr=out)
                listed = b""
                while process.poll() is None:
                    # In its environment they are, where they were given; its words are for all to read.
                    with contextlib.suppress(OSError):  # there may be no /proc
                        listed += Path(f"/proc/{process.pid}/cmdline").read_bytes()
                    time.sleep(0.05)
                out.seek(0)
                text = out.read()
            said.append((text, listed))
            assert code == process.returncode, text.decode()
            return text.decode()

        return run, said, here

    return begin


def holding(folders, secrets, spared):
    """Return the files that hold a secret, but those that it was planted in."""
    return [
        path
        for folder in folders
        for path in folder.rglob("*")
        if path.is_file() and path not in spared and any(one.encode() in path.read_bytes() for one in secrets)
    ]


@pytest.mark.parametrize(
    "place", [pytest.param(name, marks=[pytest.mark.slow] * (name != "MINIO")) for name in PLACES]
)
def test_credentials_are_nowhere(session, rclone, s3, model, tmp_path, place):
    server, folder = rclone
    s3.put(s3.folder / "grid.bin", s3.data)
    more = PLACES[place](tmp_path, server.access, server.secret)
    spared = [path for path in tmp_path.rglob("*") if path.is_file()]
    run, said, here = session(**more)
    to = f"{s3.uri}/pushed"

    ran = run("run", model, "-i", f"{s3.uri}/grid.bin", "-o", "r.bin", "--push", "--to", to, "--json")
    there = json.loads(ran)["pushed"]["uri"]
    run("push", "r.record.json", "--with-input", "--to", to)
    run("pull", there, "--to", "copies", "--with-input", "--json")
    run("run", model, "-i", f"{s3.uri}/grid.bin", "-o", f"{s3.uri}/runs/r.bin", "-v")
    run("reproduce", there, "--model", model, "-v")
    run("record", "verify", there, "--json")
    run("record", "show", there)
    run("record", "bundle", there, "--output", "b.zip")
    run("doctor", "--json", code=0)
    run("--debug", "pull", "s3://no-such-bucket/record.json", code=5)
    run("config", "set", "storage.secret_key", server.secret, code=2)

    copied = next(here.glob("copies/*/output.bin"))
    assert s3.data == copied.read_bytes()
    secrets = (server.secret, server.access)
    words = said.pop()[0].decode()  # the last has them among its own words, and only there
    assert server.secret not in words
    for text, listed in said:
        assert not any(one.encode() in text + listed for one in secrets)
    assert [] == holding((tmp_path, folder), secrets, spared)


@pytest.mark.slow
def test_what_is_in_a_url_is_nowhere(session, s3, web, rclone, model, tmp_path):
    """A user's name and password, and a query that signs: the record says that there was one, not which."""
    server, folder = rclone
    (web.root / "grid.bin").write_bytes(s3.data)
    url = f"http://{PLANTED}-me:{PLANTED}-pw@{web.netloc}/grid.bin?id=1&X-Amz-Signature={PLANTED}&token={PLANTED}"
    (tmp_path / "bad.py").write_text(
        model.read_text().replace("return data", "raise ValueError(record.source)")
    )
    run, said, here = session(MINIO_ACCESS_KEY=server.access, MINIO_SECRET_KEY=server.secret)
    to = f"{s3.uri}/pushed"

    there = json.loads(run("run", model, "-i", url, "-o", "r.bin", "--push", "--to", to, "--json"))["pushed"][
        "uri"
    ]
    run("run", model, "-i", url, "-o", f"{s3.uri}/runs/r.bin", "-v")
    run("run", tmp_path / "bad.py", "-i", url, "-o", "bad.bin", "-v", code=1)
    run("pull", there, "--to", "copies")
    run("reproduce", there, "--model", model, "--input", url)
    run("record", "bundle", "r.record.json", "--input", url, "--output", "b.zip")
    run("compare", "r.bin", url)
    run("compare", "r.bin", url.replace("grid.bin", "none.bin"), code=3)
    run("push", "r.record.json", "--with-input", "--to", to, code=3)

    record = store.read(here / "r.record.json")
    assert f"{web.url}/grid.bin?id=1&X-Amz-Signature=***&token=***" == record.source.uri
    assert any(
        PLANTED in " ".join(one.values()) + path for one, path in zip(web.headers, web.asked, strict=True)
    )
    assert not any(PLANTED.encode() in text for text, _ in said)
    assert [] == holding((tmp_path, folder), (PLANTED,), ())
