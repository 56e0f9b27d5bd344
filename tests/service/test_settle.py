"""The state of a job in every combination of what can be known of it."""

import itertools

import pytest

from dissmodel.service.documents import Cancel, Outcome
from dissmodel.service.queue import Entry, Progress
from dissmodel.service.state import LEGACY, OGC, Seen, settle

OUTCOMES = [None, "completed", "failed", "cancelled"]
ENTRIES = {
    "unknown": None,
    "forgotten": Entry(),
    "waits": Entry(is_waiting=True),
    "tried": Entry(attempts=2),
    "held": Entry(is_leased=True, progress=Progress("run")),
    "held before its first phase": Entry(is_leased=True),
    "held and put again": Entry(is_waiting=True, is_leased=True, progress=Progress("load")),
    "delivers": Entry(is_leased=True, progress=Progress("deliver")),
    "delivered when it was lost": Entry(progress=Progress("deliver")),
}
# Where neither an outcome nor a record is there: of a job that nobody cancelled, and of a cancelled job.
EXPECTED = {
    "unknown": ("queued", "cancelled"),
    "forgotten": ("queued", "cancelled"),
    "waits": ("queued", "cancelled"),
    "tried": ("queued", "cancelled"),
    "held": ("running", "running"),
    "held before its first phase": ("running", "running"),
    "held and put again": ("running", "running"),
    "delivers": ("delivering", "delivering"),
    "delivered when it was lost": ("queued", "cancelled"),
}


@pytest.mark.parametrize("entry", ENTRIES)
@pytest.mark.parametrize("is_cancelled", [False, True], ids=["", "cancelled"])
@pytest.mark.parametrize("has_record", [False, True], ids=["", "record"])
@pytest.mark.parametrize("outcome", OUTCOMES)
def test_the_state_of_a_job(outcome, has_record, is_cancelled, entry):
    seen = Seen(
        outcome=outcome and Outcome(status=outcome),
        has_record=has_record,
        cancel=Cancel() if is_cancelled else None,
        entry=ENTRIES[entry],
    )
    expected = outcome or ("completed" if has_record else EXPECTED[entry][is_cancelled])

    assert expected == settle(seen)


def test_every_state_has_a_name_for_other_clients():
    states = {*itertools.chain(*EXPECTED.values()), *filter(None, OUTCOMES)}

    assert {"pending", "running", "completed", "failed", "cancelled"} == {LEGACY.get(s, s) for s in states}
    assert {"accepted", "running", "successful", "failed", "dismissed"} == {OGC.get(s, s) for s in states}
