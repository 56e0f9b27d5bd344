import pytest

from dissmodel.record.status import Outcome, decide

WHOLE = {"main_artifact": True, "input_unchanged": True}


@pytest.mark.parametrize(
    ("expected", "outcome"),
    [
        ("pending", Outcome("pending")),
        ("running", Outcome("validate")),
        ("running", Outcome("load")),
        ("running", Outcome("run")),
        ("running", Outcome("save")),
        ("running", Outcome("promote", **WHOLE)),
        ("completed", Outcome("done", **WHOLE)),
        ("completed", Outcome("done", main_artifact=True, input_unchanged=None)),
        ("tainted", Outcome("done", main_artifact=True, input_unchanged=False)),
        ("failed", Outcome("done", main_artifact=False, input_unchanged=True)),
        ("failed", Outcome("done", missing=("report",), **WHOLE)),
        ("failed", Outcome("done", main_artifact=True, missing=("report",), input_unchanged=False)),
        ("failed", Outcome("pending", "error")),
        ("failed", Outcome("run", "error", input_unchanged=False)),
        ("failed", Outcome("done", "error", **WHOLE)),
        ("interrupted", Outcome("pending", "interrupt")),
        ("interrupted", Outcome("save", "interrupt", **WHOLE)),
        ("interrupted", Outcome("done", "interrupt", main_artifact=True, input_unchanged=False)),
    ],
)
def test_what_happened_gives_a_status(expected, outcome):
    assert expected == decide(outcome)
