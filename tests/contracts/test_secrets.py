"""A secret that is planted wherever one can come from is in nothing that is said or written."""

import contextlib
import json
import logging
import os
import subprocess
import sys
import traceback
from pathlib import Path

import pytest

from dissmodel.errors import DissmodelError
from dissmodel.record.digest import sha256_file
from dissmodel.storage.credentials import Credentials, find
from dissmodel.storage.s3 import S3Storage
from dissmodel.storage.settings import Patience, StorageSettings

PLANTED = "pl4nted"
QUICK = Patience(connect_s=1, silence_s=1, backoff_s=0.02)


def test_a_repr_hides(rclone):
    credentials = Credentials(f"{PLANTED}-key", f"{PLANTED}-secret", f"{PLANTED}-token", "a place")
    access = find(StorageSettings(), rclone.environ(MINIO_SECRET_KEY=PLANTED))
    storage = S3Storage(access, "bucket", QUICK)

    assert repr(credentials) == "Credentials(origin='a place')"
    for shown in (credentials, access, storage):
        assert PLANTED not in repr(shown) + str(shown)


def test_no_error_and_no_log(rclone, moto, open_bucket, proxy_of, tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    path = tmp_path / "file"
    path.write_bytes(bytes(9_000_000))
    said = []
    for server in (rclone, moto):
        proxy = proxy_of(server)
        good = open_bucket(server, endpoint=proxy.endpoint, patience=QUICK)
        bucket = good.shown.partition(" ")[0].removeprefix("s3://")
        environ = server.environ(
            MINIO_ENDPOINT=proxy.endpoint, MINIO_SECRET_KEY=PLANTED, MINIO_SESSION_TOKEN=f"{PLANTED}-token"
        )
        bad = S3Storage(find(StorageSettings(), environ), bucket, QUICK)
        for kind, storage in (("", bad), ("stall", good), ("status", good), ("cut_response", good)):
            proxy.always(kind or None)
            for call in (
                lambda: storage.stat("a"),  # noqa: B023  (called at once)
                lambda: storage.put(path, "a", sha256=sha256_file(path)),  # noqa: B023
                lambda: storage.get("a", tmp_path / "copy", limit=1),  # noqa: B023
            ):
                try:
                    call()
                except DissmodelError as error:
                    said.append("".join(traceback.format_exception(error)) + error.hint + repr(error))
            proxy.heal()

    text = "".join(said) + caplog.text
    assert len(said) > 10
    for secret in (PLANTED, rclone.secret, moto.secret):
        assert secret not in text


PLACES = {
    ".aws/credentials": f"[default]\naws_access_key_id = {PLANTED}\nthis is not a line {PLANTED}\n",
    ".mc/config.json": '{"aliases": {"m": {"accessKey": "pl4nted", "secretKey": 5}}',
}


@pytest.mark.parametrize("name", PLACES)
def test_a_file_of_secrets_that_is_damaged(name):
    path = Path.home() / name
    path.parent.mkdir()
    path.write_text(PLACES[name], encoding="utf-8")

    with pytest.raises(DissmodelError) as caught:
        find(StorageSettings(endpoint="host", mc_alias="m"), {})

    assert str(path) in caught.value.message
    assert PLANTED not in "".join(traceback.format_exception(caught.value))


PUT = """
import sys, time, pathlib
from dissmodel.storage.place import open_storage
from dissmodel.storage.settings import StorageSettings
from dissmodel.record.digest import sha256_file
path = pathlib.Path(sys.argv[1])
storage, key = open_storage(sys.argv[2], StorageSettings(mc_alias="own"))
storage.put(path, key, sha256=sha256_file(path))
print("done", flush=True)
sys.stdin.read()
"""


def test_no_process_list_and_no_file(rclone, open_bucket, tmp_path):
    """The credentials come from an mc alias, and only its own file has them."""
    bucket = open_bucket(rclone).shown.partition(" ")[0]
    home = Path.home()
    (home / ".mc").mkdir()
    alias = {"url": rclone.endpoint, "accessKey": rclone.access, "secretKey": rclone.secret}
    (home / ".mc" / "config.json").write_text(json.dumps({"aliases": {"own": alias}}), encoding="utf-8")
    path = tmp_path / "file"
    path.write_bytes(bytes(9_000_000))
    words = [sys.executable, "-c", PUT, str(path), f"{bucket}/a"]
    environ = {**os.environ, "TMPDIR": str(tmp_path), "AWS_REGION": "us-east-1"}
    with subprocess.Popen(
        words, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        said = process.stdout.readline()
        listed = b""
        for one in Path("/proc").glob("[0-9]*/cmdline"):  # empty where there is no /proc
            with contextlib.suppress(OSError):
                listed += one.read_bytes()
        rest = "".join(process.communicate())

    assert said == "done\n"
    assert rclone.secret not in rest
    assert rclone.secret.encode() not in listed
    written = [
        one for one in tmp_path.rglob("*") if one.is_file() and rclone.secret.encode() in one.read_bytes()
    ]
    assert [home / ".mc" / "config.json"] == written
