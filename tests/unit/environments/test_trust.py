from dataclasses import replace

import pytest

from dissmodel.consent import Consent
from dissmodel.environments import trust
from dissmodel.environments.resolved import Resolved
from dissmodel.errors import ConsentRequired, StorageError, UsageError
from dissmodel.locks import held
from dissmodel.running.isolation import Isolation, isolated

COMMIT = "1f" * 20
FLOOD = Resolved("index", "coastal-flood", "0.1.0", None, "https://pypi.org/simple", "coastal-flood==0.1.0")
FOLDER = Resolved("path", "coastal-flood", None, None, "file:///home/ana/flood", "./flood")


def repository(url, commit=COMMIT):
    return Resolved("git", "coastal-flood", None, commit, url, f"git+{url}@v1")


@pytest.mark.parametrize(
    ("pattern", "url"),
    [
        ("git+https://github.com/org/*", "https://github.com/org/repo"),
        ("git+https://GitHub.com/org/*", "https://github.com/org/repo.git"),
        ("git+https://github.com/org/*", "https://github.com/org/group/repo"),
        ("git+https://github.com/org/repo", "https://github.com/org/repo.git"),
        ("git+ssh://git@host.org/org/*", "ssh://git@host.org/org/repo"),
        ("git+https://host.org:8443/org/repo", "https://host.org:8443/org/repo"),
        ("git+file:///srv/models/*", "file:///srv/models/flood"),
    ],
)
def test_a_pattern_means_a_repository(pattern, url):
    assert trust.matches(pattern, repository(url))


@pytest.mark.parametrize(
    ("pattern", "url"),
    [
        ("git+https://github.com/org/*", "https://github.com/org-evil/repo"),
        ("git+https://github.com/org/*", "https://github.com/org"),
        ("git+https://github.com/org/*", "https://github.com/evil/org/repo"),
        ("git+https://github.com/org/*", "https://github.com.evil.org/org/repo"),
        ("git+https://github.com/org/*", "https://evil.org/github.com/org/repo"),
        ("git+https://github.com/org/*", "http://github.com/org/repo"),
        ("git+https://github.com/org/*", "ssh://git@github.com/org/repo"),
        ("git+https://github.com/org/*", "https://github.com:8443/org/repo"),
        ("git+https://github.com/org/repo", "https://github.com/org/repo-evil"),
        ("git+https://github.com/org/repo", "https://github.com/org/repo/evil"),
        ("git+ssh://git@host.org/org/*", "ssh://evil@host.org/org/repo"),
        ("coastal-flood", "https://github.com/org/coastal-flood"),
    ],
)
def test_a_pattern_does_not_mean_its_neighbours(pattern, url):
    assert not trust.matches(pattern, repository(url))


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("coastal-flood", True),
        ("Coastal_Flood", True),
        ("coastal-flood==0.1.0", True),
        ("coastal-flood<0.2", True),
        ("coastal-flood==0.2.0", False),
        ("coastal", False),
        ("git+https://github.com/org/coastal-flood", False),
    ],
)
def test_a_name_means_a_package_of_the_index(pattern, expected):
    assert expected is trust.matches(pattern, FLOOD)
    assert not trust.matches(pattern, FOLDER)


@pytest.mark.parametrize(
    "pattern",
    [
        *(
            "",
            "*",
            "coastal-*",
            "git+https://github.com/or*",
            "git+https://*/org/*",
            "git+https://github.com/*/x",
        ),
        *(
            "git+https://github.com/org/../*",
            "git+https://github.com@evil.org/*",
            "git+https://github.com/org/r@v1",
        ),
        *(
            "coastal-flood; python_version>'3'",
            "./folder",
            "git+ext::sh",
            "coastal-flood @ git+https://h/o/r",
        ),
    ],
)
def test_what_is_no_pattern_is_told(pattern):
    with pytest.raises(UsageError):
        trust.matches(pattern, FLOOD)


def test_who_can_not_be_asked_is_told_what_it_is_about(data_dir):
    with pytest.raises(ConsentRequired) as caught:
        trust.check(repository("https://host.org/org/repo"), data_dir, registry="coast")

    for words in ("coastal-flood", "https://host.org/org/repo", COMMIT, "asked for by coast"):
        assert words in caught.value.message
    assert 2 == caught.value.exit_code


def test_one_word_is_enough_for_a_version_and_for_no_other(data_dir):
    asked = []

    def yes(what):
        asked.append(what)
        return True

    later = repository("https://host.org/org/repo", "2e" * 20)
    for one in (FLOOD, FLOOD, repository("https://host.org/org/repo"), later, later, FOLDER, FOLDER):
        trust.check(one, data_dir, ask=yes)

    assert 4 == len(asked)
    assert 4 == len(trust.approvals(data_dir))


OTHERS = [
    (FLOOD, replace(FLOOD, version="0.1.1")),
    (FLOOD, replace(FLOOD, version="0.1.0.post1")),
    (FLOOD, replace(FLOOD, name="coastal-floods")),
    (repository("https://host.org/org/repo"), repository("https://host.org/org/repo", "2e" * 20)),
    (repository("https://host.org/org/repo"), repository("https://host.org/org/repo2")),
    (
        repository("https://host.org/org/repo"),
        replace(repository("https://host.org/org/repo"), subdirectory="inner"),
    ),
    (FOLDER, replace(FOLDER, source="file:///home/ana/flood2")),
    (Resolved("record", "recorded", "1f", None, "", ""), Resolved("record", "recorded", "2e", None, "", "")),
]


@pytest.mark.parametrize(("agreed", "other"), OTHERS)
def test_consent_for_a_package_is_none_for_another_state_of_it(data_dir, agreed, other):
    trust.remember(agreed.identity, data_dir)
    trust.check(agreed, data_dir)

    with pytest.raises(ConsentRequired) as caught:
        trust.check(other, data_dir)

    assert other.identity == caught.value.what != agreed.identity


