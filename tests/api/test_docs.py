"""The Python of the README and of the docs runs, one block after the other."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FENCE = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", ["README.md", "docs/python.md"])
def test_the_python_of_a_page_runs(page, here, make_coast):
    make_coast.main(["--output", "grid.zip"])
    blocks = [one for one in FENCE.findall((ROOT / page).read_text(encoding="utf-8")) if "class " not in one]
    program = "\n".join(blocks)

    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert "dissmodel.run(" in program
    assert (0, "") == (said.returncode, said.stderr)


def test_the_page_names_every_function():
    import dissmodel

    page = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
    functions = [
        name
        for name in dissmodel.__all__
        if getattr(getattr(dissmodel, name), "__module__", "") == "dissmodel.api"
    ]

    assert len(functions) == 19
    assert [] == [name for name in functions if f"`{name}(" not in page]
