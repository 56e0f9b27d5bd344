"""Numbers of the forest fire: from its publication, cell by cell, and from percolation theory."""

import math

import numpy as np
import pytest

from dissmodel.models.fire_spread import FireSpread
from support.draws import draw

NO_FUEL, UNBURNED, BURNING, BURNED = 1, 2, 3, 4
THICKETS, NORMAL = 2, 2  # p_veg = p_den = 0


def land(fire, *, vegetation=THICKETS, density=NORMAL, elevation=0.0):
    """Return the bands of a landscape."""
    bands = {"vegetation": vegetation, "density": density, "elevation": elevation}
    return {"fire": fire} | {name: np.broadcast_to(np.float64(of), fire.shape) for name, of in bands.items()}


def by_publication(bands, step, *, seed, wind_speed, wind_from, side):
    """One step by Alexandridis et al. (2008), each burning neighbour of each cell in turn."""
    fire, vegetation, density, height = bands.values()
    after = fire.copy()
    rank = 0
    for row, col in np.ndindex(fire.shape):
        if np.isnan(fire[row, col]):
            continue
        rank += 1
        if fire[row, col] == BURNING:
            after[row, col] = BURNED
        if fire[row, col] != UNBURNED:
            continue
        none_does = 1.0
        for down, right in ((-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1)):
            at = row + down, col + right
            if not (0 <= at[0] < fire.shape[0] and 0 <= at[1] < fire.shape[1]) or fire[at] != BURNING:
                continue
            p_veg = {0: -1, 1: -0.3, 2: 0, 3: 0.4}[vegetation[row, col]]
            p_den = {0: -1, 1: -0.4, 2: 0, 3: 0.3}[density[row, col]]
            east, north = -right, down  # from the burning cell to this one
            blown_east = -math.sin(math.radians(wind_from))
            blown_north = -math.cos(math.radians(wind_from))
            length = math.sqrt(east**2 + north**2)
            cos_theta = (east * blown_east + north * blown_north) / length
            p_w = math.exp(0.045 * wind_speed) * math.exp(wind_speed * 0.131 * (cos_theta - 1))
            theta_s = math.degrees(math.atan((height[row, col] - height[at]) / (length * side)))
            none_does *= 1 - min(1, 0.58 * (1 + p_veg) * (1 + p_den) * p_w * math.exp(0.078 * theta_s))
        if draw(seed, step, rank - 1) < 1 - none_does:
            after[row, col] = BURNING
    return bands | {"fire": after}


def test_steps_are_those_of_the_publication(raster, run):
    draws = np.random.default_rng(8)
    fire = draws.choice([NO_FUEL, UNBURNED, BURNING], p=[0.1, 0.8, 0.1], size=(25, 31)).astype(float)
    bands = land(
        fire,
        vegetation=draws.integers(0, 4, fire.shape),
        density=draws.integers(0, 4, fire.shape),
        elevation=draws.uniform(0, 40, fire.shape),
    )
    hole = draws.random(fire.shape) < 0.1
    bands = {name: np.where(hole, np.nan, band) for name, band in bands.items()}
    source = raster(**{name: np.where(hole, -9999, band) for name, band in bands.items()})

    after = run(FireSpread, source, seed=5, end_time=4, wind_speed=6, wind_from=250).bands["fire"]
    for step in range(1, 5):
        bands = by_publication(bands, step, seed=5, wind_speed=6, wind_from=250, side=30)

    assert np.array_equal(bands["fire"], np.where(hole, np.nan, after), equal_nan=True)
    assert np.count_nonzero(bands["fire"] == BURNED) > 100


@pytest.mark.parametrize(
    ("neighbour", "elevation", "wind_speed", "expected"),
    [
        ((0, 1), 0, 0, 0.58),  # p_h
        ((0, 1), 0, 8, 0.83132),  # 0.58 exp(0.36), with the wind
        ((0, -1), 0, 8, 0.10223),  # 0.58 exp(0.36 - 2.096), against it
        ((1, 0), 0, 8, 0.29149),  # 0.58 exp(0.36 - 1.048), across
        ((0, 1), 3, 0, 0.90615),  # 0.58 exp(0.078 · 5.7106°), up by 3 m in 30 m
        ((0, 1), -3, 0, 0.37157),  # and down
    ],
)
def test_a_cell_catches_fire_with_the_published_probability(
    raster, run, neighbour, elevation, wind_speed, expected
):
    """Fires so far apart that each is alone; four standard errors of their number."""
    fire = np.full((160, 160), float(UNBURNED))
    fire[2::5, 2::5] = BURNING
    height = np.zeros(fire.shape)
    height[2 + neighbour[0] :: 5, 2 + neighbour[1] :: 5] = elevation

    after = run(
        FireSpread,
        raster(**land(fire, elevation=height)),
        seed=3,
        end_time=1,
        wind_speed=wind_speed,
        wind_from=270,
    ).bands["fire"]

    caught = after[2 + neighbour[0] :: 5, 2 + neighbour[1] :: 5] == BURNING
    assert caught.mean() == pytest.approx(
        expected, abs=4 * math.sqrt(expected * (1 - expected) / caught.size)
    )


@pytest.mark.parametrize(("p_h", "crosses"), [(0.22, False), (0.28, True)])
def test_a_fire_crosses_the_map_above_the_percolation_threshold(raster, run, p_h, crosses):
    """Each pair of neighbours is tried once, so this is bond percolation on a square lattice with eight
    neighbours: its threshold is 0.25036834 (Feng, Deng and Blöte, Phys. Rev. E 78, 031136, 2008)."""
    fire = np.full((60, 100), float(UNBURNED))
    fire[:, 0] = BURNING

    after = run(FireSpread, raster(**land(fire)), seed=1, end_time=300, p_h=p_h).bands["fire"]

    assert not np.any(after == BURNING)
    assert crosses == bool(np.any(after[:, -1] == BURNED))


def test_what_has_no_fuel_does_not_burn_and_each_cell_burns_once(raster, run):
    fire = np.array([[BURNING, UNBURNED, NO_FUEL, UNBURNED, BURNED, BURNING]], float)

    after = run(FireSpread, raster(**land(fire)), seed=1, end_time=1, p_h=1).bands["fire"]

    assert [[BURNED, BURNING, NO_FUEL, UNBURNED, BURNED, BURNED]] == after.tolist()
