"""Rules of one cell: compiled, in Python, and written with arrays they have the same bits."""

from __future__ import annotations

import math
import os
import subprocess
import sys

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

import dissmodel
from dissmodel.cells import CellModel, CellSpace, Classes, Neighbors, Numbers, Value, kernel, kernels
from dissmodel.cells.grids import grid_topology
from dissmodel.cells.kernel_build import COMPILING
from dissmodel.cells.layout import Pixels
from dissmodel.cells.links import Links, table_topology
from dissmodel.cells.mistakes import ModelMistake
from dissmodel.cells.near import neighbors, polygon_topology
from dissmodel.cells.reach import find_reach
from dissmodel.errors import DissmodelWarning
from dissmodel.executor.config import RunContext, within
from dissmodel.executor.host import Reach

BURNING = 2
ASKED = ("sum", "count", "any", "min", "max", "mean")
WINDOWS = [("moore", 1), ("von_neumann", 1), ("moore", 2), ("circle", 2.5), ("moore", 6)]


def asked(near: Neighbors, what: int) -> float:
    if what == 0:
        return near.sum()
    if what == 1:
        return near.count()
    if what == 2:
        return near.any()
    if what == 3:
        return near.min()
    if what == 4:
        return near.max()
    return near.mean()


def mixed(own: Value, near: Neighbors, wide: Neighbors, code: int) -> float:
    """Use one cell's values in ways that arrays have no word for."""
    level = half(own) + near.count(code) - wide.count(1)
    for value in wide:
        if value < 0:
            continue
        level = level * 0.5 + value
        if value > 1e6:
            break
    if len(near) > 0:
        level = level / len(near) + near.min() - wide.max()
    return level + wide.sum()


def half(number: float) -> float:
    return number / 2


def catches(state: Value, near: Neighbors, draw: Value, chance: float) -> int:
    if state == BURNING:
        return 3
    if state == 1 and draw < chance * near.count(BURNING):
        return BURNING
    return state


def space(cells: int, **values):
    """Cells in a row, in a step."""
    fields = {
        name: Classes({0: "a", 1: "b"}) if array.dtype == np.uint8 else Numbers()
        for name, array in values.items()
    }
    for name, field in fields.items():
        field.name = name
    made = CellSpace(fields, values, Pixels(inside=np.ones((1, cells), bool)), lambda: 1)
    made.begin(1)
    return made


def in_python(rule, *given):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kernels, "INTERPRETED", math.inf)
        return kernel(rule)(*given)


def compiled(made, *given):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kernels, "INTERPRETED", 0)
        return made(*given)


def bits(values):
    return values.dtype.str, values.tobytes()


