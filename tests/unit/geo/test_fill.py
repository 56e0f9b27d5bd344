import random

import geopandas as gpd
import numpy as np
import pytest
import shapely
from affine import Affine

from dissmodel.errors import DissmodelWarning
from dissmodel.geo import FillStrategy, fill, vector_grid
from dissmodel.geo.vector.fill import _STRATEGIES, register_strategy


@pytest.fixture
def grid():
    return vector_grid(dimension=(3, 2), resolution=10.0)


def layer(*geometries, crs=None):
    return gpd.GeoDataFrame(geometry=list(geometries), crs=crs)


def test_a_pattern_lies_as_it_is_written(grid):
    fill(FillStrategy.PATTERN, gdf=grid, attr="zone", pattern=[["nw", "n", "ne"], ["sw", "s", "se"]])

    assert {"1-0": "nw", "1-1": "n", "1-2": "ne", "0-0": "sw", "0-1": "s", "0-2": "se"} == (
        grid["zone"].to_dict()
    )


def test_a_pattern_changes_only_the_cells_below_it(grid):
    grid["zone"] = 0

    fill("pattern", gdf=grid, attr="zone", pattern=[[1, 2], [3, 4]], start_x=2, start_y=1)

    assert {"1-2": 3} == {label: zone for label, zone in grid["zone"].items() if zone}


def test_a_seed_gives_the_numbers_that_python_s_generator_gives():
    # What the documentation of the public package shows for the seed 0.
    three = vector_grid(dimension=(3, 1), resolution=1.0)
    fill("random_sample", gdf=three, attr="state", data=[1, 2, 3], seed=0)

    assert [3, 3, 2] == three["state"].tolist()

    random.seed(0)
    random.choices([1, 2, 3], k=3)
    expected = random.random()
    fill("random_sample", gdf=three, attr="state", data=[1, 2, 3], seed=0)

    assert expected == random.random()  # a model goes on from there


def test_a_sample_without_a_seed_goes_on_with_the_generator(grid):
    found = []
    for _ in range(2):
        random.seed(7)
        fill("random_sample", gdf=grid, attr="state", data=range(1000))
        found.append(grid["state"].tolist())

    assert found[0] == found[1]


def test_samples_of_a_range_and_with_weights():
    grid = vector_grid(dimension=(50, 50), resolution=1.0)
    fill("random_sample", gdf=grid, attr="level", data={"min": 2, "max": 4}, seed=1)
    fill("random_sample", gdf=grid, attr="use", data={"wood": 0.9, "field": 0.1, "sea": 0}, seed=1)

    assert {2, 3, 4} == set(grid["level"])
    assert {"wood", "field"} == set(grid["use"])
    assert 0.9 == pytest.approx((grid["use"] == "wood").mean(), abs=0.03)


def test_the_nearest_of_other_features(grid):
    roads = layer(shapely.LineString([(0, -5), (30, -5)]), shapely.Point(35, 5), shapely.Polygon())

    fill("min_distance", from_gdf=grid, to_gdf=roads, attr_name="road")

    assert {"0-0": 5, "1-0": 15, "0-1": 5, "1-1": 15, "0-2": 5} == grid["road"].drop("1-2").to_dict()
    assert np.hypot(5, 5) == pytest.approx(grid["road"]["1-2"])


def test_no_distance_where_there_is_nothing(grid):
    fill("min_distance", from_gdf=grid, to_gdf=layer(shapely.Point()))
    missing = layer(None, shapely.Point(0, 0))
    fill("min_distance", from_gdf=missing, to_gdf=grid)

    assert grid["min_distance"].isna().all()
    assert np.isnan(missing["min_distance"][0])
    assert 0 == missing["min_distance"][1]


def test_distances_between_two_crs_are_told():
    here, there = layer(shapely.Point(0, 0), crs=31983), layer(shapely.Point(3, 4), crs=4326)

    with pytest.warns(DissmodelWarning, match="EPSG:31983 to EPSG:4326 have no meaning"):
        fill("min_distance", from_gdf=here, to_gdf=there)

    assert [5] == here["min_distance"].tolist()


def test_statistics_become_columns(grid):
    raster = np.array([[1, 2, 3], [4, 5, -999]])

    fill(
        "zonal_stats",
        vectors=grid,
        raster_data=raster,
        affine=Affine(10, 0, 0, 0, -10, 20),
        stats=["count", "max"],
        prefix="alt_",
    )

    assert [1, 1, 1, 1, 0, 1] == grid["alt_count"].tolist()
    assert [4, 1, 5, 2, 3] == grid["alt_max"].dropna().tolist()


def test_a_package_adds_a_strategy(grid, monkeypatch):
    monkeypatch.setitem(_STRATEGIES, "rank", None)  # so that it is gone afterwards

    @register_strategy("rank")
    def rank(gdf, attr):
        gdf[attr] = range(len(gdf))
        return len(gdf)

    assert 6 == fill("rank", gdf=grid, attr="r")
    assert [0, 1, 2, 3, 4, 5] == grid["r"].tolist()


def test_an_unknown_strategy_is_named(grid):
    with pytest.raises(ValueError) as raised:
        fill("random", gdf=grid)

    assert "There is no fill strategy 'random'. Did you mean 'random_sample'?" == str(raised.value)
