"""From what happened to a status; a pure function."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from dissmodel.record.schema import Status

Phase = Literal["pending", "validate", "load", "run", "save", "promote", "done"]
ErrorKind = Literal["none", "error", "interrupt"]


@dataclass(frozen=True)
class Outcome:
    """What happened to a run.

    Attributes
    ----------
    phase : str
        The phase that it reached: ``pending`` before the first, ``done`` after the last.
    error : str
        ``interrupt`` if a person or the system ended it, ``error`` if something was raised.
    main_artifact : bool
        Whether the main artifact is at its final name, or where the model put it.
    missing : tuple of str
        The artifacts that the model declared and that were not there.
    input_unchanged : bool or None
        Whether the input is still what was hashed before the run; None if that couldn't be checked.
    """

    phase: Phase
    error: ErrorKind = "none"
    main_artifact: bool = False
    missing: tuple[str, ...] = ()
    input_unchanged: bool | None = None


def decide(outcome: Outcome) -> Status:
    """Return the status of a run to which `outcome` happened.

    What ended the run comes first: a run that failed on a changed input is ``failed``. A result that is not
    whole is ``failed``, and ``tainted`` is one that is whole but was made from an input that changed
    meanwhile; it is not delivered. An input that can't be checked (a remote one) taints nothing.
    ``replacing`` is no outcome; it is what a record says while an earlier pair gives way to a new one.

    >>> decide(Outcome("done", main_artifact=True, input_unchanged=True))
    'completed'
    >>> decide(Outcome("done", main_artifact=True, missing=("report",)))
    'failed'
    """
    if outcome.error == "interrupt":
        return "interrupted"
    if outcome.error == "error":
        return "failed"
    if outcome.phase == "pending":
        return "pending"
    if outcome.phase != "done":
        return "running"
    if not outcome.main_artifact or outcome.missing:
        return "failed"
    return "tainted" if outcome.input_unchanged is False else "completed"
