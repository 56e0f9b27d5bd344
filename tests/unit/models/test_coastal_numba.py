"""The compiled kernel against NumPy's, bit by bit, and what surrounds its compiling."""

import itertools
import os
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dissmodel.cells.kernel_build import COMPILING, usable_threads
from dissmodel.errors import DissmodelWarning
from dissmodel.models.coastal import model
from dissmodel.models.coastal.classes import LAND_USES, NO_SOIL, NO_USE, SOILS
from dissmodel.models.coastal.kernels.choice import BREAK_EVEN, choose_kernel
from dissmodel.models.coastal.kernels.numba_pixels import NumbaKernel
from dissmodel.models.coastal.kernels.numpy_pixels import NumpyKernel
from dissmodel.models.coastal.kernels.step import Terms
from dissmodel.models.coastal.parameters import CoastalParameters
from dissmodel.models.coastal.state import CoastalState
from support.coasts import bits, copy

RULES = runpy.run_path(str(Path(__file__).with_name("coastal_rules.py")))
ORACLE = runpy.run_path(str(Path(__file__).with_name("test_coastal_kernel.py")))

# Widths around a vector's, a span's and a chunk's length, and others.
WIDTHS = [1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 63, 64, 65, 70, 127, 128, 129, 192, 255, 256, 257, 330]
PARAMETERS = st.builds(
    CoastalParameters,
    sea_level_rise_rate=st.one_of(st.sampled_from([0.0, 0.011, 0.1, 0.5]), st.floats(0, 10)),
    tide_height=st.sampled_from([-1.0, 0.0, 0.3, 6.0]),
    accretion_enabled=st.booleans(),
)


COLS = st.one_of(st.integers(1, 70), st.sampled_from(WIDTHS))


@st.composite
def states(draw):
    """Spaces of all classes: rough or stepped ground, sources everywhere, here and there, or hardly any."""
    shape = draw(st.integers(1, 40)), draw(COLS)
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    uso = rng.choice([c.code for c in LAND_USES], size=shape).astype(np.uint8)
    wet = draw(st.sampled_from([0.0, 0.01, 0.3, 1.0]))
    uso = np.where(rng.random(shape) < wet, rng.choice([3, 6, 7, 9, 10], size=shape), uso).astype(np.uint8)
    if wet < 0.3:
        uso[np.isin(uso, [3, 6, 7, 9, 10]) & (rng.random(shape) > wet)] = draw(
            st.sampled_from([1, 2, 4, 5, 8])
        )
    solo = rng.choice([c.code for c in SOILS], size=shape).astype(np.uint8)
    steps = np.array([-0.0, 0.0, -1.0, 0.1, 0.2, 0.3, 0.5, 1.0, 1.5, 5.5, 6.0, 6.5])
    alt = draw(
        st.sampled_from([rng.choice(steps, shape), rng.normal(1, 2, shape), rng.uniform(-500, 9000, shape)])
    )
    alt[rng.random(shape) < 0.05] = -0.0
    outside = rng.random(shape) < draw(st.sampled_from([0.0, 0.1, 0.6, 1.0]))
    uso[outside], solo[outside], alt[outside] = NO_USE, NO_SOIL, np.nan
    state = CoastalState(uso, solo, alt, step=draw(st.integers(0, 9)))
    kind = draw(st.sampled_from([None, np.int32, np.int64]))
    if kind is not None:
        state.order = np.full(shape, -1, kind)
        state.order[~outside] = rng.permutation(state.cells)
    return state


def check(state, parameters, steps):
    """Every number of threads yields every bit and every measure of NumPy's kernel."""
    expected = copy(state)
    kernels = {threads: (NumbaKernel(threads), copy(state)) for threads in (1, 2, 7)}
    for t in range(state.step + 1, state.step + 1 + steps):
        now = Terms.at(t, parameters)
        measures = NumpyKernel().step(expected, now)
        for threads, (kernel, own) in kernels.items():
            found = kernel.step(own, now)

            assert bits(expected) == bits(own), f"{threads} threads, step {t}"
            assert measures == found, f"{threads} threads, step {t}"
            assert t == own.step


@given(states(), PARAMETERS)
@settings(max_examples=200, deadline=None)
def test_every_bit_is_that_of_numpy(state, parameters):
    check(state, parameters, steps=3)