@st.composite
def neighborhoods(draw, windows=WINDOWS):
    """Windows on rasters with holes, in any order, and tables; and weights, or None."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    if draw(st.booleans()):
        cells = draw(st.integers(1, 12))
        topology = table_topology(cells, rng.permutation(np.argwhere(rng.random((cells, cells)) < 0.3)))
    else:
        inside = rng.random(rng.integers(1, 8, 2)) < draw(st.sampled_from([0.5, 0.8, 1.0]))
        inside[0, 0] = True
        order = np.full(inside.shape, -1)
        order[inside] = rng.permutation(np.count_nonzero(inside))
        order = order if draw(st.booleans()) else None
        topology = grid_topology(inside, order, *draw(st.sampled_from(windows)))
    return topology, rng.random(topology.counts.sum()) if draw(st.booleans()) else None


def some_values(cells, seed):
    """Truths, codes, integers, and floats whose sums depend on their order."""
    rng = np.random.default_rng(seed)
    return {
        "truths": rng.random(cells) < 0.4,
        "codes": rng.integers(0, 4, cells).astype(np.uint8),
        "integers": rng.integers(-4, 4, cells),
        "floats": np.round(rng.standard_normal(cells), 1) * 10.0 ** rng.integers(-8, 9, cells),
    }


@settings(deadline=None, max_examples=100)
@given(neighborhoods(), st.integers(0, 2**32), st.sampled_from(["truths", "codes", "integers", "floats"]))
@pytest.mark.filterwarnings("ignore:.*have no neighbours")
def test_the_neighbours_of_a_cell_give_what_arrays_give(neighborhood, seed, kind):
    topology, weights = neighborhood
    near = neighbors(topology, some_values(topology.cells, seed)[kind], weights)

    for what, method in enumerate(ASKED):
        found = in_python(asked, space(topology.cells), near, what)
        assert bits(np.asarray(getattr(near, method)()).astype(float)) == bits(found), method


def level(own: Value, near: Neighbors) -> float:
    return half(own) + near.sum() - near.min()


LEVEL, MIXED, ANY = kernel(level), kernel(mixed), kernel(asked)


@settings(deadline=None, max_examples=60)
@given(neighborhoods([("moore", 1)]), st.integers(0, 2**32))
def test_a_compiled_rule_has_the_bits_of_python(neighborhood, seed):
    topology, weights = neighborhood
    values = some_values(topology.cells, seed)
    given = (space(topology.cells), values["codes"], neighbors(topology, values["floats"], weights))

    assert bits(in_python(level, *given)) == bits(compiled(LEVEL, *given))


@pytest.mark.slow
@settings(deadline=None, max_examples=40)
@given(neighborhoods([("von_neumann", 1)]), st.integers(0, 2**32))
def test_any_rule_compiled_in_any_window_has_the_bits_of_python(neighborhood, seed):
    topology, weights = neighborhood
    values = some_values(topology.cells, seed)
    wide = topology if isinstance(topology, Links) else grid_topology(topology.inside, None, "circle", 2.5)
    near, far = neighbors(topology, values["codes"], weights), neighbors(wide, values["floats"])
    given = (space(topology.cells), values["truths"], near, far, seed % 3)

    assert bits(in_python(mixed, *given)) == bits(compiled(MIXED, *given))
    for what, some in enumerate(values.values()):
        given = (space(topology.cells), neighbors(topology, some, weights), (what + seed) % len(ASKED))
        assert bits(in_python(asked, *given)) == bits(compiled(ANY, *given))


@pytest.mark.fast_cases("3")
@pytest.mark.parametrize("threads", [1, 3])
def test_fire_on_pixels_on_squares_and_with_arrays(monkeypatch, threads):
    """Any number of threads shares the rows, and the halo of each is that of the whole."""
    monkeypatch.setattr("dissmodel.cells.kernel_loop._FEWEST", 100)
    rng = np.random.default_rng(2)
    row, col = np.divmod(np.arange(40 * 30), 30)
    squares = shapely.box(col * 10, -row * 10, col * 10 + 10, -row * 10 + 10)
    state, draw = rng.integers(0, 4, len(row)).astype(np.uint8), rng.random(len(row))
    pixels, links = grid_topology(np.ones((40, 30), bool)), polygon_topology(squares, "k_nearest", k=5)

    for topology in (pixels, polygon_topology(squares), links):
        near = neighbors(topology, state)
        with within(RunContext(base=None, threads=threads)):
            found = compiled(kernel(catches), space(len(row)), state, near, draw, 0.2)
        burning = neighbors(topology, state == BURNING).sum()
        expected = np.where((state == 1) & (draw < 0.2 * burning), BURNING, state)
        expected[state == BURNING] = 3
        assert expected.tolist() == found.tolist()


def of_a_local_code(state: Value, near: Neighbors) -> int:
    BURNING = state * 0  # noqa: N806  (as the number of the file)
    return near.count(BURNING)


def test_a_local_name_hides_a_number_of_the_file():
    codes = np.zeros(4, np.uint8)
    near = neighbors(grid_topology(np.ones((2, 2), bool)), codes)

    for run in (in_python, compiled):
        rule = of_a_local_code if run is in_python else kernel(of_a_local_code)
        assert [3] * 4 == run(rule, space(4), codes, near).tolist()


def above(state: Value, by: int) -> int:
    return state - by


def is_odd(state: Value) -> bool:
    return state % 2 == 1


def test_integers_are_int64_and_truths_are_truths():
    cells, state = space(4), np.array([0, 1, 2, 255], np.uint8)
    rules = kernel(above), kernel(is_odd)

    for run in (in_python, compiled):
        rule, truth = rules if run is compiled else (above, is_odd)
        assert [-1, 0, 1, 254] == run(rule, cells, state, 1).tolist()
        assert [-300, -299, -298, -45] == (run(rule, cells, state, 0) - 300).tolist()
        assert [-2550] == [run(rule, cells, state, 0)[3] * -10]
        assert np.bool_ == run(truth, cells, state).dtype


def test_a_result_becomes_the_field_without_a_copy_and_stays_as_it_was():
    cells = space(3, state=np.array([5, 6, 7], np.uint8))
    found = in_python(above, cells, cells.read("state"), 5)
    compiled_one = compiled(kernel(above), cells, cells.read("state"), 4)

    cells.write("state", compiled_one)
    assert np.shares_memory(np.asarray(compiled_one), cells._after["state"])
    with pytest.raises(ValueError, match="read-only"):
        compiled_one[0] = 1
    cells.writable("state")[0] = 9
    assert [1, 2, 3] == compiled_one.tolist()
    cells.write("state", compiled_one[::-1])
    assert [3, 2, 1] == cells.writable("state").tolist()
    cells.write("state", found)
    assert [0, 1, 2] == cells.end()[0].after.tolist()


MISTAKES = {
    "return near.cuont(1)": "Neighbours have no .cuont(1).",
    "return near + 1": "near holds the values of the neighbours, and is used as a single value.",
    "return own.sum()": "own is a value of the cell, or a parameter; .sum() is of neighbours.",
    "return ovn": "ovn is not defined.",
    "return TABLE": "TABLE is of the type list, which a rule can't hold.",
    "return int(np.random.random())": "Random numbers of NumPy differ from run to run in a rule.",
    "return [own, 1]": "A rule takes and makes numbers only.",
    "return": "rule returns nothing here.",
    "own = 2": "rule can end without a return: then it returns nothing.",
    "return own / 2": "rule says -> int, and returned float",
    "return own.size": "This can't be compiled: Unknown attribute 'size' of type int64",
}


@pytest.mark.parametrize("line", MISTAKES)
def test_a_mistake_names_the_authors_line(tmp_path, monkeypatch, line):
    path = tmp_path / "author.py"
    path.write_text(
        "import numpy as np\nfrom dissmodel.cells import kernel, Neighbors, Value\nTABLE = [1]\n\n\n"
        f"@kernel\ndef rule(own: Value, near: Neighbors) -> int:\n    {line}\n"
    )
    monkeypatch.chdir(tmp_path)
    codes = np.zeros(4, np.uint8)
    names: dict = {}

    def load_and_run():
        exec(compile(path.read_text(), str(path), "exec"), names)
        near = neighbors(grid_topology(np.ones((2, 2), bool)), codes)
        compiled(names["rule"], space(4), codes, near)

    with pytest.raises(ModelMistake) as error:
        load_and_run()

    where = "line 7 (def rule(" if line in {"own = 2", "return own / 2"} else f"line 8 ({line})"
    assert error.value.message.startswith(f"author.py, {where}")
    assert MISTAKES[line] in error.value.message
    assert error.value.hint


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ((), "missing a required argument: 'state'"),
        (("x", 1), "state of above was given str."),
        (
            (np.zeros(3), 1),
            "state of above has float64 values, shape (3,); it takes one number per cell, (2,)",
        ),
    ],
)
def test_a_wrong_call_is_answered_with_a_right_one(given, said):
    with pytest.raises(ModelMistake) as error:
        in_python(above, space(2), *given)

    assert said in error.value.message
    with pytest.raises(ModelMistake, match="called without the cells"):
        compiled(kernel(above), np.zeros(2), 1)


def inverse(own: Value) -> float:
    return 1 / own


def test_a_division_by_zero_is_an_error_with_the_authors_line():
    for run in (in_python, compiled):
        with pytest.raises(ZeroDivisionError) as error:
            run(inverse if run is in_python else kernel(inverse), space(2), np.array([1.0, 0.0]))
        assert "return 1 / own" in str(error.traceback[-1].statement)


class Fire(CellModel):
    name = "kernel_fire"
    state = Classes({0: "bare", 1: "fuel", 2: "burning", 3: "burnt"})

    def step(self, cells: CellSpace, now: int) -> None:
        self.next.state = kernel(catches)(cells, self.state, cells.neighbors(self.state), cells.random(), 0.3)


def test_the_reach_of_a_rule_is_that_of_its_neighbours():
    assert Reach(1) == find_reach(Fire, Fire.Parameters())


def test_a_run_notes_what_computed_its_rule(raster, tmp_path):
    source = raster(state=np.array([[0, 1, 2], [1, 1, 1]]), dtype="uint8", nodata=None)

    record = dissmodel.run("kernel_fire", input=source, output=tmp_path / "out.tif", seed=1).record

    assert ("python", 1) == (record.runtime.kernel, record.runtime.threads)


SCRIPT = """
import sys
import numpy as np
from dissmodel import progress
from dissmodel.cells import CellSpace, Value, kernel, kernels
from dissmodel.cells.layout import Pixels

