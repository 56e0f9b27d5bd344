import pytest

from dissmodel.cells.testing import CellModelContract
from dissmodel.models.fire_spread import FireSpread
from dissmodel.models.game_of_life import GameOfLife
from dissmodel.models.urban_growth import UrbanGrowth
from dissmodel.registry.classes import ExecutorRegistry
from support.growth import Growth


class TestGrowth(CellModelContract):
    model = Growth

    @pytest.fixture(autouse=True)
    def _registered(self, monkeypatch):
        # Tests of the same process may have run a file of their own with a model of this name.
        monkeypatch.setitem(ExecutorRegistry._executors, Growth.name, Growth)


class TestGameOfLife(CellModelContract):
    model = GameOfLife


@pytest.mark.slow
class TestFireSpread(CellModelContract):
    model = FireSpread


@pytest.mark.slow
class TestUrbanGrowth(CellModelContract):
    model = UrbanGrowth

    @pytest.fixture(autouse=True)
    def _demand(self, tmp_path_factory):
        path = tmp_path_factory.mktemp("demand") / "demand.csv"
        path.write_text("year,cells\n" + "".join(f"{2020 + n},{60 + 5 * n}\n" for n in range(6)))
        type(self).parameters = {"demand": str(path)}