@given(states(), PARAMETERS)
@settings(max_examples=60, deadline=None)
def test_every_bit_is_that_of_the_rules(state, parameters):
    cells, order = ORACLE["as_cells"](state), ORACLE["visiting"](state)
    beside = RULES["moore"](cells)
    for t in range(state.step + 1, state.step + 3):
        cells, sources = RULES["step"](cells, order, beside, t, parameters)

        measures = NumbaKernel(2).step(state, Terms.at(t, parameters))

        assert sources == measures.sources
        assert {c: (u, s, a.hex()) for c, (u, s, a) in cells.items()} == {
            c: (u, s, a.hex()) for c, (u, s, a) in ORACLE["as_cells"](state).items()
        }


@pytest.mark.fast_cases(
    "True-129", "True-192", "True-127", "False-3", "False-63", "False-1", "True-64", "False-65"
)
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("ordered", [False, True])
def test_every_width(width, ordered):
    rng = np.random.default_rng(width)
    shape = (9, width)
    state = CoastalState(
        rng.integers(1, 11, shape).astype(np.uint8),
        rng.choice([0, 1, 2, 3, 4, 9], shape).astype(np.uint8),
        rng.choice([0.0, 0.1, 0.2, 0.7], shape),
        order=rng.permutation(9 * width).reshape(shape) if ordered else None,
    )

    check(state, CoastalParameters(sea_level_rise_rate=0.1), steps=4)


def test_a_lone_source_reaches_over_the_edges_of_its_span():
    """Elsewhere nothing is computed; water must cross into the spans beside, above and below."""
    for row, col in itertools.product([0, 1, 2, 6], [0, 63, 64, 127, 128, 199]):
        state = CoastalState(
            np.full((7, 200), 2, np.uint8), np.full((7, 200), 4, np.uint8), np.full((7, 200), -0.0)
        )
        state.uso[row, col] = 3

        check(state, CoastalParameters(sea_level_rise_rate=0.3), steps=3)


def dry(rows, cols):
    """A plain of vegetation, far from any water."""
    return CoastalState(
        np.full((rows, cols), 2, np.uint8), np.full((rows, cols), 4, np.uint8), np.ones((rows, cols))
    )


def together(state, terms):
    """Every number of threads yields every bit and every measure of NumPy's kernel, step by step."""
    expected = copy(state)
    kernels = {threads: (NumbaKernel(threads), copy(state)) for threads in (1, 3)}
    for now in terms:
        measures = NumpyKernel().step(expected, now)
        for threads, (kernel, own) in kernels.items():
            assert measures == kernel.step(own, now), f"{threads} threads, step {now.step}"
            assert bits(expected) == bits(own), f"{threads} threads, step {now.step}"
    return expected


SHAPES = [(9, 200), (1, 130), (130, 1), (4, 31), (5, 33), (70, 65)]


@pytest.mark.parametrize("shape", SHAPES)
def test_skipped_spans_wake_up_when_water_comes(shape):
    """One source: the flood moves on by a cell a step, over spans that were skipped before."""
    state = dry(*shape)
    state.alt[:] = np.arange(state.alt.size).reshape(shape) * 1e-3
    state.uso.flat[0], state.solo.flat[0] = 3, 1

    flooded = together(state, [Terms.at(t, CoastalParameters(sea_level_rise_rate=0.1)) for t in range(1, 45)])

    assert (flooded.uso.flat[1:40] == 10).all()


@pytest.mark.parametrize("shape", SHAPES)
def test_a_sea_that_falls_and_rises_again(shape):
    """What a skipped span keeps must hold at any sea level."""
    state = dry(*shape)
    state.alt[:] = np.random.default_rng(3).uniform(0, 3, shape).round(1)
    state.uso.flat[0], state.solo.flat[-1] = 3, 0
    levels = [0.0, 2.0, -1.0, -1.0, 0.5, 3.0, 3.0]

    together(state, [Terms(t, 0.1, level, level + 0.5) for t, level in enumerate(levels, 1)])


def test_a_cell_below_the_floor_that_rises_becomes_a_source():
    """It sends nothing at first, and its span has no sender."""
    state = dry(5, 100)
    state.uso[2, 31:33], state.alt[2, 31:33] = 3, [-0.1, 0.0]

    together(state, [Terms.at(t, CoastalParameters(sea_level_rise_rate=0.2)) for t in range(1, 6)])


