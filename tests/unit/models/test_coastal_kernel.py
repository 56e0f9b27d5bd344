"""The kernel against the rules in plain Python."""

import math
import runpy
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dissmodel.models.coastal.classes import NO_SOIL, NO_USE
from dissmodel.models.coastal.kernels.numpy_pixels import NumpyKernel
from dissmodel.models.coastal.kernels.step import Terms
from dissmodel.models.coastal.parameters import CoastalParameters
from dissmodel.models.coastal.state import CoastalState
from support.coasts import bits, copy

RULES = runpy.run_path(str(Path(__file__).with_name("coastal_rules.py")))
FLOODED = RULES["FLOODED"]


HEIGHTS = st.one_of(
    st.sampled_from([-0.0, 0.0, -1.0, 0.1, 0.2, 0.5, 1.0, 1.5, 5.5, 6.0, 6.5, 7.0]),
    st.floats(-500, 9000),
)


@st.composite
def states(draw):
    shape = (draw(st.integers(1, 6)), draw(st.integers(1, 6)))
    uso = draw(arrays(np.uint8, shape, elements=st.integers(0, 10)))
    solo = draw(arrays(np.uint8, shape, elements=st.sampled_from([0, 1, 2, 3, 4, 9])))
    alt = draw(arrays(np.float64, shape, elements=HEIGHTS))
    outside = uso == NO_USE
    solo[outside] = NO_SOIL
    alt[outside] = np.nan
    order = None
    if draw(st.booleans()):
        order = np.full(shape, -1, dtype=np.int32)
        order[~outside] = draw(st.permutations(range(int((~outside).sum()))))
    return CoastalState(uso, solo, alt, step=draw(st.integers(0, 9)), order=order)


PARAMETERS = st.builds(
    CoastalParameters,
    sea_level_rise_rate=st.one_of(st.sampled_from([0.0, 0.011, 0.1, 0.5]), st.floats(0, 10)),
    tide_height=st.sampled_from([-1.0, 0.0, 6.0]),
    accretion_enabled=st.booleans(),
)


def as_cells(state):
    return {
        (int(row), int(col)): (
            int(state.uso[row, col]),
            int(state.solo[row, col]),
            float(state.alt[row, col]),
        )
        for row, col in np.argwhere(state.inside)
    }


def visiting(state):
    cells = [tuple(cell) for cell in np.argwhere(state.inside).tolist()]
    return cells if state.order is None else sorted(cells, key=lambda cell: state.order[cell])


@given(states(), PARAMETERS, st.integers(1, 40))
@settings(max_examples=300, deadline=None)
def test_every_bit_is_that_of_the_rules(state, parameters, block_cells):
    cells, order = as_cells(state), visiting(state)
    beside = RULES["moore"](cells)
    for t in range(state.step + 1, state.step + 4):
        cells, sources = RULES["step"](cells, order, beside, t, parameters)

        measures = NumpyKernel(block_cells).step(state, Terms.at(t, parameters))

        assert t == state.step == measures.step
        assert sources == measures.sources
        assert {c: (u, s, a.hex()) for c, (u, s, a) in cells.items()} == {
            c: (u, s, a.hex()) for c, (u, s, a) in as_cells(state).items()
        }


@given(states(), PARAMETERS)
@settings(max_examples=100, deadline=None)
def test_invariants(state, parameters):
    before = copy(state)

    measures = NumpyKernel().step(state, now := Terms.at(state.step + 1, parameters))

    was_flooded, is_flooded = (np.isin(s.uso, [6, 7, 9, 10]) for s in (before, state))
    inside = before.inside
    assert np.array_equal(inside, state.inside)
    assert np.isnan(state.alt[~inside]).all()
    assert (state.solo[~inside] == NO_SOIL).all()
    assert (state.uso <= 10).all()
    assert is_flooded[was_flooded].all()
    assert (state.solo[before.solo == 9] == 9).all()
    assert is_flooded.sum() == measures.flooded
    newly = np.isin(state.uso, list(FLOODED)) & ~np.isin(before.uso, list(FLOODED))
    assert newly.sum() == measures.newly_flooded
    assert (state.uso == 8).sum() == measures.mangrove_migrated
    assert (state.solo == 9).sum() == measures.soil_migrated
    assert now.sea_level == measures.sea_level
    assert math.fsum(state.alt[inside]) == pytest.approx(measures.sum_alt, rel=1e-15, abs=1e-12)
    if not parameters.accretion_enabled:
        grown = math.fsum(before.alt[inside]) + parameters.sea_level_rise_rate * measures.sources
        assert grown == pytest.approx(measures.sum_alt, rel=1e-12, abs=1e-9)


