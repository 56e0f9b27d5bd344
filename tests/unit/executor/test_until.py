"""The condition that ends a run early."""

import pytest

from dissmodel.errors import UsageError
from dissmodel.executor.until import EndingSteps, Until


@pytest.mark.parametrize(
    ("text", "measures", "holds"),
    [
        ("built >= 500", {"built": 500}, True),
        ("built > 500", {"built": 500}, False),
        ("share < 1e-3 and built != 2", {"share": 0.0001, "built": 3}, True),
        ("share < 1e-3 and built == 3", {"share": 0.1, "built": 3}, False),
        ("land of sand<=-1.5", {"land of sand": -2}, True),
        ("built >= 500", {"built": float("nan")}, False),
    ],
)
def test_it_holds_where_each_comparison_does(text, measures, holds):
    assert holds == Until.parse(text).holds(measures)


WRONG = ("", "built", "built >= ", "built = 3", "built >= many", ">= 3", "a > 1 or b > 2", "a > nan")


@pytest.mark.parametrize("text", [*WRONG, "a > 1 and", "a > 1 > 2", "x" * 5000 + " > 1"])
def test_what_is_no_comparison_is_refused(text):
    with pytest.raises(UsageError, match="compares no metric") as raised:
        Until.parse(text)
    assert "until" == raised.value.code
    assert len(raised.value.message) < 300


def test_a_metric_that_is_not_measured_is_named_with_those_that_are():
    with pytest.raises(UsageError, match="no 'bilt'") as raised:
        Until.parse("bilt > 3").holds({"step": 1, "built": 3, "area": 4})
    assert "Did you mean 'built'?" == raised.value.hint


def test_steps_end_as_soon_as_they_are_told():
    steps = EndingSteps(range(3, 9))
    assert (6, 3, 8, 3, 9) == (len(steps), steps[0], steps[-1], steps.start, steps.stop)
    seen = []
    for step in steps:
        seen.append(step)
        steps.ended = step == 5
    assert [3, 4, 5] == seen
