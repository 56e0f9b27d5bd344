import pytest

from dissmodel.errors import RunFailed
from dissmodel.record.status import status_of


@pytest.mark.parametrize(
    ("expected", "ended"),
    [
        ("completed", (None,)),
        ("failed", (ValueError(),)),
        ("failed", (ValueError(), "validation")),
        ("failed", (SystemExit(), "run_failed")),
        ("failed", (RunFailed("it left no result", code="no_output"), "no_output")),
        ("tainted", (RunFailed("the input changed", code="tainted"), "tainted")),
        ("interrupted", (KeyboardInterrupt(), "run_failed")),
        ("interrupted", (KeyboardInterrupt(), "tainted")),
    ],
)
def test_how_a_run_ended_gives_its_status(expected, ended):
    assert expected == status_of(*ended)
