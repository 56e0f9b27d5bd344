"""Numbers of the town: from its publication, cell by cell, and worked by hand."""

import math

import numpy as np
import pytest
from pydantic import ValidationError

from dissmodel.errors import InvalidInput
from dissmodel.models.urban_growth import UrbanGrowth
from support.draws import draw

OPEN, URBAN, FIXED = 0, 1, 2
WEIGHTS = (1.0, 0.5, -0.25)


def table(demand):
    return [{"year": 2020 + step, "cells": cells} for step, cells in enumerate(demand, 1)]


def by_publication(land, suitability, step, demand, *, seed, alpha, inertia):
    """One step by White, Engelen and Uljee (1997), cell by cell; `land` has no hole."""
    potential = {}
    for rank, (row, col) in enumerate(np.ndindex(land.shape)):
        if land[row, col] == FIXED:
            continue
        influence = 0.0
        for other in np.ndindex(land.shape):
            distance = math.dist((row, col), other)
            if 0 < distance <= len(WEIGHTS) and land[other] == URBAN:
                influence += WEIGHTS[math.ceil(distance) - 1]
        v = 1 + (-math.log(1 - draw(seed, step, rank))) ** alpha
        h = inertia if land[row, col] == URBAN else 0
        potential[row, col] = v * suitability[row, col] * (1 + influence) + h
    highest = sorted(potential, key=lambda cell: -potential[cell])[
        :demand
    ]  # sorted keeps the order of equals
    after = np.where(land == FIXED, FIXED, OPEN)
    for cell in highest:
        after[cell] = URBAN
    return after


@pytest.mark.parametrize(("alpha", "inertia"), [(0.0, 1000.0), (2.5, 1000.0), (1.0, 0.0)])
def test_steps_are_those_of_the_publication(raster, run, alpha, inertia):
    draws = np.random.default_rng(6)
    land = draws.choice([OPEN, URBAN, FIXED], p=[0.75, 0.15, 0.1], size=(13, 17))
    suitability = draws.random(land.shape)
    demand = [45, 52, 40, 60]

    result = run(
        UrbanGrowth,
        raster(land=land, suitability=suitability),
        seed=9,
        end_time=4,
        demand=table(demand),
        weights=WEIGHTS,
        alpha=alpha,
        inertia=inertia,
    )
    for step, needed in enumerate(demand, 1):
        land = by_publication(land, suitability, step, needed, seed=9, alpha=alpha, inertia=inertia)

    assert np.array_equal(land, result.bands["land"])
    assert demand == result.record.step_metrics["land_urban"]


def test_a_town_worked_by_hand(raster, run):
    """With alpha = 0 every v is 2. So the potential is 2 · 0.5 · (1 + 3) = 4 beside the town, 2 two cells
    away, 2 · 0.9 · (1 + 0) = 1.8 further on, and 2 · 0.5 + 10 = 11 in the town."""
    source = raster(
        land=np.array([[OPEN, OPEN, OPEN, URBAN, FIXED, OPEN]]),
        suitability=np.array([[0.9, 0.5, 0.5, 0.5, 1.0, 0.5]]),
    )

    def grown(demand):
        result = run(
            UrbanGrowth,
            source,
            seed=1,
            end_time=1,
            demand=table([demand]),
            alpha=0,
            inertia=10,
            weights=[3, 1],
        )
        return result.bands["land"].ravel().tolist()

    assert [OPEN, OPEN, URBAN, URBAN, FIXED, OPEN] == grown(2)
    # Both cells that are two cells away have a potential of 2; the first in visiting order comes first.
    assert [OPEN, URBAN, URBAN, URBAN, FIXED, OPEN] == grown(3)
    assert [OPEN, URBAN, URBAN, URBAN, FIXED, URBAN] == grown(4)
    assert [URBAN, URBAN, URBAN, URBAN, FIXED, URBAN] == grown(5)
    assert [OPEN, OPEN, OPEN, OPEN, FIXED, OPEN] == grown(0)


def test_a_demand_that_the_land_can_not_meet(raster, run):
    source = raster(land=np.array([[OPEN, URBAN, FIXED]]), suitability=np.ones((1, 3)))

    with pytest.raises(InvalidInput, match="demand of 2022 is 3 cells, and 2 cells may be urban"):
        run(UrbanGrowth, source, seed=1, end_time=2, demand=table([2, 3]))


def test_a_weight_is_a_finite_number():
    with pytest.raises(ValidationError, match=r"weights\.0\n  Input should be a finite number"):
        UrbanGrowth.Parameters(demand=table([1]), weights=[math.inf])
