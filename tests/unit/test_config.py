"""Settings: who may set what, who wins, and what a file looks like afterwards."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from dissmodel.config import load_settings, parse_remote
from dissmodel.config.files import MAX_BYTES, edited, project_file, read_settings, user_file
from dissmodel.config.keys import KEYS
from dissmodel.errors import InvalidInput, UsageError


@pytest.fixture
def load(tmp_path):
    """Return a function that gives the settings of two files, the environment and the command line."""
    (tmp_path / "project").mkdir()

    def settings(user="", project=None, given=None, **environ):
        (tmp_path / "config.toml").write_text(user, encoding="utf-8")
        if project is not None:
            (tmp_path / "project" / "dissmodel.toml").write_text(project, encoding="utf-8")
        environ = {"DISSMODEL_CONFIG": str(tmp_path / "config.toml"), **environ}
        return load_settings(folder=tmp_path / "project", environ=environ, given=given)

    return settings


def test_the_stronger_word_wins_and_its_origin_is_known(load):
    layers = {
        "user file": {"user": 'storage.bucket = "a"'},
        "project file": {"project": 'storage.bucket = "b"'},
        "environment": {"DISSMODEL_STORAGE_BUCKET": "c"},
        "command line": {"given": {"storage.bucket": "d"}},
    }
    so_far = {}
    assert ("default", None) == (
        load().settings["storage.bucket"].origin,
        load().text("storage.bucket"),
    )
    for (origin, layer), value in zip(layers.items(), "abcd", strict=True):
        so_far |= layer
        found = load(**so_far).settings["storage.bucket"]
        assert (origin, value) == (found.origin, found.value)


def test_where_a_setting_is_from_is_a_file_or_a_variable(load, tmp_path):
    settings = load('trust = ["a"]', 'storage.bucket = "b"', DISSMODEL_STORAGE_SECURE="no")

    assert str(tmp_path / "config.toml") == settings.settings["trust"].where
    assert str(tmp_path / "project" / "dissmodel.toml") == settings.settings["storage.bucket"].where
    assert ("DISSMODEL_STORAGE_SECURE", False) == (
        settings.settings["storage.secure"].where,
        settings.value("storage.secure"),
    )


def test_the_folders_are_where_the_system_keeps_such_things_or_where_they_are_set(load, tmp_path):
    import platformdirs

    assert Path(platformdirs.user_data_dir("dissmodel", appauthor=False)) == load().data_dir
    assert Path(platformdirs.user_cache_dir("dissmodel", appauthor=False)) == load().cache_dir
    found = load(f'data_dir = "{tmp_path.as_posix()}/d"', DISSMODEL_CACHE="~/c")
    assert (tmp_path / "d", Path.home() / "c") == (found.data_dir, found.cache_dir)


def test_registries_and_the_default_one(load):
    found = load(
        'registries.coast = {url = "https://example.org/a.git", branch = "next"}\nregistries.b.branch = "x"',
        DISSMODEL_REGISTRY="https://example.org/b.git",
    ).registries

    assert {"coast": "https://example.org/a.git", "default": "https://example.org/b.git"} == {
        name: one.url for name, one in found.items()
    }
    assert ("next", None) == (found["coast"].branch, found["default"].branch)


@pytest.mark.parametrize(
    "name",
    sorted(
        set(KEYS)
        - {"storage.region", "storage.bucket", "storage.inputs_bucket", "output.cog"}
        - {name for name in KEYS if name.startswith("about.") and name != "about.creators"}
    ),
)
def test_a_project_may_not_say_whom_to_trust_or_where_things_go(load, name):
    fit = {
        "list": '["x"]',
        "flag": "false",
        "registry": '"https://example.org/x"',
        "size": '"1 GB"',
        "seconds": "30",
    }
    value = fit.get(KEYS[name].kind, '"/x"')
    with pytest.raises(InvalidInput) as caught:
        load(project=f"{name} = {value}")

    assert ("project_setting", True) == (caught.value.code, name in caught.value.message)
    assert "dissmodel config set" in caught.value.hint
    load(user=f"{name} = {value}", project="")


def test_a_project_may_not_name_registries_either(load):
    with pytest.raises(InvalidInput, match="may come from other people"):
        load(project='registries.coast.url = "https://example.org/x"')


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("storage.bukcet = 'x'", "unknown_setting"),
        ("storage.secret_key = 'hush'", "secret_setting"),
        ("storage.access_key = 'hush'", "secret_setting"),
        ("registries.coast.token = 'hush'", "unknown_setting"),
        ("github_token = 'hush'", "secret_setting"),
        ("registry.default = 'https://hush@example.org/x'", "secret_setting"),
        ("registries.coast.url = 'https://ana:hush@example.org/x'", "secret_setting"),
        ("storage.endpoint = 'https://ana:hush@example.org'", "secret_setting"),
        ("registries.coast.url = './here'", "setting_value"),
        ("registries.Coast.url = '/here'", "registry_name"),
        ("registries.default.url = '/here'", "registry_name"),
        ('registries."a.url".branch = "x"', "registry_name"),
        ('"storage.bucket" = "x"', "unknown_setting"),
        ("registry.default = 'ext::sh'", "registry_url"),
        ("data_dir = 'here'", "setting_value"),
        ("data_dir = 3", "setting_value"),
        ("data_dir = {x = 1}", "setting_value"),
        ("trust = 'a'", "setting_value"),
        ("trust = ['a', 3]", "setting_value"),
        ("storage.secure = 'yes'", "setting_value"),
        ("storage.bucket = ''", "setting_value"),
        ('storage.bucket = "a\\u001b[2J"', "setting_value"),
        ("storage = 3", "unknown_setting"),
        ("trust = [", "config_file"),
        ("x = " + "[" * 100_000, "config_file"),
        ("#" * (MAX_BYTES + 1), "config_file"),
    ],
)
def test_what_a_file_may_not_hold(load, tmp_path, text, code):
    with pytest.raises(InvalidInput) as caught:
        load(user=text)

    assert code == caught.value.code
    assert str(tmp_path / "config.toml") in caught.value.message
    assert "hush" not in caught.value.message + caught.value.hint


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("DISSMODEL_STORAGE_SECURE", "maybe"),
        ("DISSMODEL_REGISTRY", "ext::sh"),
        ("DISSMODEL_DATA", "~nobody-x/d"),
    ],
)
def test_what_a_variable_may_not_hold(load, variable, value):
    with pytest.raises(UsageError) as caught:
        load(**{variable: value})

    assert caught.value.message.startswith(f"{variable}: ")


def test_a_file_that_is_none(tmp_path):
    (tmp_path / "latin.toml").write_bytes(b"# \xe9\n")

    with pytest.raises(InvalidInput, match="UTF-8"):
        read_settings(tmp_path / "latin.toml", project=False)
    with pytest.raises(InvalidInput, match="it is a folder"):
        read_settings(tmp_path, project=False)
    assert {} == read_settings(tmp_path / "none.toml", project=False)


def test_the_projects_file_is_looked_for_up_to_the_repository_and_no_further(tmp_path):
    (tmp_path / "dissmodel.toml").write_text("")
    inner = tmp_path / "repository" / "a" / "b"
    inner.mkdir(parents=True)

    assert project_file(inner) is None
    (tmp_path / "repository" / ".git").mkdir()
    assert project_file(inner) is None
    (tmp_path / "repository" / "dissmodel.toml").write_text("")
    assert tmp_path / "repository" / "dissmodel.toml" == project_file(inner)
    (inner / "dissmodel.toml").write_text("")
    assert inner / "dissmodel.toml" == project_file(inner)


def test_the_users_file_is_where_the_system_keeps_such_files():
    import platformdirs

    assert Path(platformdirs.user_config_dir("dissmodel", appauthor=False), "config.toml") == user_file({})


@pytest.mark.parametrize(
    "before", ["", "# mine\n[storage] # here\nregion = 'x'  # far\n\n[registries.coast]\nurl = '/x'\n"]
)
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("data_dir", "/data"),
        ("trust", ("a", "git+https://example.org/*")),
        ("storage.secure", False),
        ("storage.bucket", 'quote " and \\ and é'),
        ("registries.other.url", "/y"),
        ("registries.coast.branch", "next"),
        ("registry.default", "/z"),
    ],
)
def test_what_is_set_is_there_and_all_else_too_and_what_is_unset_is_gone(before, name, value):
    path = Path("c.toml")
    after = edited(path, before, name, value)
    found = tomllib.loads(after)
    for part in name.split("."):
        found = found[part]

    assert (list(value) if isinstance(value, tuple) else value) == found
    assert all(line in after.splitlines() for line in before.splitlines())
    assert tomllib.loads(before) == tomllib.loads(edited(path, after, name, None))


def test_a_remote_that_is_a_folder_and_one_that_is_not(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    subprocess.run(["git", "init", "--quiet", "--bare", "bare.git"], check=True)

    assert tmp_path / "here" == parse_remote("here").folder
    assert Path.home() / "here" == parse_remote("~/here").folder
    bare = parse_remote("bare.git")
    assert ((tmp_path / "bare.git").as_uri(), None) == (bare.url, bare.folder)
    assert parse_remote("C:\\models").folder is not None
    for text in ("ana@host:models.git", "host.example.org:models.git", "ssh://ana@host/models.git"):
        assert (text, None, None) == (
            parse_remote(text).url,
            parse_remote(text).folder,
            parse_remote(text).secret,
        )


def test_a_secret_in_a_url_is_kept_apart_and_never_in_a_text():
    remote = parse_remote("https://ana:p%40ss@example.org:8443/x.git")

    assert ("https://example.org:8443/x.git", "ana:p@ss") == (remote.url, remote.secret)
    assert "ss@" not in repr(remote)


def test_settings_load_nothing_heavy():
    code = (
        "import sys; from dissmodel.config import load_settings; load_settings(); "
        "print([one for one in ('pydantic', 'tomlkit', 'numpy') if one in sys.modules])"
    )

    assert (
        "[]\n"
        == subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    )
