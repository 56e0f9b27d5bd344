"""Every record file that was ever released is opened by this version."""

import hashlib
import json
from pathlib import Path

import pytest

from dissmodel.record import SCHEMA_VERSION, ExperimentRecord, store
from dissmodel.record.digest import record_digest

RECORDS = Path(__file__).parents[2] / "data" / "records"
FILES = sorted(RECORDS.glob("*/*.json"))
OURS = [path for path in FILES if path.parent.name.startswith("v")]
PUBLIC = [path for path in FILES if path.parent.name == "public-0.6"]


def ids(path):
    return f"{path.parent.name}/{path.name}"


def as_far_as(original, found):
    """Return `found` without the fields that `original` lacks: those of a later version."""
    if not isinstance(original, dict):
        return found
    return {name: as_far_as(value, found[name]) for name, value in original.items()}


def test_the_files_are_there():
    assert {"public-0.6", f"v{SCHEMA_VERSION}"} <= {path.parent.name for path in FILES}


@pytest.mark.parametrize("path", FILES, ids=ids)
def test_nothing_is_lost(tmp_path, path):
    original = json.loads(path.read_text(encoding="utf-8"))
    store.write(store.read(path), tmp_path / "r.record.json")
    found = json.loads((tmp_path / "r.record.json").read_text(encoding="utf-8"))

    original.pop("record_digest", None)  # it covers the fields that a later version adds
    assert original == as_far_as(original, found)


@pytest.mark.parametrize("path", OURS, ids=ids)
def test_the_digest_by_json_and_hashlib_alone(path):
    document = json.loads(path.read_text(encoding="utf-8"))
    noted = document.pop("record_digest")
    del document["output_path"], document["source"]["uri"]
    for file in document["files"].values():
        del file["path"]
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    assert noted == f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
    assert noted == record_digest(store.read_document(path))


@pytest.mark.parametrize("path", PUBLIC, ids=ids)
def test_a_public_record_has_no_schema_version(path):
    found = store.read(path)

    assert 0 == found.schema_version
    assert found.record_digest is None


def test_what_a_public_record_says():
    found = store.read(RECORDS / "public-0.6" / "completed.json")

    assert ("local", "local-cli", "0.6.6") == (found.model_name, found.model_commit, found.code_version)
    assert "4e" * 32 == found.output_sha256
    assert 1.203 == found.metrics["time_run_sec"]
    assert "completed" == found.status


@pytest.mark.parametrize("name", ExperimentRecord.model_fields)
def test_every_field_is_in_the_documentation(name):
    assert f"`{name}`" in (RECORDS.parents[2] / "docs" / "record.md").read_text(encoding="utf-8")


def test_the_recipe_in_the_documentation():
    page = (RECORDS.parents[2] / "docs" / "record.md").read_text(encoding="utf-8")
    recipe = page.split("```python\n")[1].split("```")[0]
    space = {}
    exec("".join(line[4:] for line in recipe.splitlines(keepends=True)), space)
    text = (RECORDS / "v1" / "full.json").read_text(encoding="utf-8")

    assert json.loads(text)["record_digest"] == space["digest"](text)
