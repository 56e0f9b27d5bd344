import os
import subprocess
import sys
from pathlib import Path

import pytest

from dissmodel.errors import StorageError, UsageError
from dissmodel.storage.uri import parse


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("a.tif", "a.tif"),
        ("maré alta/ação #1?.tif", "maré alta/ação #1?.tif"),
        ("C:\\data\\a.tif", "C:\\data\\a.tif"),
        ("c:/data/a.tif", "c:/data/a.tif"),
        ("file:///tmp/a%20b.tif", "/tmp/a b.tif"),
        ("file://localhost/tmp/a.tif", "/tmp/a.tif"),
        ("FILE:///tmp/a?.tif", "/tmp/a?.tif"),
        ("file://folder/a.tif", "folder/a.tif"),
        ("100%25.tif", "100%25.tif"),
    ],
)
def test_local_files(text, path):
    uri = parse(text)

    assert uri.scheme == "file"
    assert Path(path) == uri.path == uri.local()


def test_a_path_is_taken_as_it_is():
    assert parse(Path("x") / "a.tif").path == Path("x/a.tif")


@pytest.mark.parametrize(
    ("text", "scheme"), [("s3://b/k.tif", "s3"), ("http://h/a.tif", "http"), ("HTTPS://h/a.tif", "https")]
)
def test_remote_places_parse_and_are_no_paths(text, scheme):
    uri = parse(text)

    assert (scheme, None) == (uri.scheme, uri.path)
    with pytest.raises(StorageError, match="isn't supported yet") as caught:
        uri.local()
    assert caught.value.code == "remote_unsupported"
    assert "Download" in caught.value.hint


def test_secrets_are_not_shown():
    uri = parse("https://me:hunter2@example.org:8080/a.tif?token=hunter2#hunter2")

    with pytest.raises(StorageError) as caught:
        uri.local()

    assert uri.shown == "https://example.org:8080/a.tif"
    assert "hunter2" not in repr(uri) + str(uri) + str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  ",
        "a\0.tif",
        "file://",
        "file:///a%00",
        "http://[x",
        "https://ana:pw@[x/y",
        "ftp://h/a.tif",
        "zip://a.zip!b.tif",
    ],
)
def test_what_is_no_place_is_refused(text):
    with pytest.raises(UsageError) as caught:
        parse(text)
    assert "pw" not in str(caught.value)


@pytest.mark.skipif(sys.platform in {"win32", "darwin"}, reason="file names are Unicode there")
def test_a_locale_that_does_not_know_the_letters_of_a_name_is_blamed():
    code = """
import sys
from dissmodel.errors import UsageError
from dissmodel.storage.uri import parse
for name in sys.argv[1:]:
    try:
        parse(name)
    except UsageError as error:
        print(error.code, ascii(error.message), error.hint)
"""
    names = ["São.tif".encode(), b"S\xe3o.tif"]
    environ = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    ended = subprocess.run([sys.executable, "-c", code, *names], env=environ, capture_output=True, check=True)
    locale, name = ended.stdout.decode().splitlines()

    assert locale.startswith("locale")
    assert "the locale of this process reads file names as ascii" in locale
    assert locale.endswith("export LC_ALL=C.UTF-8")
    assert "this name is not UTF-8" in name
