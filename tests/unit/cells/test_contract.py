from dissmodel.cells.testing import CellModelContract
from dissmodel.models.game_of_life import GameOfLife
from support.growth import Growth


class TestGrowth(CellModelContract):
    model = Growth


class TestGameOfLife(CellModelContract):
    model = GameOfLife
