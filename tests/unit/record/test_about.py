"""`[about]`: what people say of a result, and how mistakes in it are told."""

import pytest

from dissmodel.errors import InvalidInput
from dissmodel.record import ExperimentRecord, store
from dissmodel.record.about import about_of, checked_license, checked_orcid, settled

# Those of the documentation of ORCID, https://support.orcid.org/hc/en-us/articles/360006897674.
ORCIDS = ["0000-0002-1825-0097", "0000-0001-5109-3700", "0000-0002-1694-233X"]


@pytest.mark.parametrize("orcid", ORCIDS)
def test_of_eleven_last_characters_one_is_the_check_digit(orcid):
    assert orcid == checked_orcid(f"https://orcid.org/{orcid.lower()}")
    for last in set("0123456789X") - {orcid[-1]}:
        with pytest.raises(InvalidInput, match=f"would end with {orcid[-1]}, not {last}"):
            checked_orcid(orcid[:-1] + last)


@pytest.mark.parametrize(
    "text", ["0000-0002-1825-009", "1825-0097", "https://example.org/0000-0002-1825-0097"]
)
def test_what_is_no_orcid(text):
    with pytest.raises(InvalidInput, match="is not an ORCID"):
        checked_orcid(text)


@pytest.mark.parametrize(
    ("given", "near"), [("CC-BY-4", "CC-BY-4.0"), ("cc by 4.0", "CC-BY-4.0"), ("Apache 2", "Apache-2.0")]
)
def test_an_unknown_licence_has_near_ones(given, near):
    with pytest.raises(InvalidInput, match="is not an identifier of the SPDX list") as error:
        checked_license(given)

    assert near in error.value.hint


@pytest.mark.parametrize(
    "given", ["MIT OR Apache-2.0", "GPL-3.0-only WITH GCC-exception-3.1", "LicenseRef-ours"]
)
def test_an_expression_is_no_single_licence(given):
    with pytest.raises(InvalidInput, match="is not an identifier of the SPDX list"):
        checked_license(given)


def test_a_licence_is_spelt_as_spdx_does():
    assert ["CC0-1.0", "CC-BY-4.0", "MIT"] == [
        checked_license(one) for one in ("cc0-1.0", "CC-BY-4.0", "mit")
    ]


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ({"licence": "MIT"}, "a.toml: licence: there is no such key"),
        ({"title": "a\x1b[2J"}, "a.toml: title: it has line breaks or invisible characters"),
        ({"creators": [{"name": "A\nB"}]}, "a.toml: creators.0.name: it has line breaks"),
        ({"title": 3}, "a.toml: title: it has to be text"),
        ({"keywords": "coast"}, "a.toml: keywords: it has to be a list"),
        ({"keywords": ["a", ""]}, "a.toml: keywords.1: it is empty"),
        ({"creators": ["Ana"]}, "a.toml: creators.0: it has to be a table"),
        ({"creators": [{"orcid": ORCIDS[0]}]}, "a.toml: creators.0.name: it is missing"),
        ({"creators": [{"name": "Ana", "orcId": ""}]}, "a.toml: creators.0.orcId: there is no such key"),
        (
            {"creators": [{"name": "A", "orcid": "0000-0002-1825-0098"}]},
            "a.toml: creators.0.orcid: 0000-0002",
        ),
        (
            {"creators": [{"name": "A", "affiliation": 3}]},
            "creators.0.affiliation: it has to be a table",
        ),
        ({"publisher": {"name": "Z", "url": "zenodo"}}, "a.toml: publisher.url: it is not a URL"),
        ({"funding": [{"award": "1"}]}, "a.toml: funding.0.funder: it is missing"),
        ({"description": "x" * 20_001}, "a.toml: description: it is too long"),
        ({"a\nb": 1}, r"a.toml: a\?b: there is no such key"),
    ],
)
def test_a_mistake_is_told_by_its_place(table, says):
    with pytest.raises(InvalidInput, match=says) as error:
        settled(table, "a.toml")

    assert "about" == error.value.code
    assert error.value.hint


def test_what_is_kept_is_read_again_and_has_nothing_empty():
    table = {
        "creators": [
            {"name": " Silva, Ana ", "orcid": "", "affiliation": {"name": "INPE"}},
            {"name": "Grupo"},
        ],
        "license": "mit",
        "title": "",
        "publisher": {"name": "Zenodo", "url": "https://zenodo.org"},
    }
    kept = settled(table, "a.toml")

    assert {
        "creators": [{"name": "Silva, Ana", "affiliation": {"name": "INPE"}}, {"name": "Grupo"}],
        "license": "MIT",
        "publisher": {"name": "Zenodo", "url": "https://zenodo.org"},
    } == kept
    assert kept == settled(kept, "a.toml")
    assert [("Silva", "Ana"), None] == [one.family_and_given for one in about_of(kept, "").creators]


def test_a_key_of_a_later_version_is_left_out():
    assert "x" == about_of({"title": "x", "rights": "all"}, "a record").title


def test_a_record_without_it_keeps_its_bytes():
    assert "about" not in store.to_document(ExperimentRecord())
