import json

import numpy as np
import pytest
import shapely
from libpysal.weights import KNN, Queen, Rook

from dissmodel.errors import InvalidInput, UsageError
from dissmodel.geo import SpatialModel, attach_neighbors, parse_idx, vector_grid

pytestmark = pytest.mark.usefixtures("environment")


@pytest.fixture
def grid():
    grid = vector_grid(dimension=(5, 4), resolution=30.0)
    grid["value"] = np.arange(20) * 1.5
    grid["name"] = [f"cell {number}" for number in range(20)]
    return grid


def around(grid, label, *, corners):
    """The labels of the cells around one, by rows and columns, in the order of the frame."""
    row, col = parse_idx(label)
    steps = [(parse_idx(one).row - row, parse_idx(one).col - col) for one in grid.index]
    near = [
        {abs(down), abs(right)} == {0, 1} or (corners and (abs(down), abs(right)) == (1, 1))
        for down, right in steps
    ]
    return grid.index[near].tolist()


@pytest.mark.parametrize("by", [{}, {"strategy": "queen"}, {"strategy": Queen, "silence_warnings": True}])
def test_neighbours_share_an_edge_or_a_corner(grid, by):
    model = SpatialModel(gdf=grid)
    model.create_neighborhood(**by)

    for label in grid.index:
        assert around(grid, label, corners=True) == model.neighs_id(label)
    assert ["0-0", "2-0", "0-1", "1-1", "2-1"] == model.neighs_id("1-0")


@pytest.mark.parametrize("strategy", ["rook", Rook])
def test_neighbours_share_an_edge(grid, strategy):
    model = SpatialModel(gdf=grid)
    model.create_neighborhood(strategy=strategy, use_index=True)

    for label in grid.index:
        assert around(grid, label, corners=False) == model.neighs_id(label)


@pytest.mark.parametrize("strategy", ["k_nearest", KNN])
def test_a_strategy_gets_its_options(grid, strategy):
    model = SpatialModel(gdf=grid)
    model.create_neighborhood(strategy, k=3)

    assert ["1-0", "0-1", "1-1"] == model.neighs_id("0-0")


def test_what_a_model_asks_of_its_neighbours(grid):
    model = SpatialModel(gdf=grid)
    model.create_neighborhood("rook")

    assert ["0-0", "0-1", "0-2"] == model.neighs("0-1").index.union(["0-1"])[:3].tolist()
    assert [0.0, 7.5, 12.0] == model.neighbor_values("0-1", "value").tolist()
    assert ["cell 0", "cell 5", "cell 8"] == list(model.neighbor_values("0-1", "name"))
    assert ["cell 0", "cell 5", "cell 8"] == model.neighs("0-1")["name"].tolist()


def test_the_values_are_those_of_now(grid):
    model = SpatialModel(gdf=grid)
    model.create_neighborhood("rook")
    grid.loc["0-0", "value"] = -1.0

    assert [-1.0, 7.5, 12.0] == model.neighbor_values("0-1", "value").tolist()

    model.gdf = grid.iloc[::-1].copy()
    model.gdf.loc["0-0", "value"] = -2.0

    assert [-2.0, 7.5, 12.0] == model.neighbor_values("0-1", "value").tolist()


def test_the_frame_is_shared_and_has_the_neighbours_too(grid):
    model = SpatialModel(gdf=grid)
    model.create_neighborhood("rook")

    assert model.gdf is grid
    assert ["1-0", "0-1"] == grid["_neighs"]["0-0"]
    assert grid is attach_neighbors(grid, "queen")
    assert ["1-0", "0-1", "1-1"] == grid["_neighs"]["0-0"]


def test_neighbours_that_were_attached_before_are_used(grid):
    attach_neighbors(grid, Rook, silence_warnings=True)

    assert ["1-0", "0-1"] == SpatialModel(gdf=grid).neighs_id("0-0")
    assert [1.5, 6.0] == SpatialModel(gdf=grid).neighbor_values("0-0", "value").tolist()


def test_neighbours_that_a_model_brings(grid, tmp_path):
    given = {"0-0": ["3-4", "1-0", "3-4"], "3-4": [], "1-0": ["1-0"]}
    file = tmp_path / "neighbors.json"
    file.write_text(json.dumps(given))

    for neighbors in (given, str(file), file):
        model = SpatialModel(gdf=grid)
        model.create_neighborhood(neighbors_dict=neighbors)

        assert ["1-0", "3-4"] == model.neighs_id("0-0")
        assert ["1-0"] == model.neighs_id("1-0")
        assert [] == model.neighs_id("3-4") == model.neighs_id("2-2")


def test_labels_that_are_numbers_are_text_in_a_file_only(grid, tmp_path):
    file = tmp_path / "neighbors.json"
    file.write_text('{"0": [1, 19]}')
    found = attach_neighbors(grid.reset_index(drop=True), neighbors_dict=file)

    assert [1, 19] == found["_neighs"][0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "does not exist"),
        ("{", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("\xff", "is not JSON"),
        ("[]", "holds no neighbours"),
        ('{"0-0": "1-0"}', "holds no neighbours"),
        ('{"0-0": ["1-0", "9-9"]}', "1 of 2 neighbours are not features; the first is '9-9'"),
    ],
)
def test_a_file_that_holds_no_neighbours(grid, tmp_path, text, message):
    file = tmp_path / "neighbors.json"
    if text is not None:
        file.write_text(text, encoding="latin-1")

    with pytest.raises(InvalidInput) as raised:
        attach_neighbors(grid, neighbors_dict=str(file))

    assert message in raised.value.message


def test_what_is_no_neighbourhood(grid):
    with pytest.raises(ValueError, match="Neighbours need a strategy or neighbors_dict"):
        attach_neighbors(grid)
    with pytest.raises(ValueError, match="is a list, neither a mapping nor a path"):
        attach_neighbors(grid, neighbors_dict=[1])
    with pytest.raises(UsageError, match="There is no neighbourhood 'quen'"):
        attach_neighbors(grid, "quen")
    with pytest.raises(InvalidInput, match="More than one feature has the label 'a'"):
        attach_neighbors(grid.set_axis(["a"] * 20), "queen")


def test_a_feature_that_is_not_there(grid):
    model = SpatialModel(gdf=grid)
    with pytest.raises(RuntimeError, match="create_neighborhood"):
        model.neighs("0-0")
    model.create_neighborhood()

    with pytest.raises(KeyError):
        model.neighs_id("9-9")


def test_any_polygons_and_labels_do():
    land = vector_grid(dimension=(1, 1), resolution=1.0).set_geometry(
        [shapely.union_all(shapely.box([0, 2], 0, [1, 3], 1))]
    )
    land.loc["other"] = [shapely.box(1, 0, 2, 1)]
    model = SpatialModel(gdf=land.set_axis([(1, "a"), (2, "b")]))
    model.create_neighborhood()

    assert [(2, "b")] == model.neighs_id((1, "a"))


def test_a_model_has_its_own_time_and_setup(grid, environment):
    class Own(SpatialModel):
        def setup(self, rate):
            self.rate = rate

    model = Own(gdf=grid, start_time=3, end_time=9, name="own", step=2, rate=0.5)

    assert (3, 9, "own", 0.5, environment) == (
        model.start_time,
        model.end_time,
        model.name,
        model.rate,
        model.env,
    )
