"""What `validate` says of a rule whose results differ between machines in their last bits."""

import importlib.util
import subprocess
import sys

import pytest

from dissmodel.cells.portable import findings

HEAD = """import math
import numpy as np
from numpy import log1p, sqrt


def helper(values):
    return other(values)


def other(values):
    return np.log(values)


def not_called(values):
    return np.tan(values)


class Mine:
    def mine(self, values):
        return math.exp(values)

    def step(self, cells, now):
        {}

    def measure(self, cells):
        return np.sin(1.0)


class Another:
    def step(self, cells, now):
        np.cos(1.0)
"""


@pytest.fixture
def said(tmp_path):
    def said(statement):
        path = tmp_path / "mine.py"
        path.write_text(HEAD.format(statement))
        spec = importlib.util.spec_from_file_location("mine", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return [one.message.partition(": ")[0] for one in findings(module.Mine.step, "mine")]

    return said


@pytest.mark.parametrize(
    ("statement", "uses"),
    [
        ("np.exp(cells.x)", "exp (line 23)"),
        ("a = cells.x ** 2; a **= 3", "** (line 23)"),
        (
            "log1p(cells.x) + math.hypot(1, 2) + pow(2.0, 0.5)",
            "hypot (line 23), log1p (line 23), pow (line 23)",
        ),
        ("np.random.default_rng(1).normal(size=3)", ".normal() (line 23)"),
        ("self.mine(helper(1.0))", "log (line 11), exp (line 20)"),
        ("np.exp(\n            np.exp(cells.x))", "exp (lines 23, 24)"),
        ("f = np.power", "power (line 23)"),
    ],
)
def test_each_use_is_named_with_its_line(said, statement, uses):
    assert [f"The rule uses {uses}"] == said(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "sqrt(cells.x) * cells.y / 2 - np.abs(cells.x)",
        "(cells.random() < 0.5) & (cells.x > 2 ** 31)",
        "self.exp, cells.log, cells.choice([1, 2])",
        "exp = 1; exp + 1",
    ],
)
def test_what_is_the_same_everywhere_is_not_named(said, statement):
    assert [] == said(statement)


def test_validate_says_it_without_an_input(tmp_path):
    (tmp_path / "heat.py").write_text(
        "import numpy as np\nfrom dissmodel.cells import CellModel, Numbers\n\n\nclass Heat(CellModel):\n"
        "    name = 'heat'\n    heat = Numbers()\n\n    def step(self, cells, now):\n"
        "        self.next.heat = np.exp(-self.heat)\n"
    )

    command = [sys.executable, "-m", "dissmodel", "validate", "heat.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)

    assert "The rule uses exp (line 10): the last bits" in done.stdout
    assert "keeps the executor contract (9 checks)" in done.stdout
