"""Which model a name means, where registries and packages offer some."""

import pytest

from dissmodel.config import load_settings
from dissmodel.errors import InvalidInput, UsageError
from dissmodel.registry import index

SPEC = '[model]\nname = "{0}"\nclass = "{0}"\n'


@pytest.fixture
def settings(tmp_path):
    """The registries `coast` and `shore`, both folders, as settings."""
    lines = []
    for registry, models in {"coast": ["flood", "coastal_raster"], "shore": ["flood", "tide"]}.items():
        folder = tmp_path / registry / "models"
        folder.mkdir(parents=True)
        for name in models:
            (folder / f"{name}.toml").write_text(SPEC.format(name))
        lines.append(f"[registries.{registry}]\nurl = '{folder.parent.as_posix()}'\n")
    (tmp_path / "config.toml").write_text("".join(lines))
    environ = {"DISSMODEL_CONFIG": str(tmp_path / "config.toml"), "DISSMODEL_DATA": str(tmp_path / "data")}
    return load_settings(folder=tmp_path, environ=environ)


def test_every_model_of_every_registry(settings, tmp_path):
    found = index.entries(settings)

    assert ["coast/coastal_raster", "coast/flood", "shore/flood", "shore/tide"] == [
        one.qualified for one in found
    ]
    assert tmp_path / "shore" / "models" / "tide.toml" == found[-1].path
    assert "tide" == found[-1].spec.executor
    assert found[-1].commit is None


def test_a_name_that_one_source_offers(settings):
    assert "shore/tide" == index.find("tide", settings).qualified
    assert "coast/flood" == index.find("coast/flood", settings).qualified


@pytest.mark.parametrize(
    ("name", "both"),
    [
        ("flood", "coast/flood, shore/flood"),
        ("coastal_raster", "builtin/coastal_raster, coast/coastal_raster"),
    ],
)
def test_a_name_that_two_sources_offer_has_to_be_said_in_full(settings, name, both):
    with pytest.raises(UsageError, match=both) as caught:
        index.find(name, settings)

    assert "ambiguous_model" == caught.value.code


def test_what_no_registry_offers_is_for_others_to_find(settings):
    for name in (
        "coastal_vector",
        "builtin/coastal_raster",
        "unknown",
        "file.py",
        "a/b/c.py",
        "",
        "../x",
        "/",
    ):
        assert index.find(name, settings) is None


def test_a_model_that_its_registry_does_not_have(settings):
    with pytest.raises(UsageError, match="The registry coast has no model 'flod'") as caught:
        index.find("coast/flod", settings)

    assert "Did you mean 'flood'?" in caught.value.hint


def test_a_name_leads_nowhere_else(settings):
    for name in ("coast/..", "coast/"):
        with pytest.raises(UsageError, match="has no model"):
            index.find(name, settings)
    assert index.find("coast/../shore/models/tide", settings) is None


def test_a_broken_one_is_told_when_it_is_meant_and_only_then(settings, tmp_path):
    path = tmp_path / "shore" / "models" / "tide.toml"
    path.write_text("[model")

    with pytest.raises(InvalidInput, match="not valid TOML"):
        index.find("tide", settings)
    assert "coast/flood" == index.find("coast/flood", settings).qualified
    assert ["tide"] == [one.name for one in index.entries(settings) if one.problem]


def test_a_registry_named_like_a_package(settings, tmp_path):
    (tmp_path / "config.toml").write_text(f"[registries.dissmodel]\nurl = '{tmp_path.as_posix()}/coast'\n")
    environ = {"DISSMODEL_CONFIG": str(tmp_path / "config.toml"), "DISSMODEL_DATA": str(tmp_path / "data")}
    found = index.find("dissmodel/coastal_raster", load_settings(folder=tmp_path, environ=environ))

    assert "dissmodel/coastal_raster" == found.qualified
