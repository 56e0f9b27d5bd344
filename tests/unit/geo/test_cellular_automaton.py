"""Automata on a raster and on features, against a game of life that is counted cell by cell."""

import numpy as np
import pytest

from dissmodel.core import Environment
from dissmodel.geo import CellularAutomaton, RasterBackend, RasterCellularAutomaton, raster_grid, vector_grid

GENERATIONS = 5


@pytest.fixture(autouse=True)
def environment():
    yield Environment(start_time=1, end_time=GENERATIONS)
    Environment._current = None


class LifeOnRaster(RasterCellularAutomaton):
    def rule(self, arrays):
        alive = arrays[self.state_attr] == 1
        near = self.backend.focal_sum_mask(alive)
        return {self.state_attr: np.where((near == 3) | (alive & (near == 2)), 1, 0)}


class LifeOnCells(CellularAutomaton):
    def setup(self):
        self.create_neighborhood()

    def initialize(self):
        self.gdf["extra"] = 1

    def rule(self, idx):
        near = self.neighbor_values(idx, self.state_attr).sum()
        return int(near == 3 or (near == 2 and self.gdf.at[idx, self.state_attr] == 1))


def by_hand(state, generations):
    state = np.array(state)
    for _ in range(generations):
        before = np.pad(state, 1)
        for row, col in np.ndindex(state.shape):
            near = before[row : row + 3, col : col + 3].sum() - before[row + 1, col + 1]
            state[row, col] = near == 3 or (near == 2 and before[row + 1, col + 1] == 1)
    return state


@pytest.fixture
def first():
    return np.random.default_rng(8).integers(0, 2, (12, 15))


def test_life_on_a_raster(environment, first):
    backend = raster_grid(12, 15, {"alive": first})
    LifeOnRaster(backend=backend, state_attr="alive")
    environment.run()

    assert np.array_equal(by_hand(first, GENERATIONS), backend.get("alive"))
    assert 0 < backend.get("alive").sum()


def test_life_on_features(environment, first):
    grid = vector_grid(dimension=(15, 12), resolution=1.0)
    grid["alive"] = first.T.ravel()
    model = LifeOnCells(gdf=grid, state_attr="alive", dim=(15, 12))
    model.initialize()
    environment.run()

    assert np.array_equal(by_hand(first, GENERATIONS), grid["alive"].to_numpy().reshape(15, 12).T)
    assert (15, 12) == model.dim
    assert grid["alive"].dtype.kind == "i"
    assert {1} == set(grid["extra"])


def test_a_rule_changes_only_what_it_returns(environment):
    class Aging(RasterCellularAutomaton):
        def rule(self, arrays):
            arrays["kept"][:] = 9  # a copy
            return {"age": arrays["age"] + 1, "old": arrays["age"] > 1}

    backend = raster_grid(2, 2, {"age": 0, "kept": 4})
    kept = backend.get("kept")
    Aging(backend=backend)
    environment.run()

    assert [[5, 5], [5, 5]] == backend.get("age").tolist()
    assert backend.get("old").all()
    assert kept is backend.get("kept")
    assert [[4, 4], [4, 4]] == kept.tolist()


def test_an_automaton_has_a_rule():
    with pytest.raises(TypeError, match="rule"):
        RasterCellularAutomaton(backend=RasterBackend((1, 1)))
    with pytest.raises(TypeError, match="rule"):
        CellularAutomaton(gdf=vector_grid(dimension=(1, 1), resolution=1.0))


def test_a_rule_that_asks_for_neighbours_that_were_not_made(environment):
    class Careless(LifeOnCells):
        def setup(self):
            pass

    Careless(gdf=vector_grid(dimension=(2, 2), resolution=1.0, attrs={"state": 0}))

    with pytest.raises(RuntimeError, match="create_neighborhood"):
        environment.run()


@pytest.mark.parametrize(
    ("value", "dtype", "expected"),
    [
        (0, None, "int32"),
        (0.5, None, "float64"),
        (np.float32(0.5), None, "float64"),
        (np.int64(3), None, "int32"),
        (1, "uint8", "uint8"),
        (np.ones((2, 3), "int16"), "uint8", "int16"),
    ],
)
def test_the_types_of_a_raster_grid(value, dtype, expected):
    found = raster_grid(2, 3, {"a": value}, dtype=dtype).get("a")

    assert ((2, 3), expected) == (found.shape, found.dtype)
    assert (found == value).all()
    assert found is not value


def test_an_array_of_another_shape_is_no_part_of_a_grid():
    with pytest.raises(ValueError) as raised:
        raster_grid(2, 3, {"alt": np.ones((3, 2))})

    assert "alt has the shape (3, 2), the grid (2, 3)." == str(raised.value)
