"""``dissmodel config``."""

from pathlib import Path

import pytest


def test_what_is_set_is_shown_with_where_it_is_from(dissmodel, home, monkeypatch):
    (home / "config.toml").write_text("# mine\n")
    monkeypatch.setenv("DISSMODEL_STORAGE_REGION", "sa-east-1")

    assert "storage.bucket = results in " in dissmodel("config", "set", "storage.bucket", "results").out
    dissmodel("config", "set", "trust", "coastal-flood, git+https://example.org/org/*")

    shown = dissmodel("config", "show", "--json").json["settings"]
    assert {"value": "results", "origin": "user file", "where": str(home / "config.toml")} == shown[
        "storage.bucket"
    ]
    assert ["coastal-flood", "git+https://example.org/org/*"] == shown["trust"]["value"]
    assert ("environment", "DISSMODEL_STORAGE_REGION") == tuple(
        shown["storage.region"][name] for name in ("origin", "where")
    )
    assert "default" == shown["storage.secure"]["origin"]
    assert (home / "config.toml").read_text().startswith("# mine\n")
    assert "results" in dissmodel("config", "show", "storage.bucket").out


def test_what_other_tools_variables_say_goes_first_and_is_told(dissmodel, monkeypatch):
    dissmodel("config", "set", "storage.endpoint", "minio.example.org:9000")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://aws.example.org")
    monkeypatch.setenv("MINIO_ENDPOINT", "https://me:planted@other.example.org")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")

    said = dissmodel("config", "show", "--json")

    shown = said.json["settings"]
    assert ("environment", "MINIO_ENDPOINT") == tuple(
        shown["storage.endpoint"][name] for name in ("origin", "where")
    )
    assert "other.example.org" in shown["storage.endpoint"]["value"]
    assert "planted" not in said.out
    assert ("eu-west-1", "AWS_DEFAULT_REGION") == tuple(
        shown["storage.region"][name] for name in ("value", "where")
    )


def test_what_is_unset_is_gone(dissmodel, home):
    dissmodel("config", "set", "storage.secure", "no")

    assert 0 == dissmodel("config", "set", "--unset", "storage.secure").code
    assert "" == (home / "config.toml").read_text().strip()
    assert 2 == dissmodel("config", "set", "--unset", "storage.secure").code


def test_a_path_is_where_it_was_typed(dissmodel, tmp_path):
    dissmodel("config", "set", "data_dir", "data")
    dissmodel("config", "set", "registry.default", "models")

    shown = dissmodel("config", "show", "--json").json["settings"]
    assert str(tmp_path / "here" / "models") == shown["registry.default"]["value"]
    assert str(tmp_path / "home" / "data") == shown["data_dir"]["value"]  # the environment's


def test_the_files(dissmodel, home):
    assert f"{home / 'config.toml'}\n" == dissmodel("config", "path").out
    assert {"user": str(home / "config.toml"), "project": None}.items() <= dissmodel(
        "config", "path", "--json"
    ).json.items()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["cache_size", "lots"], "not a size"),
        (["storage.secret_key", "hush"], "keep no secrets"),
        (["registry.default", "https://hush@example.org/x"], "a token in the URL"),
        (["storage.bukcet", "x"], "Did you mean 'storage.bucket'"),
        (["storage.secure", "maybe"], "neither true nor false"),
        (["storage.bucket"], "Which value"),
        (["--unset", "storage.bucket", "x"], "not both"),
        (["registries.coast.url", "ext::sh"], "would start a program"),
    ],
)
def test_what_is_refused_is_not_written(dissmodel, home, words, said):
    told = dissmodel("config", "set", *words)

    assert (2, True) == (told.code, said in told.err)
    assert "hush" not in told.err
    assert not (home / "config.toml").exists()


def test_a_project_that_grants_itself_trust_is_told(dissmodel):
    Path("dissmodel.toml").write_text('trust = ["git+https://evil.example/*"]\n')

    said = dissmodel("config", "show")

    assert (3, True) == (said.code, "trust can't be set for a project" in said.err)


def test_a_place_that_cannot_be_written(dissmodel, monkeypatch, read_only_folder):
    monkeypatch.setenv("DISSMODEL_CONFIG", str(read_only_folder / "config.toml"))

    said = dissmodel("config", "set", "storage.bucket", "x")

    assert (5, True) == (said.code, "can't be written" in said.err)
