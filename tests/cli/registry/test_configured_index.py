"""The machine's own package index: a well-known package of pure Python comes from there."""

import json
from pathlib import Path

import pytest

from .packages import MODEL, publish


@pytest.mark.slow
def test_a_model_that_needs_a_package_of_the_index(dissmodel, tmp_path):
    model = MODEL.replace("import os,", "import idna\nimport os,", 1)
    publish(tmp_path / "coastal-flood", requires=["idna"], model=model)
    Path("spec.toml").write_text(
        '[model]\nname = "flood"\npackage = "../coastal-flood"\nexecutor_module = "coastal_flood"\n'
    )
    Path("data.bin").write_bytes(b"some bytes")
    said = dissmodel("run", "--toml", "spec.toml", "-i", "data.bin", "-o", "r.bin", "--yes")
    if said.code == 5 and "Check the network" in said.err:
        pytest.skip("the machine's index can't be reached")
    record = json.loads(Path("r.record.json").read_text())

    assert 0 == said.code, said.err
    assert "idna" in record["runtime"]["packages"]
    idna = record["runtime"]["lock"].partition("idna==")[2]
    assert "--hash=sha256:" in idna.partition("\n")[2].partition("==")[0]