@given(states(), PARAMETERS, st.integers(1, 40))
@settings(max_examples=100, deadline=None)
def test_blocks_and_an_explicit_row_major_order_change_no_bit(state, parameters, block_cells):
    explicit = copy(state)
    state.order = None
    explicit.order = np.full(state.shape, -1, dtype=np.int64)
    explicit.order[state.inside] = np.arange(state.cells)

    now = Terms.at(state.step + 1, parameters)
    measures = NumpyKernel().step(state, now)

    assert measures == NumpyKernel(block_cells).step(explicit, now)
    assert bits(state) == bits(explicit)


def test_an_untouched_negative_zero_keeps_its_sign():
    state = CoastalState(
        np.array([[3, 0, 2]], np.uint8), np.array([[4, 255, 4]], np.uint8), np.array([[1.0, np.nan, -0.0]])
    )

    NumpyKernel().step(state, Terms.at(1, CoastalParameters(sea_level_rise_rate=0.5)))

    assert (-0.0).hex() == float(state.alt[0, 2]).hex()


def test_a_flood_needs_no_water_to_flow():
    """A neighbour that lies higher than the source gets no water, but is flooded where the sea reaches it."""
    state = CoastalState(np.array([[3, 4]], np.uint8), np.array([[4, 4]], np.uint8), np.array([[0.0, 0.25]]))

    NumpyKernel().step(state, Terms.at(1, CoastalParameters(sea_level_rise_rate=0.5)))

    assert [[3, 7]] == state.uso.tolist()
    assert [[0.5, 0.25]] == state.alt.tolist()


def test_mud_spreads_from_a_river_channel():
    state = CoastalState(np.full((3, 3), 2, np.uint8), np.full((3, 3), 4, np.uint8), np.ones((3, 3)))
    state.solo[1, 1] = 0

    measures = NumpyKernel().step(state, Terms.at(1, CoastalParameters()))

    assert [[9, 9, 9], [9, 0, 9], [9, 9, 9]] == state.solo.tolist()
    assert 8 == measures.soil_migrated


def test_mangrove_overwrites_a_flood_of_the_same_step():
    state = CoastalState(
        np.array([[3, 2, 1]], np.uint8), np.array([[4, 3, 3]], np.uint8), np.array([[5.0, 0.0, 9.0]])
    )

    NumpyKernel().step(state, Terms.at(1, CoastalParameters(sea_level_rise_rate=0.5)))

    assert [[3, 8, 1]] == state.uso.tolist()


def test_the_models_read_the_same_moment():
    """Mud that comes in this step carries mangrove only in the next."""
    state = CoastalState(np.array([[1, 2]], np.uint8), np.array([[3, 4]], np.uint8), np.array([[1.0, 1.0]]))

    NumpyKernel().step(state, Terms.at(1, CoastalParameters()))

    assert [[1, 2]] == state.uso.tolist()
    assert [[3, 9]] == state.solo.tolist()

    NumpyKernel().step(state, Terms.at(2, CoastalParameters()))

    assert [[1, 8]] == state.uso.tolist()


def test_the_sea_level_is_the_product_and_not_a_running_sum():
    parameters = CoastalParameters(sea_level_rise_rate=0.1)

    assert 3 * 0.1 == Terms.at(3, parameters).sea_level
    assert 0.1 + 0.1 + 0.1 + 0.1 + 0.1 + 0.1 != Terms.at(6, parameters).sea_level
