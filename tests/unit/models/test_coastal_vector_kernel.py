"""The step over cells with neighbours: against the text of the rules, and against the step on a raster."""

import runpy
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dissmodel.geo.vector.cells import grid
from dissmodel.geo.vector.sparse import from_pairs
from dissmodel.models.coastal.classes import LAND_USES, SOILS
from dissmodel.models.coastal.kernels import numba_cells
from dissmodel.models.coastal.kernels.choice import BREAK_EVEN_CELLS, choose_kernel
from dissmodel.models.coastal.kernels.numba_cells import NumbaCellsKernel
from dissmodel.models.coastal.kernels.numba_pixels import NumbaKernel
from dissmodel.models.coastal.kernels.numpy_cells import CellsKernel
from dissmodel.models.coastal.kernels.numpy_pixels import NumpyKernel
from dissmodel.models.coastal.kernels.step import Terms
from dissmodel.models.coastal.parameters import CoastalParameters, FloodParameters, MangroveParameters
from dissmodel.models.coastal.state import CellState, CoastalState
from support.coasts import bits, read_space

RULES = runpy.run_path(str(Path(__file__).with_name("coastal_rules.py")))
EVERY_THREADS = (1, 2, 7)
HEIGHTS = np.array([-0.0, 0.0, -1.0, 0.1, 0.2, 0.3, 0.5, 1.0, 1.5, 5.5, 6.0, 6.5])
USES, SOIL_CODES = ([c.code for c in table] for table in (LAND_USES, SOILS))


def attributes(rng, cells):
    alt = rng.choice(HEIGHTS, cells) if rng.random() < 0.5 else rng.normal(1, 2, cells)
    return rng.choice(USES, cells).astype(np.uint8), rng.choice(SOIL_CODES, cells).astype(np.uint8), alt


@st.composite
def spaces(draw):
    """Cells of no grid: any of them may touch, up to all of the others, or none."""
    cells = draw(st.integers(1, 40))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    first, second = np.triu_indices(cells, 1)
    touch = rng.random(first.size) < draw(st.sampled_from([0.0, 0.05, 0.3, 1.0]))
    beside = from_pairs(cells, first[touch].astype(np.int64), second[touch].astype(np.int64))
    return CellState(*attributes(rng, cells), beside, step=draw(st.integers(0, 9)))


COMMON = {"sea_level_rise_rate": st.one_of(st.sampled_from([0.0, 0.011, 0.1, 0.5]), st.floats(0, 10))}
MANGROVE = {"tide_height": st.sampled_from([-1.0, 0.0, 0.3, 6.0]), "accretion_enabled": st.booleans()}
PARAMETERS = st.one_of(
    st.builds(CoastalParameters, **COMMON, **MANGROVE),
    st.builds(FloodParameters, **COMMON),
    st.builds(MangroveParameters, **COMMON, **MANGROVE),
)


def copy(state):
    return CellState(
        state.uso.copy(), state.solo.copy(), state.alt.copy(), state.neighborhood, step=state.step
    )


@given(spaces(), PARAMETERS, st.integers(1, 45))
@settings(max_examples=300, deadline=None)
def test_every_bit_is_that_of_the_rules(state, parameters, block_cells):
    beside = [state.neighborhood.of(i).tolist() for i in range(state.cells)]
    cells = dict(enumerate(zip(state.uso.tolist(), state.solo.tolist(), state.alt.tolist(), strict=True)))
    kernels = [(CellsKernel(block_cells), state)]
    kernels += [(NumbaCellsKernel(threads), copy(state)) for threads in EVERY_THREADS]
    for t in range(state.step + 1, state.step + 4):
        cells, sources = RULES["step"](cells, range(state.cells), beside, t, parameters)
        expected = CellState(
            *(
                np.array(values, kind)
                for values, kind in zip(zip(*cells.values(), strict=True), ("u1", "u1", "f8"), strict=True)
            ),
            state.neighborhood,
        )
        found = [kernel.step(own, Terms.at(t, parameters)) for kernel, own in kernels]

        assert sources == found[0].sources
        assert all(found[0] == one for one in found)
        for kernel, own in kernels:
            assert bits(expected) == bits(own), f"{kernel.name}, {kernel.threads} threads"
            assert t == own.step


@pytest.mark.parametrize("parameters", [CoastalParameters(), FloodParameters(), MangroveParameters()])
def test_more_cells_than_are_settled_at_once(parameters):
    rng = np.random.default_rng(5)
    rows, cols = (part.ravel() for part in np.indices((70, 90)))
    visit = rng.permutation(rows.size)
    state = CellState(*attributes(rng, rows.size), grid(rows[visit], cols[visit]))
    expected = copy(state)
    others = [(NumbaCellsKernel(threads), copy(state)) for threads in EVERY_THREADS]
    others.append((CellsKernel(1000), copy(state)))

    assert state.cells > numba_cells.CHUNK
    for t in range(1, 6):
        measures = CellsKernel().step(expected, Terms.at(t, parameters))
        for kernel, own in others:
            assert measures == kernel.step(own, Terms.at(t, parameters))
            assert bits(expected) == bits(own)


