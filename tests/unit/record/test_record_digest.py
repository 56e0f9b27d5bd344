import hashlib
import json
import math

import pytest

from dissmodel.record.digest import canonical, record_digest, sha256_bytes, sha256_file

DOCUMENT = {
    "experiment_id": "ab" * 16,
    "source": {"type": "local", "uri": "a/grid.tif", "checksum": "11" * 32},
    "output_path": "b/result.tif",
    "files": {"output": {"path": "result.tif", "size": 3, "sha256": "22" * 32}},
    "metrics": {"share": 0.1, "cells": 5},
    "record_digest": "sha256:0",
}


def changed(*path, to):
    document = json.loads(json.dumps(DOCUMENT))
    part = document
    for name in path[:-1]:
        part = part[name]
    part[path[-1]] = to
    return document


@pytest.mark.parametrize(
    "moved",
    [
        changed("output_path", to="elsewhere/result.tif"),
        changed("source", "uri", to="https://example.org/grid.tif"),
        changed("files", "output", "path", to="other.tif"),
        changed("record_digest", to=None),
    ],
)
def test_a_move_keeps_the_digest(moved):
    assert record_digest(DOCUMENT) == record_digest(moved)


@pytest.mark.parametrize(
    "edited",
    [
        changed("experiment_id", to="cd" * 16),
        changed("source", "checksum", to="33" * 32),
        changed("files", "output", "size", to=4),
        changed("files", "output", "sha256", to="33" * 32),
        changed("metrics", "share", to=0.1 + 2**-56),
        changed("metrics", "cells", to=5.0),
        changed("a_field_of_tomorrow", to=1),
    ],
)
def test_an_edit_changes_the_digest(edited):
    assert record_digest(DOCUMENT) != record_digest(edited)


def test_the_order_of_keys_is_of_no_account():
    assert record_digest(DOCUMENT) == record_digest(dict(reversed(DOCUMENT.items())))


def test_the_canonical_bytes():
    document = {"z": 1e-7, "a": "é\n", "Z": [1.0, 1e21], "source": {"uri": "x"}, "files": None}

    expected = '{"Z":[1.0,1e+21],"a":"é\\n","files":null,"source":{},"z":1e-07}'.encode()
    assert expected == canonical(document)
    assert f"sha256:{hashlib.sha256(expected).hexdigest()}" == record_digest(document)


@pytest.mark.parametrize("value", [math.nan, math.inf, "\ud800"])
def test_what_json_lacks_is_refused(value):
    with pytest.raises(ValueError):
        canonical({"metrics": {"x": value}})


def test_bytes_and_files_have_the_published_sha256(tmp_path):
    (tmp_path / "abc").write_bytes(b"abc")

    # FIPS 180-2, appendix B.1
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert expected == sha256_bytes(b"abc")
    assert expected == sha256_file(tmp_path / "abc")
