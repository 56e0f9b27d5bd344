"""What mypy knows of a user's file."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from support import growth

CODES = "dissmodel.cells.fields.Codes"
VALUES = "dissmodel.cells.fields.Values"
TRUTHS = "numpy.ndarray[tuple[Any, ...], numpy.dtype[numpy.bool[bool]]]"
WHOLE = "numpy.ndarray[tuple[Any, ...], numpy.dtype[numpy.signedinteger[numpy._typing._nbit_base._64Bit]]]"
BYTES = "numpy.ndarray[tuple[Any, ...], numpy.dtype[numpy.unsignedinteger[numpy._typing._nbit_base._8Bit]]]"
FLOATS = "numpy.ndarray[tuple[Any, ...], numpy.dtype[numpy.float64]]"

TYPES = {
    "self.built": CODES,
    "self.next.built": CODES,
    "self.slope": VALUES,
    "self.next.slope": VALUES,
    "self.needed": "int",
    "self.rate": "float",
    "self.built == 1": TRUTHS,
    "self.slope != 1": TRUTHS,
    "self.slope < 15": TRUTHS,
    "cells.random() < self.rate": TRUTHS,
    "cells.neighbors(self.built == 1).sum()": WHOLE,
    "cells.neighbors(self.built).max()": BYTES,
    "cells.neighbors(self.slope).sum()": FLOATS,
    "cells.neighbors(self.slope).mean()": FLOATS,
    "cells.neighbors(self.slope).any()": TRUTHS,
    "cells.grid(self.slope)": FLOATS,
    "cells.count(self.built == 1)": "int",
    "self.next": "growth.Growth",
}
ERRORS = {
    "self.bulit": '"Growth" has no attribute "bulit"; maybe "built"?',
    "self.next.bulit[0] = 1": '"Growth" has no attribute "bulit"; maybe "built"?',
    "self.next.bulit = 1": '"Growth" has no attribute "bulit"; maybe "built"?',
    "cells.neigbors(self.built)": '"CellSpace" has no attribute "neigbors"; maybe "neighbors"?',
    "self.needed.sort()": '"int" has no attribute "sort"',
}


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    """Return what mypy says of each statement in the rule of the growth model, and what of the rest."""
    statements = [*(f"reveal_type({one})" for one in TYPES), *ERRORS]
    text = Path(growth.__file__).read_text()
    head, rule, tail = text.partition("        ready = (\n")
    path = tmp_path_factory.mktemp("types") / "growth.py"
    path.write_text(head + "".join(f"        {one}\n" for one in statements) + rule + tail)
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", str(path)],
        capture_output=True,
        text=True,
        check=False,
        cwd=path.parent,
    )
    told = {int(line): what for line, what in re.findall(r"growth\.py:(\d+): \w+: (.*)", checked.stdout)}
    first = head.count("\n") + 1
    return {one: told.pop(first + place, "") for place, one in enumerate([*TYPES, *ERRORS])}, told


@pytest.mark.slow
@pytest.mark.skipif(
    np.lib.NumpyVersion(np.__version__) < "2.2.0", reason="this NumPy tells types in other words"
)
def test_every_name_has_its_type(said):
    found = {name: said[0][name].replace("builtins.", "") for name in TYPES}

    assert {name: f'Revealed type is "{kind}"' for name, kind in TYPES.items()} == found


@pytest.mark.slow
@pytest.mark.parametrize("statement", ERRORS)
def test_a_misspelt_name_is_an_error(said, statement):
    assert ERRORS[statement] in said[0][statement]


@pytest.mark.slow
def test_the_model_itself_has_no_error(said):
    assert {} == said[1]
