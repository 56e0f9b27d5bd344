import pytest

from dissmodel.core import Environment, Model


class Ticks(Model):
    def setup(self):
        self.seen = []

    def execute(self):
        self.seen.append(self.env.now())


@pytest.fixture(autouse=True)
def _no_environment_left():
    yield
    Environment._current = None


def test_both_ends_are_included():
    env = Environment(start_time=1, end_time=10)
    model = Ticks()

    env.run()

    assert list(range(1, 11)) == model.seen
    assert env.now() == 10


def test_till_counts_from_the_start():
    env = Environment(start_time=5)
    model = Ticks()

    env.run(till=3)

    assert [5, 6, 7, 8] == model.seen
    assert env.end_time == 8


def test_an_end_is_needed():
    with pytest.raises(ValueError, match="end"):
        Environment().run()


def test_a_models_own_window_wins():
    env = Environment(start_time=0, end_time=10)
    model = Ticks(start_time=2, end_time=5)

    env.run()

    assert [2, 3, 4, 5] == model.seen


def test_a_models_window_does_not_reach_beyond_the_environments():
    env = Environment(start_time=3, end_time=5)
    model = Ticks(start_time=0, end_time=99)

    env.run()

    assert [3, 4, 5] == model.seen


def test_the_clock_never_goes_back_for_a_model_whose_time_is_over():
    env = Environment(start_time=3, end_time=5)
    over = Ticks(start_time=0, end_time=2)
    model = Ticks()

    env.run()

    assert [] == over.seen
    assert [3, 4, 5] == model.seen


def test_steps_of_several_models_interleave_in_the_order_they_were_made():
    order = []

    class Named(Model):
        def execute(self):
            order.append((self.env.now(), self.name))

    env = Environment(start_time=0, end_time=3)
    Named(name="slow", step=2)
    Named(name="fast")

    env.run()

    assert [(0, "slow"), (0, "fast"), (1, "fast"), (2, "slow"), (2, "fast"), (3, "fast")] == order


def test_a_tick_is_pre_execute_post():
    calls = []

    class Phases(Model):
        def pre_execute(self):
            calls.append("pre")

        def execute(self):
            calls.append("execute")

        def post_execute(self):
            calls.append("post")

    env = Environment(end_time=0)
    Phases()

    env.run()

    assert ["pre", "execute", "post"] == calls


def test_a_second_run_starts_over():
    env = Environment(start_time=1, end_time=3)
    model = Ticks(start_time=2)
    env.run()
    model.seen.clear()

    env.run()

    assert [2, 3] == model.seen


def test_an_end_that_comes_later_holds_for_models_without_their_own():
    env = Environment()
    model = Ticks()
    env.end_time = 2

    env.run()

    assert [0, 1, 2] == model.seen


def test_a_model_made_during_a_tick_takes_part_in_it():
    made = []

    class Parent(Model):
        def execute(self):
            if not made:
                made.append(Ticks())

    env = Environment(start_time=0, end_time=2)
    Parent()

    env.run()

    assert [0, 1, 2] == made[0].seen


def test_an_environment_without_models_ends():
    env = Environment(end_time=1e9)

    env.run()

    assert env.now() == 0


def test_nothing_is_printed(capsys):
    env = Environment(end_time=2)
    Ticks()

    env.run()

    assert capsys.readouterr() == ("", "")
