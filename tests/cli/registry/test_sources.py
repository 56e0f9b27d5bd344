"""Which registries there are, and what they say about a model."""

import shutil

import pytest


@pytest.fixture
def two(dissmodel, published):
    """Two registries that offer the same models: a repository, synced, and a folder, read in place."""
    dissmodel("registry", "add", "coast", published.url)
    folder = published.folder.with_name("mine")
    shutil.copytree(published.folder / "models", folder / "models")
    dissmodel("registry", "add", "mine", folder)
    dissmodel("registry", "sync")
    return folder


def test_a_model_that_two_registries_offer_is_said_in_full(dissmodel, two):
    said = dissmodel("registry", "show", "flood", "--json")

    assert (2, "ambiguous_model") == (said.code, said.json["error"]["code"])
    assert "coast/flood, mine/flood" in said.json["error"]["message"]
    assert "mine" == dissmodel("registry", "show", "mine/flood", "--json").json["registry"]


def test_what_is_shown_of_a_model(dissmodel, two, published):
    text = published.spec(
        "flood", "end_time = 3\n[model.columns]\nalt = 'elev'\n[model.parameters]\nrate = 0.5\n"
    )
    published.write("flood", text)
    commit = published.commit()
    dissmodel("registry", "sync", "coast")

    said = dissmodel("registry", "show", "coast/flood")
    shown = dissmodel("registry", "show", "coast/flood", "--json").json

    for text in (published.url, commit, "coastal-flood==0.1.0", "rate = 0.5", "vector"):
        assert text in said.out
    assert {"end_time": 3, "rate": 0.5} == shown["parameters"]
    assert (commit, published.url, "vector", False) == tuple(
        shown[name] for name in ("commit", "url", "substrate", "installed")
    )


def test_what_a_spec_gives_away_is_not_shown(dissmodel, two, published):
    text = published.spec("flood").replace(
        "coastal-flood==0.1.0", "git+https://ana:t0ps3cret@example.org/a@v1"
    )
    (two / "models" / "flood.toml").write_text(text)
    said = [
        dissmodel(*words, *more)
        for words in (("registry", "list"), ("registry", "show", "mine/flood"))
        for more in ((), ("--json",))
    ]

    assert [0] * 4 == [one.code for one in said]
    assert all("https://***@example.org/a@v1" in one.out for one in said)
    assert not any("t0ps3cret" in one.out + one.err for one in said)


def test_a_folder_is_read_where_it_is(dissmodel, two, published):
    (two / "models" / "tide.toml").write_text(published.spec("tide"))

    assert 0 == dissmodel("registry", "show", "tide").code
    assert str(two) == dissmodel("registry", "path", "mine").out.strip()
    assert "added    tide" in dissmodel("registry", "sync", "mine").out
    assert 2 == dissmodel("registry", "sync", "mine", "--branch", "x").code


def test_a_folder_that_git_knows_says_its_commit(dissmodel, published):
    commit = published.git("rev-parse", "HEAD")
    dissmodel("registry", "add", "mine", published.folder)

    assert commit == dissmodel("registry", "show", "mine/flood", "--json").json["commit"]
    published.write("flood", published.spec("flood", "end_time = 3\n"))
    assert f"{commit}-dirty" == dissmodel("registry", "show", "mine/flood", "--json").json["commit"]


def test_what_is_installed_is_said(dissmodel, two, published):
    (two / "models" / "shore.toml").write_text('[model]\nname = "shore"\nclass = "coastal_raster"\n')

    rows = {row["name"]: row for row in dissmodel("registry", "list", "--json").json["models"]}

    assert (True, False) == (rows["shore"]["installed"], rows["flood"]["installed"])


def test_what_is_removed_is_gone_and_a_folder_stays(dissmodel, two, home):
    assert 0 == dissmodel("registry", "remove", "coast").code
    assert 0 == dissmodel("registry", "remove", "mine").code

    assert [] == dissmodel("registry", "list", "--json").json["models"]
    assert (two / "models" / "flood.toml").is_file()
    assert not (home / "data" / "registries" / "coast").exists()
    assert "registries" not in (home / "config.toml").read_text()
    assert 2 == dissmodel("registry", "remove", "coast").code


def test_what_the_environment_sets_is_removed_there(dissmodel, published, monkeypatch):
    monkeypatch.setenv("DISSMODEL_REGISTRY", published.url)
    dissmodel("registry", "sync")

    said = dissmodel("registry", "remove", "default")

    assert (2, True) == (said.code, "environment (DISSMODEL_REGISTRY)" in said.err)


def test_a_registry_that_was_never_synced_says_how(dissmodel, published):
    dissmodel("registry", "add", "coast", published.url, "--branch", "main")

    said = dissmodel("registry", "list")
    assert (0, True) == (said.code, "dissmodel registry sync coast" in said.err)
    assert "dissmodel registry sync coast" in dissmodel("registry", "path").err
    assert "main" == dissmodel("registry", "sync", "--json").json["registries"][0]["branch"]


def test_mistakes_are_told(dissmodel, two, published):
    assert "'coast'" in dissmodel("registry", "sync", "coat").err
    assert "'flood'" in dissmodel("registry", "show", "flod").err
    assert "no model 'tide'" in dissmodel("registry", "show", "coast/tide").err
    assert "There are 2 registries" in dissmodel("registry", "path").err
    assert "a registry coast already" in dissmodel("registry", "add", "coast", published.url).err
    assert "no such folder" in dissmodel("registry", "add", "x", "no/such/folder").err
    assert "--branch is for one" in dissmodel("registry", "sync", "--branch", "x").err


def test_no_registry_at_all(dissmodel):
    for words in (["sync"], ["path"]):
        said = dissmodel("registry", *words)
        assert (2, True) == (said.code, "registry add NAME URL" in said.err)
    assert (0, []) == (
        dissmodel("registry", "list").code,
        dissmodel("registry", "list", "--json").json["models"],
    )


def test_a_state_that_was_damaged_is_as_if_never_synced(dissmodel, two, home):
    (home / "data" / "registries" / "coast" / "state.json").write_text('{"version": 1, "models": 3}')

    assert "not synced yet" in dissmodel("registry", "list").err
    assert "added    flood, growth" in dissmodel("registry", "sync", "coast").out


@pytest.mark.slow
def test_a_file_that_is_not_called_as_its_model_works_and_says_so(dissmodel, tmp_path, make_coast):
    models = tmp_path / "mine" / "models"
    models.mkdir(parents=True)
    (models / "tide.toml").write_text('[model]\nname = "coast"\nclass = "coastal_raster"\nend_time = 1\n')
    dissmodel("registry", "add", "mine", tmp_path / "mine")
    (row,) = dissmodel("registry", "list", "--json").json["models"]
    listed = dissmodel("registry", "list")
    validated = dissmodel("validate", "tide")

    assert ("tide", True) == (row["name"], row["usable"])
    assert "its name in the file is 'coast'" in row["problem"]
    assert "broken" not in listed.out
    assert "its name in the file is 'coast'" in listed.out
    assert 0 == validated.code
    assert "1 model, read in place" in dissmodel("doctor", "--offline").out