def test_a_run_goes_on_with_another_kernel_in_the_middle():
    """What a kernel knows is of one state after its own last step."""
    state = dry(40, 90)
    state.uso[:, :20], state.alt[:, :20] = 3, 0.0
    expected, kernel = copy(state), NumbaKernel(2)
    order: list[NumbaKernel | NumpyKernel] = [kernel, kernel, NumpyKernel(), kernel, NumbaKernel(1), kernel]
    for t, own in enumerate([*order, kernel], 1):
        now = Terms.at(t, CoastalParameters(sea_level_rise_rate=0.3))
        measures = NumpyKernel().step(expected, now)

        assert measures == own.step(state, now)
        assert bits(expected) == bits(state)
        if t == 5:
            state = copy(state)  # a new state, as a resumed run has it


def test_a_sea_wider_than_a_byte_counts():
    state = dry(3, 2500)
    state.uso[:] = 3

    together(state, [Terms.at(t, CoastalParameters()) for t in range(1, 3)])


def test_an_order_of_its_own_differs_from_row_major():
    """Else the tests of orders would show nothing."""
    rng = np.random.default_rng(5)
    state = CoastalState(np.full((30, 40), 3, np.uint8), np.full((30, 40), 4, np.uint8), rng.random((30, 40)))
    ordered = copy(state)
    ordered.order = rng.permutation(1200).reshape(30, 40)
    now = Terms.at(1, CoastalParameters(sea_level_rise_rate=0.1))
    NumbaKernel(1).step(state, now)
    NumbaKernel(1).step(ordered, now)

    assert bits(state) != bits(ordered)


# COASTAL: r 0.5, steps 1 to 11 on the public polygons, in feature order and in row-major order; and the
# 60 by 60 GeoTIFF. The digests are the published ones.
PUBLISHED = [
    ("elevacao_pol.zip", {"sea_level_rise_rate": 0.5, "end_time": 11}, "e43132274be7def5"),
    ("synthetic_grid_60x60_tiff.zip", {"end_time": 10}, "dd0c00856850e9f2"),
    ("synthetic_grid_60x60_tiff.zip", {"sea_level_rise_rate": 0.5, "end_time": 20}, "9961b2d42022ca63"),
    ("synthetic_grid_60x60_tiff.zip", {"end_time": 10, "accretion_enabled": True}, "e0b0404b4e3bad9e"),
    (
        "synthetic_grid_60x60_tiff.zip",
        {"sea_level_rise_rate": 0.5, "end_time": 10, "tide_height": -1.0},
        "e7ad81cf03769c1e",
    ),
]


@pytest.mark.filterwarnings("ignore:Accretion")
@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize(("name", "parameters", "digest"), PUBLISHED)
def test_the_published_numbers(
    shared, run_raster, state_hash, monkeypatch, threads, name, parameters, digest
):
    steps = []

    class Compiled(NumbaKernel):
        def step(self, state, now):
            steps.append(now.step)
            return super().step(state, now)

    def compiled(*_args, **_kwargs):
        return Compiled(threads)

    # Whichever way the executor comes to its kernel.
    for entry in ("NumpyKernel", "choose_kernel"):
        monkeypatch.setattr(model, entry, compiled, raising=False)
    record = run_raster(shared(name), parameters=parameters)

    assert digest == state_hash(record.output_path)
    assert list(range(1, parameters["end_time"] + 1)) == steps


def space(rows, cols):
    return CoastalState(
        np.full((rows, cols), 3, np.uint8), np.full((rows, cols), 4, np.uint8), np.zeros((rows, cols))
    )


def test_elevations_that_no_coast_has_are_left_out_of_the_sum():
    state = space(1, 4)
    state.uso[:] = 2
    state.alt[:] = [[1.5, 1e9, -1e300, 0.1]]

    measures = NumbaKernel(1).step(state, Terms.at(1, CoastalParameters()))

    assert measures.sum_alt == pytest.approx(1.6, rel=1e-15)


def test_small_work_is_for_numpy():
    assert "numpy" == choose_kernel(space(10, 10), 20).name


def test_large_work_is_for_numba_with_the_threads_asked_for():
    steps = BREAK_EVEN // 100
    kernel = choose_kernel(space(10, 10), steps, threads=3)

    assert ("numba", 3) == (kernel.name, kernel.threads)
    assert usable_threads() == choose_kernel(space(10, 10), steps).threads


def test_without_numba_numpy_does_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "numba", None)

    with pytest.warns(DissmodelWarning, match="numba can't be used; NumPy"):
        kernel = choose_kernel(space(10, 10), BREAK_EVEN)

    assert "numpy" == kernel.name


def test_numba_may_be_switched_off(monkeypatch):
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")

    assert "numpy" == choose_kernel(space(10, 10), BREAK_EVEN).name


