import pytest

from dissmodel.environments import Requirement
from dissmodel.errors import UsageError


@pytest.mark.parametrize(
    ("text", "name", "specifier", "exact"),
    [
        ("coastal-flood==0.1.0", "coastal-flood", "==0.1.0", "0.1.0"),
        ("  Coastal_Flood == 0.1.0 ", "coastal-flood", "==0.1.0", "0.1.0"),
        ("coastal.flood[maps]>=1,<2", "coastal-flood", "<2,>=1", None),
        ("coastal-flood==1.*", "coastal-flood", "==1.*", None),
        ("coastal-flood", "coastal-flood", "", None),
    ],
)
def test_a_package_of_an_index(text, name, specifier, exact):
    found = Requirement.parse(text)

    assert ("index", name, specifier, exact) == (found.kind, found.name, found.specifier, found.exact)


@pytest.mark.parametrize(
    ("text", "url", "ref", "subdirectory", "name"),
    [
        ("git+https://Host.org/org/repo.git@v1", "https://host.org/org/repo.git", "v1", None, None),
        ("git+https://host.org:8443/a/b", "https://host.org:8443/a/b", None, None, None),
        ("git+ssh://git@host.org/a/b@x/y", "ssh://git@host.org/a/b", "x/y", None, None),
        ("git+file:///srv/a%20b@main#subdirectory=py/m", "file:///srv/a%20b", "main", "py/m", None),
        ("Coast @ git+http://127.0.0.1:80/r@v1", "http://127.0.0.1:80/r", "v1", None, "coast"),
        ("coast[maps]@git+https://[::1]/r/", "https://[::1]/r", None, None, "coast"),
    ],
)
def test_a_git_repository(text, url, ref, subdirectory, name):
    found = Requirement.parse(text)

    assert ("git", url, ref) == (found.kind, found.url, found.ref)
    assert (subdirectory, name) == (found.subdirectory, found.name)


@pytest.mark.parametrize("text", [".", "./model", "models/a b", "../x & y", "{root}/abs"])
def test_a_folder_is_relative_to_the_spec(text, tmp_path):
    text = text.format(root=tmp_path)

    found = Requirement.parse(text, tmp_path)

    assert ("path", (tmp_path / text).resolve()) == (found.kind, found.path)


HOSTILE = [
    *("", " ", "-e .", "--index-url=https://evil", "-r list.txt", "--x", "x" * 1001),
    *("coast==1; python_version>'3'", "coast==1\n--index-url https://evil", "coast==1 --hash=sha256:00"),
    *("coast; rm -rf /", "$(id)", "`id`", "coast | id", "coast===1", "coast==1 evil", "coast\x1b[2J"),
    *("dissmodel", "DissModel==0.6.6", "dissmodel[parquet]", "dissmodel @ git+https://host/a/b"),
    *(
        "coast @ file:///etc",
        "coast @ https://host/x.whl",
        "https://host/x.whl",
        "file:///etc",
        "hg+https://h/r",
    ),
    *("git+https://ana:pw@host/a/b", "git+https://TOKEN@host/a/b", "git+ssh://ana:pw@host/a/b"),
    *("git+ssh://-oProxyCommand=id/a", "git+ssh://-oProxyCommand=id@host/a", "git+https://-host/a/b"),
    *(
        "git+ext::sh -c id",
        "git+ext://sh/a",
        "git+git@host:org/repo",
        "git+--upload-pack=id",
        "git+file://host/a",
    ),
    *(
        "git+https://host/a/../b",
        "git+https://host/a/%2e%2e/b",
        "git+https://host/a%2fb",
        "git+https://host//a",
    ),
    *("git+https://host/a/b@--upload-pack=id", "git+https://host/a/b@v1..v2", "git+https://host/a/b@x.lock"),
    *(
        "git+https://host/a/b@v1;id",
        "git+https://host/a/b@v 1",
        "git+https://host/a/b@",
        "git+https://host/-a",
    ),
    *("git+https://host/a?ref=x", "git+https://host/a#egg=x", "git+https://host/a#subdirectory=../x"),
    *("git+https://host/a#subdirectory=x&egg=y", "git+https://host/a#subdirectory=-x", "git+https://ho st/a"),
    *(
        "git+https://host:pw/a",
        "git+https://a..b/c",
        "git+https:///a/b",
        "git+https://host/",
        "git+https://host/a\\b",
    ),
    *("git+https://host/${HOME}", "git+https://host/a*", "git+https://[/a"),
]


@pytest.mark.parametrize("text", HOSTILE)
def test_what_is_more_than_a_package_is_refused(text):
    with pytest.raises(UsageError) as caught:
        Requirement.parse(text)

    assert "bad_package" == caught.value.code
    assert "pw" not in caught.value.message.replace("https://host:pw", "")
    assert "TOKEN" not in caught.value.message
    assert caught.value.message.isprintable()
