"""From how a run ended to its status."""

from __future__ import annotations

from dissmodel.record.schema import Status


def status_of(error: BaseException | None, code: str | None = None) -> Status:
    """Return the status of a run that `error` ended; None: no error, and its result is complete.

    A run that failed on an input that changed is ``failed``. ``tainted`` is a run whose result is whole but
    was made from an input that changed meanwhile: an error of the code ``tainted``. It is not delivered.
    No run ends as ``replacing``: a record says that while an earlier pair gives way to a new one.

    `code` is that of the error that the user is told.
    """
    if error is None:
        return "completed"
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    return "tainted" if code == "tainted" else "failed"