BY = {by}

@kernel
def more(own: Value) -> int:
    return own + BY

class Told(progress.Silent):
    def warn(self, message):
        print(message)

kernels.INTERPRETED = {interpreted}
cells = CellSpace({{}}, {{}}, Pixels(inside=np.ones((1, 2), bool)), int)
with progress.reporting_warnings(Told()):
    print(*more(cells, np.array([1, 2])), "numba" in sys.modules)
"""


def lines_of(tmp_path, *, by=1, interpreted=0, **environment):
    """Return what a process prints whose rule has a constant."""
    path = tmp_path / f"{os.urandom(4).hex()}.py"
    path.write_text(SCRIPT.format(by=by, interpreted=interpreted))
    done = subprocess.run(
        [sys.executable, "-W", "error", path],
        env=os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / "cache")} | environment,
        check=False,
        capture_output=True,
        text=True,
    )
    assert ("", 0) == (done.stderr, done.returncode)
    return done.stdout.splitlines()


PARTS = """
from dissmodel.cells import Neighbors, Value, kernel

BY = 1

def twice(number):
    return 2 * number

def more(number):
    return twice(number) + BY

@kernel
def rule(own: Value, near: Neighbors) -> int:
    return more(own) + near.count(1)
"""


def test_the_cache_of_a_rule_knows_all_that_it_is_made_of(tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr("dissmodel.cells.kernel_loop.Loop.run", lambda *_: True)  # nothing is compiled
    codes = np.zeros(4, np.uint8)

    def folders(old, new, kind="moore", weights=None):
        path, names = tmp_path / f"{os.urandom(4).hex()}.py", {}
        path.write_text(PARTS.replace(old, new))
        exec(compile(path.read_text(), path, "exec"), names)
        topology = grid_topology(np.ones((2, 2), bool), None, kind, 1)
        compiled(names["rule"], space(4), codes, neighbors(topology, codes, weights))
        return len(list((tmp_path / "cache").iterdir()))

    assert [1, 1] == [folders("", ""), folders("", "")]
    changes = [
        ("BY = 1", "BY = 2"),
        ("2 * number", "3 * number"),
        ("+ BY", "- BY"),
        ("more(own) +", "more(own) -"),
    ]
    assert [2, 3, 4, 5] == [folders(*change) for change in changes]
    assert [6, 7] == [folders("", "", "von_neumann"), folders("", "", "moore", np.ones(12))]


def test_small_work_loads_no_numba(tmp_path):
    assert ["2 3 False"] == lines_of(tmp_path, interpreted=10)
    assert ["2 3 False"] == lines_of(tmp_path, NUMBA_DISABLE_JIT="1")


@pytest.mark.slow
def test_a_rule_is_compiled_once_and_again_when_a_constant_changed(tmp_path):
    assert [COMPILING, "2 3 True"] == lines_of(tmp_path)
    assert ["2 3 True"] == lines_of(tmp_path)
    assert [COMPILING, "6 7 True"] == lines_of(tmp_path, by=5)
    assert list(tmp_path.rglob("*.nbi"))


@pytest.mark.slow
def test_a_cache_that_cannot_be_written_is_no_failure(tmp_path):
    (tmp_path / "file").write_text("in the way")

    assert [COMPILING, "2 3 True"] == lines_of(tmp_path, NUMBA_CACHE_DIR=str(tmp_path / "file" / "cache"))


def test_without_numba_python_computes_and_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "numba", None)
    kernels._warn_once.cache_clear()

    with pytest.warns(DissmodelWarning, match="numba can't be used; Python computes the same results"):
        found = compiled(kernel(above), space(2), np.array([3, 4]), 1)

    assert [2, 3] == found.tolist()
