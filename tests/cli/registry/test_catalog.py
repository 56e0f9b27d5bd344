"""The titles and groups of a registry's catalog, from the repository to the list."""

import shutil
import sys
from pathlib import Path

import pytest

CATALOG = "models:\n  flood: {title: Flooding, description: Water spreads., group: coast}\n"


@pytest.fixture
def synced(dissmodel, published):
    """A registry with a catalog, fetched."""
    (published.folder / "catalog.yaml").write_text(CATALOG)
    published.commit()
    assert 0 == dissmodel("registry", "sync", "--repo", published.url, "-q").code
    return published


def rows(dissmodel):
    found = dissmodel("registry", "list", "--json").json
    return {one["name"]: (one["title"], one["description"], one["group"]) for one in found["models"]}


def test_the_list_shows_titles_and_groups(dissmodel, synced):
    said = dissmodel("registry", "list")
    one = dissmodel("registry", "show", "flood")

    head, flood, growth = said.out.splitlines()
    assert (0, "") == (said.code, said.err)
    assert ["model", "group", "substrate"] == head.split()[:3]
    assert ["default/flood", "coast"] == flood.split()[:2]
    assert flood.endswith("Flooding: Water spreads.")
    assert ["default/growth", "-"] == growth.split()[:2]
    assert growth.endswith("A model.")
    assert "default/flood: Flooding: Water spreads.\n" in one.out
    assert "  group      coast\n" in one.out
    assert {"flood": ("Flooding", "Water spreads.", "coast"), "growth": ("", "A model.", "")} == rows(
        dissmodel
    )


def test_a_change_of_the_catalog_alone_is_fetched(dissmodel, synced):
    (synced.folder / "catalog.yaml").write_text(CATALOG.replace("Flooding", "Floods"))
    synced.commit()
    dissmodel("registry", "sync")
    assert "Floods" == rows(dissmodel)["flood"][0]

    (synced.folder / "catalog.yaml").unlink()
    synced.commit()
    dissmodel("registry", "sync")
    assert ("", "A model.", "") == rows(dissmodel)["flood"]


@pytest.mark.slow
def test_a_copy_that_was_changed_is_not_used_and_fetched_again(dissmodel, synced):
    copy = Path(dissmodel("registry", "path").out.strip(), "catalog.yaml")
    copy.write_text(CATALOG.replace("Flooding", "Forged"))
    assert "" == rows(dissmodel)["flood"][0]

    dissmodel("registry", "sync")
    assert "Flooding" == rows(dissmodel)["flood"][0]


@pytest.mark.slow
def test_what_an_older_version_fetched_is_fetched_again(dissmodel, synced, home):
    (state,) = (home / "data").rglob("state.json")
    copy = Path(dissmodel("registry", "path").out.strip(), "catalog.yaml")
    state.write_text(
        "\n".join(one for one in state.read_text().splitlines() if "catalog" not in one).replace(
            '"in_place": false,', '"in_place": false'
        )
    )
    copy.unlink()
    assert "" == rows(dissmodel)["flood"][0]

    dissmodel("registry", "sync")
    assert "Flooding" == rows(dissmodel)["flood"][0]


def test_a_broken_catalog_is_a_warning_and_the_models_work(dissmodel, synced):
    (synced.folder / "catalog.yaml").write_text("models: [")
    synced.commit()
    sync = dissmodel("registry", "sync")
    said = dissmodel("registry", "list")

    assert (0, 0) == (sync.code, said.code)
    assert 3 == len(said.out.splitlines())
    (line,) = said.err.splitlines()
    assert line.startswith("warning: default: catalog.yaml:1: this is not valid YAML")
    assert "dissmodel registry check" in line


@pytest.mark.fast_cases("link")
@pytest.mark.parametrize("what", ["link", "large"])
def test_a_catalog_that_is_no_file_or_too_large_is_not_taken(dissmodel, published, what):
    catalog = published.folder / "catalog.yaml"
    if what == "link":
        catalog.symlink_to("/etc/passwd")
    else:
        catalog.write_text("#" * (200 << 10))
    published.commit()

    said = dissmodel("registry", "sync", "--repo", published.url)

    assert 0 == said.code
    assert "catalog.yaml is ignored" in said.err
    assert not Path(dissmodel("registry", "path").out.strip(), "catalog.yaml").exists()
    assert "" == rows(dissmodel)["flood"][0]


def test_a_folder_that_is_read_in_place_has_its_catalog_too(dissmodel, published):
    dissmodel("registry", "add", "mine", published.folder)
    (published.folder / "catalog.yaml").write_text(CATALOG)

    assert "Flooding" == rows(dissmodel)["flood"][0]


def test_without_a_parser_the_list_does_without_and_says_so_once(dissmodel, synced, monkeypatch):
    from dissmodel.registry import catalog

    catalog._read.cache_clear()
    monkeypatch.setitem(sys.modules, "ruamel.yaml", None)
    said = dissmodel("registry", "list")
    catalog._read.cache_clear()

    assert 3 == len(said.out.splitlines())
    (line,) = said.err.splitlines()
    assert "titles and groups of default are not shown" in line
    assert "pip install" in line


def test_check_reports_what_is_wrong_with_it_as_warnings(dissmodel, synced):
    (synced.folder / "catalog.yaml").write_text(f"{CATALOG}  wave: {{titel: W}}\n  ../x: {{title: X}}\n")
    said = dissmodel("registry", "check", synced.folder, "--json")

    assert 0 == said.code
    found = [one for one in said.json["findings"] if one["path"].endswith("catalog.yaml")]
    names = ("titel", "there is no model 'wave'", "there is no model '../x'")
    assert [(3, names[0]), (3, names[1]), (4, names[2])] == [
        (one["line"], next(name for name in names if name in one["message"])) for one in found
    ]
    assert {"warning"} == {one["severity"] for one in found}


def test_a_good_registry_with_a_catalog_has_no_findings(dissmodel, synced):
    shutil.rmtree(synced.folder / ".git")

    said = dissmodel("registry", "check", synced.folder, "--json")

    assert (0, []) == (said.code, said.json["findings"])
