"""The trials of a calibration depend on nothing but the seed and what came of the trials before."""

import random

import pytest

from dissmodel.errors import UsageError
from dissmodel.sweeping.calibrate_study import GENERATION, Study
from dissmodel.sweeping.values import Bounds

SPACE = {
    "a": Bounds(0.0, 1.0),
    "b": Bounds(1, 8),
    "c": ("x", "y", True),
    "d": Bounds(1e-4, 1e-1, log=True),
    "e": Bounds(0.0, 1.0, step=0.25),
}


def loss(trial):
    """Return how bad a trial is; each fifth fails."""
    if trial.number % 5 == 4:
        return None
    values = trial.values
    return (values["a"] - 0.3) ** 2 + abs(values["b"] - 3) + (values["c"] != "y")


def trials_of(path, stops, *, sampler="tpe", seed=3):
    """Run as many trials as each of the `stops` says, each in a study that is opened again."""
    order = random.Random(1)
    for most in stops:
        is_over = False
        while not is_over:
            study = Study(path, "minimize", sampler, seed, SPACE)
            proposed = study.propose(most)
            is_over = not proposed
            order.shuffle(proposed)  # runs end in any order
            for trial in proposed:
                study.tell(trial, loss(trial))
    return [(trial.number, trial.values, trial.metric) for trial in study.trials()]


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_where_it_stopped_and_in_which_order_trials_ended_makes_no_difference(tmp_path, sampler):
    straight = trials_of(tmp_path / "a", [36], sampler=sampler)

    assert [*range(36)] == [number for number, _, _ in straight]
    for name, stops in {"b": [1, 2, 7, 19, 36], "c": [16, 33, 36]}.items():
        assert straight == trials_of(tmp_path / name, stops, sampler=sampler)
    assert straight != trials_of(tmp_path / "d", [36], sampler=sampler, seed=4)


def test_a_generation_is_proposed_at_once_and_goes_on_after_a_kill(tmp_path):
    path = tmp_path / "study"
    first = Study(path, "maximize", "tpe", 0, SPACE).propose(100)
    path.write_bytes(path.read_bytes() + b'{"op_code":')
    study = Study(path, "maximize", "tpe", 0, SPACE)
    again = study.propose(100)
    study.tell(again[0], 1.0)

    assert GENERATION == len(first)
    assert first == again
    assert again[1:] == study.propose(100)
    assert 1.0 == Study(path, "maximize", "tpe", 0, SPACE).trials()[0].metric


def test_values_are_within_their_bounds_and_of_their_types(tmp_path):
    for _, values, _ in trials_of(tmp_path / "a", [24]):
        assert 0 <= values["a"] <= 1
        assert type(values["b"]) is int
        assert 1 <= values["b"] <= 8
        assert values["c"] in {"x", "y", True}
        assert 1e-4 <= values["d"] <= 1e-1
        assert values["e"] in {0, 0.25, 0.5, 0.75, 1}


def test_another_question_is_told_from_the_same(tmp_path):
    study = Study(tmp_path / "a", "minimize", "tpe", 0, SPACE)
    study.agree({"metric": "fit", "seed": "0"})
    study.agree({"metric": "fit", "seed": "0"})

    with pytest.raises(UsageError, match="seed: 0, now 1"):
        Study(tmp_path / "a", "minimize", "tpe", 0, SPACE).agree({"metric": "fit", "seed": "1"})


def test_a_table_can_not_be_calibrated(tmp_path):
    with pytest.raises(UsageError, match="numbers, texts and booleans"):
        Study(tmp_path / "a", "minimize", "tpe", 0, {"a": ([1, 2], [3, 4])})