def on_both(pixels, visit, parameters, steps):
    """Run the same space as pixels and as cells, with every kernel; every step has to have the same bits."""
    rows, cols = (part[visit] for part in np.nonzero(pixels.inside))
    pixels.order = np.full(pixels.shape, -1, np.int32)
    pixels.order[rows, cols] = np.arange(visit.size)
    compiled = CoastalState(
        pixels.uso.copy(), pixels.solo.copy(), pixels.alt.copy(), pixels.step, pixels.order
    )
    cells = CellState(
        pixels.uso[rows, cols], pixels.solo[rows, cols], pixels.alt[rows, cols], grid(rows, cols), pixels.step
    )
    others = [(NumbaCellsKernel(threads), copy(cells)) for threads in EVERY_THREADS]
    kernels = [CellsKernel(), NumbaKernel(2)]
    for t in range(pixels.step + 1, pixels.step + 1 + steps):
        now = Terms.at(t, parameters)
        measures = NumpyKernel().step(pixels, now)

        assert measures == kernels[0].step(cells, now) == kernels[1].step(compiled, now)
        assert bits(cells) == tuple(
            band[rows, cols].tobytes() for band in (pixels.uso, pixels.solo, pixels.alt)
        )
        assert pixels.alt.tobytes() == compiled.alt.tobytes()
        for kernel, own in others:
            assert measures == kernel.step(own, now)
            assert bits(cells) == bits(own), f"{kernel.threads} threads, step {t}"


@pytest.mark.fast_cases("0.5-CoastalParameters")
@pytest.mark.fast_cases("0.5-CoastalParameters", "0.011-MangroveParameters")
@pytest.mark.parametrize("parameters", [CoastalParameters, FloodParameters, MangroveParameters])
@pytest.mark.parametrize("rate", [0.011, 0.5])
def test_a_generated_coast_has_the_bits_of_the_raster(parameters, rate):
    rng = np.random.default_rng(3)
    shape = (45, 60)
    rows, cols = np.indices(shape)
    alt = abs(cols - 15) * 0.05 + rng.normal(0, 0.3, shape)
    uso = np.where(cols < 15, 3, rng.choice([1, 2, 4, 5], shape)).astype(np.uint8)
    solo = np.where(rows % 20 == 7, 0, rng.choice([3, 4], shape)).astype(np.uint8)
    outside = rng.random(shape) < 0.1
    uso[outside], solo[outside], alt[outside] = 0, 255, np.nan
    state = CoastalState(uso, solo, alt)

    on_both(state, rng.permutation(state.cells), parameters(sea_level_rise_rate=rate), 88)

    assert np.isin(state.uso, [6, 7, 9, 10]).any() or parameters is MangroveParameters


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "rate"),
    [("elevacao_pol.zip", 0.5), ("elevacao_pol.zip", 0.011), ("synthetic_grid_60x60_shp.zip", 0.5)],
)
def test_the_public_coasts_have_the_bits_of_the_raster(shared, name, rate):
    from dissmodel.io import load_dataset

    parameters = CoastalParameters(sea_level_rise_rate=rate)
    read = read_space(load_dataset(shared(name))[0], parameters)
    state = CoastalState(read.uso, read.solo, read.alt, order=read.order)
    visit = np.arange(state.cells) if state.order is None else np.argsort(state.order[state.inside])

    on_both(state, visit, parameters, 88)


def line(cells):
    first = np.arange(cells - 1)
    codes = np.full(cells, 3, np.uint8)
    return CellState(codes, codes.copy(), np.zeros(cells), from_pairs(cells, first, first + 1))


def test_the_kernel_is_chosen_by_size(monkeypatch):
    state = line(1000)

    assert isinstance(choose_kernel(state, 1), CellsKernel)
    assert isinstance(choose_kernel(state, BREAK_EVEN_CELLS // 1000, threads=3), NumbaCellsKernel)
    assert 3 == choose_kernel(state, BREAK_EVEN_CELLS // 1000, threads=3).threads

    def broken(kernel, state):
        raise OSError("no compiler")

    monkeypatch.setattr(NumbaCellsKernel, "prepare", broken)
    with pytest.warns(UserWarning, match="numba can't be used.*no compiler"):
        assert isinstance(choose_kernel(state, BREAK_EVEN_CELLS // 1000), CellsKernel)