@pytest.mark.parametrize(("agreed", "other"), OTHERS)
def test_what_is_agreed_to_in_a_call_admits_nothing_else(data_dir, monkeypatch, agreed, other):
    monkeypatch.setenv("DISSMODEL_DATA", str(data_dir))
    consent = Consent(agreed=frozenset({agreed.identity}))

    with (
        pytest.raises(ConsentRequired) as caught,
        isolated(other, Isolation("flood", None, "coast/flood"), consent),
    ):
        pass

    assert other.identity == caught.value.what
    assert () == trust.approvals(data_dir)


@pytest.mark.parametrize(
    ("package", "expected"),
    [
        (FLOOD, "coastal-flood 0.1.0 would be installed from https://pypi.org/simple, asked for by coast."),
        (
            replace(repository("https://h.org/"), version="0.1.0"),
            f"coastal-flood 0.1.0 would be built from https://h.org/ at commit {COMMIT}, asked for by coast.",
        ),
        (
            replace(repository("file:///srv/repo"), name=""),
            f"A package would be built from file:///srv/repo at revision {COMMIT}, asked for by coast.",
        ),
        (
            replace(repository("file:///srv/repo"), name="", requirement="flood @ git+file:///srv/repo"),
            f"flood would be built from file:///srv/repo at revision {COMMIT}, asked for by coast.",
        ),
        (
            replace(repository("https://host.org/org/repo"), commit=None),
            "coastal-flood would be built from https://host.org/org/repo, asked for by coast.",
        ),
        (
            FOLDER,
            "coastal-flood would be installed from the folder file:///home/ana/flood, asked for by coast.",
        ),
    ],
)
def test_the_question_has_all_that_is_known(package, expected):
    assert expected == trust.describe(package, "coast")


def test_the_question_about_a_record_has_all_that_is_built_and_some_of_the_rest():
    wheels = [f"tide{number:02}==1.0 --hash=sha256:{'0' * 64}" for number in range(20)]
    built = [f"zone{number:02} @ git+https://host.org/org/zone@{COMMIT}" for number in range(13)]

    few = trust.describe(Resolved("record", "recorded", "1f", None, "", "", pins=(*wheels[:1], *built[:1])))
    many = trust.describe(Resolved("record", "recorded", "1f", None, "", "", pins=(*wheels, *built)))

    assert f"{built[0]}, tide00==1.0 would be installed from no index, as a record has them." == few
    assert all(line in many for line in built)
    assert "tide" not in many
    assert " and 20 more would be installed" in many


def test_a_no_is_not_remembered_as_a_yes(data_dir):
    for _ in range(2):
        with pytest.raises(ConsentRequired):
            trust.check(FLOOD, data_dir, ask=lambda _: False)

    assert () == trust.approvals(data_dir)


def test_what_the_settings_trust_is_not_asked_about_and_not_noted(data_dir):
    trust.check(FLOOD, data_dir, patterns=["other", "coastal-flood"])

    assert not data_dir.exists()


def test_a_broken_pattern_is_told_even_after_one_that_matches(data_dir):
    with pytest.raises(UsageError):
        trust.check(FLOOD, data_dir, patterns=["coastal-flood", "git+https://x/*y"])


@pytest.mark.parametrize(
    ("name", "left"),
    [
        ("coastal-flood", 2),
        ("Coastal_Flood", 2),
        ("coastal-flood==0.1.0", 3),
        ("git+https://host.org/org/repo", 2),
        (f"git+https://host.org/org/repo@{COMMIT}", 3),
    ],
)
def test_a_word_can_be_taken_back(data_dir, name, left):
    for one in (
        FLOOD,
        Resolved("index", "coastal-flood", "0.2.0", None, "", ""),
        repository("https://host.org/org/repo"),
        repository("https://host.org/org/repo", "2e" * 20),
    ):
        trust.remember(one.identity, data_dir)

    gone = trust.revoke(name, data_dir)

    assert left == len(trust.approvals(data_dir))
    assert 4 - left == len(gone)
    with pytest.raises(UsageError):
        trust.revoke(name, data_dir)


@pytest.mark.parametrize(
    "text",
    ["{", "[]", "[]" + " " * (4 << 20), '{"schema_version": 2, "approved": []}', '{"schema_version": 1}'],
)
def test_a_file_of_approvals_that_is_none_is_no_approval(data_dir, text):
    data_dir.mkdir()
    (data_dir / "trust.json").write_text(text, encoding="utf-8")

    with pytest.raises(StorageError) as caught:
        trust.check(FLOOD, data_dir, ask=lambda _: True)

    assert "trust.json" in caught.value.message


def test_two_who_agree_at_once_wait_for_each_other(data_dir, monkeypatch):
    monkeypatch.setattr(trust, "_PATIENCE_S", 0.0)
    data_dir.mkdir()

    with held(data_dir / ".trust.lock"), pytest.raises(StorageError) as caught:
        trust.remember(FLOOD.identity, data_dir)

    assert "trust_busy" == caught.value.code
    assert () == trust.approvals(data_dir)


def test_a_data_folder_that_can_not_be_made(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(StorageError, match="file") as caught:
        trust.remember(FLOOD.identity, tmp_path / "file" / "data")

    assert "DISSMODEL_DATA" in caught.value.hint


@pytest.mark.parametrize("given", ["https://host.org", "https://host.org/"])
def test_a_server_can_be_taken_back(data_dir, given):
    trust.remember("https://host.org", data_dir)
    trust.remember("https://host.org:8443", data_dir)

    assert ["https://host.org"] == [one.what for one in trust.revoke(given, data_dir)]