def test_a_numba_that_refuses_this_numpy_is_no_failure(monkeypatch, tmp_path):
    (tmp_path / "numba.py").write_text("raise ImportError('Numba needs NumPy 1.0 or less')")
    for name in [name for name in sys.modules if name.partition(".")[0] == "numba"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(tmp_path)

    with pytest.warns(DissmodelWarning, match="numba can't be used.*needs NumPy 1.0 or less"):
        kernel = choose_kernel(space(10, 10), BREAK_EVEN)

    assert "numpy" == kernel.name


@pytest.mark.fast_cases("numba_flood")
@pytest.mark.parametrize("name", ["numba_pixels", "numba_flood", "numba_spans"])
def test_an_import_error_of_our_own_module_is_raised(name):
    """It is a bug, and the slow kernel would hide it."""
    script = f"""
import sys, numpy as np
from dissmodel.models.coastal.kernels.choice import BREAK_EVEN, choose_kernel
from dissmodel.models.coastal.state import CoastalState
sys.modules["dissmodel.models.coastal.kernels.{name}"] = None
try:
    choose_kernel(CoastalState(np.zeros((3, 3), "u1"), np.zeros((3, 3), "u1"), np.zeros((3, 3))), BREAK_EVEN)
except ImportError as error:
    print(error.name)
"""

    assert [f"dissmodel.models.coastal.kernels.{name}"] == run(script)


STEP = """
import numpy as np
from dissmodel.models.coastal.kernels.step import Terms
from dissmodel.models.coastal.kernels.numba_pixels import NumbaKernel
from dissmodel.models.coastal.parameters import CoastalParameters
from dissmodel.models.coastal.state import CoastalState
state = CoastalState(np.full((3, 3), 3, np.uint8), np.full((3, 3), 4, np.uint8), np.zeros((3, 3)))
kernel = NumbaKernel(1, announce=print)
for t in (1, 2):
    measures = kernel.step(state, Terms.at(t, CoastalParameters()))
print(measures.sources)
"""


def run(script, **environment):
    """Run a script in a process of its own that treats warnings as errors; return its lines."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        env=os.environ | environment,
        check=False,
        capture_output=True,
        text=True,
    )

    assert ("", 0) == (done.stderr, done.returncode)
    return done.stdout.splitlines()


@pytest.mark.parametrize("variable", ["NUMBA_CACHE_DIR", "XDG_CACHE_HOME"])
@pytest.mark.slow
def test_a_compile_is_announced_once_in_the_life_of_a_cache(tmp_path, monkeypatch, variable):
    if variable == "XDG_CACHE_HOME" and sys.platform != "linux":
        pytest.skip("the variable moves the user's cache on Linux")
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    folder = {variable: str(tmp_path / "cache")}

    assert [COMPILING, "9"] == run(STEP, **folder)
    assert ["9"] == run(STEP, **folder)
    assert list((tmp_path / "cache").rglob("*.nbi"))


@pytest.mark.slow
def test_a_cache_that_cannot_be_written_is_no_failure(tmp_path, monkeypatch):
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    (tmp_path / "file").write_text("in the way")

    assert [COMPILING, "9"] == run(STEP, NUMBA_CACHE_DIR=str(tmp_path / "file" / "cache"))


@pytest.mark.slow
def test_a_cache_that_is_taken_away_is_no_failure(tmp_path):
    """It was there when the kernel was made, and not when the code was to be kept."""
    script = STEP.replace(
        "state =", "import shutil; shutil.rmtree(FOLDER); open(FOLDER, 'w').close()\nstate ="
    ).replace("FOLDER", repr(str(tmp_path / "cache")))

    assert [COMPILING, "9"] == run(script, NUMBA_CACHE_DIR=str(tmp_path / "cache"))


@pytest.mark.slow
def test_a_damaged_cache_is_passed_over(tmp_path):
    folder = {"NUMBA_CACHE_DIR": str(tmp_path)}
    run(STEP, **folder)
    for file in [*tmp_path.rglob("*.nbi"), *tmp_path.rglob("*.nbc")]:
        file.write_bytes(file.read_bytes()[:100])

    assert "9" == run(STEP, **folder)[-1]


def test_the_choice_loads_no_numba_for_small_work():
    script = """
import sys, numpy as np
from dissmodel.models.coastal.kernels.choice import choose_kernel
from dissmodel.models.coastal.state import CoastalState
choose_kernel(CoastalState(np.zeros((3, 3), np.uint8), np.zeros((3, 3), np.uint8), np.zeros((3, 3))), 3)
print("numba" in sys.modules)
"""

    assert ["False"] == run(script)
