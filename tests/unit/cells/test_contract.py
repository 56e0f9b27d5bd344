from typing import ClassVar

from dissmodel.cells.testing import CellModelContract
from dissmodel.models.fire_spread import FireSpread
from dissmodel.models.game_of_life import GameOfLife
from dissmodel.models.urban_growth import UrbanGrowth
from support.growth import Growth


class TestGrowth(CellModelContract):
    model = Growth


class TestGameOfLife(CellModelContract):
    model = GameOfLife


class TestFireSpread(CellModelContract):
    model = FireSpread


class TestUrbanGrowth(CellModelContract):
    model = UrbanGrowth
    parameters: ClassVar = {"demand": {"year": [2021, 2022, 2023, 2024], "cells": [90, 95, 100, 80]}}
