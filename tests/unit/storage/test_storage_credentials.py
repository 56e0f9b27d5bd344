import json
import os
import sys
from pathlib import Path

import pytest

from dissmodel.config import load_settings
from dissmodel.errors import StorageError, UsageError
from dissmodel.io import _storage
from dissmodel.storage.credentials import find
from dissmodel.storage.settings import StorageSettings

MINIO = {"MINIO_ACCESS_KEY": "minio-key", "MINIO_SECRET_KEY": "minio-secret"}
AWS = {
    "AWS_ACCESS_KEY_ID": "aws-key",
    "AWS_SECRET_ACCESS_KEY": "aws-secret",
    "AWS_SESSION_TOKEN": "aws-token",
}
HERE = StorageSettings(endpoint="host:9000", mc_alias="own")


@pytest.fixture(autouse=True)
def home(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    for name in list(os.environ):
        if name.startswith(("AWS_", "MINIO_", "MC_")):
            monkeypatch.delenv(name)
    return tmp_path


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


@pytest.fixture
def profile(home):
    write(
        home / ".aws" / "credentials",
        "[default]\naws_access_key_id = profile-key\naws_secret_access_key = profile%secret\n"
        "[half]\naws_access_key_id = half-key\n",
    )
    write(
        home / ".aws" / "config",
        "[default]\nregion = eu-west-1\n[profile far]\nendpoint_url = https://far:1\n",
    )


@pytest.fixture
def alias(home):
    own = {"url": "http://alias:9000", "accessKey": "alias-key", "secretKey": "alias-secret", "api": "s3v4"}
    write(home / ".mc" / "config.json", json.dumps({"version": "10", "aliases": {"own": own, "half": {}}}))


@pytest.fixture
def keyring(tmp_path, monkeypatch):
    """A keyring that is installed, in the one way that this module sees it."""
    folder = tmp_path / "installed" / "keyring"
    write(folder / "__init__.py", "def get_password(service, name):\n    return f'{service}-{name}'\n")
    write(folder / "errors.py", "class KeyringError(Exception):\n    pass\n")
    monkeypatch.syspath_prepend(str(folder.parent))
    real = forgotten_keyring()
    yield
    forgotten_keyring()
    sys.modules.update(real)


def forgotten_keyring():
    """Make Python import keyring anew, and return what it had."""
    names = [name for name in sys.modules if name.partition(".")[0] == "keyring"]
    return {name: sys.modules.pop(name) for name in names}


def test_each_place_in_its_turn(profile, alias, keyring, home):
    def key(environ):
        found = find(HERE, environ).credentials
        return found.access_key, found.secret_key, found.session_token

    assert ("minio-key", "minio-secret", None) == key({**MINIO, **AWS})
    assert ("aws-key", "aws-secret", "aws-token") == key(AWS)
    assert ("profile-key", "profile%secret", None) == key({})
    (home / ".aws" / "credentials").unlink()
    assert ("alias-key", "alias-secret", None) == key({})
    (home / ".mc" / "config.json").unlink()
    named = StorageSettings(endpoint="host:9000")
    assert find(named, {}).credentials.access_key == "dissmodel-access_key"


def test_only_the_place_is_said(profile, alias, home):
    origins = [find(HERE, environ).credentials.origin for environ in (MINIO, AWS, {})]

    expected = ["MINIO_ACCESS_KEY", "AWS_ACCESS_KEY_ID"]
    assert [*expected, f"the profile 'default' of {home / '.aws' / 'credentials'}"] == origins


@pytest.mark.parametrize(
    ("environ", "settings", "named"),
    [
        ({"MINIO_ACCESS_KEY": "k"}, HERE, "MINIO_SECRET_KEY is missing"),
        ({"MINIO_SECRET_KEY": "k"}, HERE, "MINIO_ACCESS_KEY is missing"),
        ({"MINIO_SECRET_KEY": " ", "MINIO_ACCESS_KEY": "k"}, HERE, "MINIO_SECRET_KEY is missing"),
        ({"AWS_ACCESS_KEY_ID": "k"}, HERE, "AWS_SECRET_ACCESS_KEY is missing"),
        (
            {},
            StorageSettings(endpoint="h", profile="half"),
            "aws_secret_access_key is missing in the profile 'half'",
        ),
        ({"AWS_PROFILE": "absent"}, StorageSettings(endpoint="h"), "'absent'"),
        ({"AWS_SHARED_CREDENTIALS_FILE": "none"}, StorageSettings(endpoint="h", mc_alias="no"), "alias 'no'"),
        (
            {"AWS_SHARED_CREDENTIALS_FILE": "none"},
            StorageSettings(endpoint="h", mc_alias="half"),
            "accessKey",
        ),
        ({"AWS_SHARED_CREDENTIALS_FILE": "none"}, StorageSettings(endpoint="h:1"), "https://h:1"),
    ],
)
def test_what_is_missing_is_named(profile, alias, environ, settings, named):
    with pytest.raises(StorageError) as caught:
        find(settings, environ)

    assert named in caught.value.message
    assert ("credentials_missing", 5) == (caught.value.code, caught.value.exit_code)
    assert "MINIO_ACCESS_KEY" in caught.value.hint


def test_nobody_only_if_asked():
    with pytest.raises(StorageError):
        find(StorageSettings(endpoint="host"), {})

    assert find(StorageSettings(endpoint="host", anonymous=True), MINIO).credentials is None


@pytest.mark.parametrize(
    ("environ", "settings", "expected"),
    [
        ({}, StorageSettings(endpoint="h:9000"), "https://h:9000"),
        ({}, StorageSettings(endpoint="h:9000", secure=False), "http://h:9000"),
        ({"MINIO_SECURE": "false"}, StorageSettings(endpoint="h"), "http://h"),
        ({"MINIO_SECURE": "False"}, StorageSettings(endpoint="h", secure=True), "http://h"),
        ({"MINIO_SECURE": "true"}, StorageSettings(endpoint="h", secure=False), "https://h"),
        ({"MINIO_SECURE": "true"}, StorageSettings(endpoint="http://h"), "http://h"),
        ({"MINIO_ENDPOINT": "m", "AWS_ENDPOINT_URL": "http://a"}, StorageSettings(endpoint="h"), "https://m"),
        ({"AWS_ENDPOINT_URL": "http://a/"}, StorageSettings(endpoint="h"), "http://a"),
        ({"AWS_ENDPOINT_URL_S3": "http://s", "AWS_ENDPOINT_URL": "http://a"}, StorageSettings(), "http://s"),
        ({}, StorageSettings(endpoint="http://[::1]:9000"), "http://[::1]:9000"),
    ],
)
def test_where(environ, settings, expected):
    assert expected == find(settings, {**MINIO, **environ}).endpoint.shown


def test_where_it_comes_with_the_credentials(alias, profile, home):
    assert (
        find(StorageSettings(), {"AWS_REGION": "eu-west-1", **AWS}).endpoint.shown
        == "https://s3.amazonaws.com"
    )
    assert find(StorageSettings(), {}).endpoint.region == "eu-west-1"
    (home / ".aws" / "credentials").unlink()
    assert find(StorageSettings(mc_alias="own"), {}).endpoint.shown == "http://alias:9000"
    with pytest.raises(StorageError, match="No object store is set"):
        find(StorageSettings(), MINIO)


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://host/path",
        "host:9000/minio",
        "http://user:planted@host",
        "host?x=planted",
        "ftp://host",
        "host:0",
        "host:99999",
        "host:x",
        "ho st",
        "-host",
        "http://",
        "a\nb",
    ],
)
def test_what_is_no_endpoint(endpoint):
    with pytest.raises(StorageError) as caught:
        find(StorageSettings(endpoint=endpoint), MINIO)

    assert ("storage_endpoint", 5) == (caught.value.code, caught.value.exit_code)
    assert "planted" not in caught.value.message
    assert caught.value.message.isprintable()


def test_what_is_neither_true_nor_false():
    with pytest.raises(UsageError, match="MINIO_SECURE"):
        find(HERE, {**MINIO, "MINIO_SECURE": "maybe"})


def test_what_the_settings_say(home):
    path = home / "config.toml"
    write(path, '[storage]\nendpoint = "h:1"\nsecure = false\nbucket = "results"\nmc_alias = "own"\n')

    found = StorageSettings.of(load_settings(folder=home, environ={"DISSMODEL_CONFIG": str(path)}))

    assert StorageSettings(endpoint="h:1", secure=False, bucket="results", mc_alias="own") == found


def test_a_default_client_of_what_the_environment_says(monkeypatch):
    for name, value in {**MINIO, "MINIO_ENDPOINT": "localhost:9000", "MINIO_SECURE": "false"}.items():
        monkeypatch.setenv(name, value)

    client = _storage.get_default_client()

    assert client._base_url.host == "localhost:9000"
    assert client is not _storage.get_default_client()
    assert not Path("~/.aws").expanduser().exists()
