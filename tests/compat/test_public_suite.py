"""The public DisSModel's own tests, those of its source distribution, against our package."""

import os
import subprocess
import sys
import tarfile
from xml.etree import ElementTree as ET

import pytest

from dissmodel.config.level import API_LEVEL

EXPECTED = {
    "test_public_api": 9,
    "test_scheduler": 27,
    "test_viz_fallback": 4,
    "test_widgets": 5,
}


@pytest.mark.slow
def test_the_public_package_s_own_tests_pass(from_index, tmp_path):
    sdist = from_index(f"dissmodel=={API_LEVEL}", "--no-binary", ":all:")
    with tarfile.open(sdist) as archive:
        files = [one for one in archive if one.isfile() and one.name.split("/")[1:2] == ["tests"]]
        archive.extractall(tmp_path, files, filter="data")
    (suite,) = tmp_path.glob("*/tests")

    said = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--junitxml=said.xml", "tests"],
        cwd=suite.parent,
        env={name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
        | {"PYTEST_DEBUG_TEMPROOT": str(tmp_path)},  # where it doesn't clear away what others left
        capture_output=True,
        text=True,
        check=False,
    )

    assert 0 == said.returncode, said.stdout[-3000:]
    cases = list(ET.parse(suite.parent / "said.xml").iter("testcase"))  # what pytest just wrote
    passed = [case for case in cases if len(case) == 0]  # a case with something inside failed or was skipped
    modules = [case.get("classname").split(".")[1] for case in passed]
    assert EXPECTED == {name: modules.count(name) for name in sorted(set(modules))}
