import math
from typing import ClassVar

import pytest

from dissmodel.core import Environment, Model


@pytest.fixture(autouse=True)
def _no_environment_left():
    Environment._current = None
    yield
    Environment._current = None


def test_a_model_needs_an_environment():
    with pytest.raises(RuntimeError, match="Environment"):
        Model()


@pytest.mark.parametrize("step", [0, -1, math.nan])
def test_a_step_that_never_ends_is_refused(step):
    Environment()

    with pytest.raises(ValueError, match="step"):
        Model(step=step)


def test_setup_gets_the_keywords_that_the_model_does_not_know():
    class Rated(Model):
        def setup(self, rate):
            self.rate = rate

    Environment()

    assert Rated(rate=3, name="x").rate == 3


def test_a_model_belongs_to_the_environment_that_was_active_when_it_was_made():
    first = Environment()
    model = Model()
    Environment()

    assert model.env is first


def test_the_environments_window_is_the_default():
    env = Environment(start_time=3)
    model = Model()

    assert (3, math.inf) == (model.start_time, model.end_time)
    env.end_time = 7
    assert model.end_time == math.inf
    model.end_time = 5
    assert model.end_time == 5


def test_tracked_attributes_reach_the_environment_and_run_empties_them():
    info = {"label": "Flooded", "data": []}

    class Tracked(Model):
        _plot_info = {"flooded": info}  # noqa: RUF012  (as the decorator leaves it)

        def setup(self):
            self.flooded = -1

        def execute(self):
            self.flooded = self.env.now()

    env = Environment(start_time=1, end_time=3)
    model = Tracked()
    Environment()

    env.run()

    assert {"Flooded": info} == env._plot_metadata
    assert [1, 2, 3] == info["data"]
    assert model.flooded == 3


def test_a_second_environment_tracks_only_its_own_values():
    class Counting(Model):
        _plot_info: ClassVar = {"count": {"label": "count", "data": []}}

        def execute(self):
            self.count = int(self.env.now())

    seen = []
    for _ in range(2):
        env = Environment(start_time=1, end_time=2)
        Counting()
        env.run()
        seen.append(list(env._plot_metadata["count"]["data"]))

    assert [[1, 2], [1, 2]] == seen
