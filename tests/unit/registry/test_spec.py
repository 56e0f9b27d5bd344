"""A model's TOML."""

import pytest

from dissmodel.errors import InvalidInput
from dissmodel.registry.spec import MAX_BYTES, load_spec


@pytest.fixture
def spec(tmp_path):
    def load(text):
        path = tmp_path / "model.toml"
        path.write_text(text, encoding="utf-8")
        return load_spec(path)

    return load


def test_parameters_are_the_models_own_keys_under_its_section(spec):
    loaded = spec(
        """
        [model]
        name = "flood"
        class = "flood_vector"
        package = "coastal-flood==0.1.0"
        description = "floods"
        end_time = 5
        depth = 2
        [model.parameters]
        end_time = 10
        [model.bands]
        uso = "LandUse"
        [model.columns]
        alt = "elev"
        [[model.potential]]
        const = 0.74
        """
    )

    assert {"end_time": 10, "depth": 2, "potential": [{"const": 0.74}]} == dict(loaded.parameters)
    assert {"uso": "LandUse"} == loaded.bands
    assert {"alt": "elev"} == loaded.columns
    assert loaded.executor == "flood_vector"
    assert loaded.resolved["model"]["package"] == "coastal-flood==0.1.0"


def test_both_forms_of_land_use_types_mean_the_same(spec):
    plain = spec('[model]\nland_use_types = ["f", "d"]')
    table = spec('[model]\nland_use_types = {types = ["f", "d"]}')

    assert {"land_use_types": ["f", "d"]} == dict(plain.parameters) == dict(table.parameters)


@pytest.mark.parametrize("wanted", [">=0.6.0,<0.7.0", ">=0.6.90", "==0.6.6"])
def test_a_version_range_is_met_by_ours_or_by_the_api_level(spec, wanted):
    assert spec(f'[model]\ndissmodel = "{wanted}"').model["dissmodel"] == wanted


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[modle]\nname = 'x'", "[model]"),
        ("", "[model]"),
        ("[model]\n[model.paramters]\nend_time = 1", "[model.parameters]"),
        ("[model]\n[model.band]\nuso = 'a'", "[model.bands]"),
        ("[model]\n[parameters]\nend_time = 1", "[model.parameters]"),
        ("[model\nname = 1", "not valid TOML"),
        ("[model]\nparameters = 3", "has to be a table"),
        ("[model]\n[model.bands]\nuso = 3", "has to be a name"),
        ("[model]\nclass = 3", "has to be text"),
        ("[model]\ndissmodel = '>=9'", "needs dissmodel >=9"),
        ("[model]\ndissmodel = '>=0.7'", "needs dissmodel >=0.7; this is 0.6."),
        ("[model]\ndissmodel = 'new'", "not a version range"),
        ("a = " + "[" * 5000, "not valid TOML"),
    ],
)
def test_what_is_wrong_is_said(spec, text, said):
    with pytest.raises(InvalidInput) as caught:
        spec(text)

    assert said in f"{caught.value} {caught.value.hint}"


def test_another_table_is_passed_over_and_named(spec):
    assert spec("[model]\nname = 'x'\n[tool.other]\na = 1").ignored == ("tool",)


def test_a_missing_a_large_and_a_binary_file_are_refused(tmp_path):
    large = tmp_path / "large.toml"
    large.write_bytes(b"#" * (MAX_BYTES + 1))
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"\xff\xfe\x00")

    for path, said in (
        (tmp_path / "none.toml", "no such file"),
        (large, "larger"),
        (binary, "not valid TOML"),
    ):
        with pytest.raises(InvalidInput, match=said):
            load_spec(path)
