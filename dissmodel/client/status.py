"""A job as its server has it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from dissmodel.errors import Differs, DissmodelError, InvalidInput, RunFailed, StorageError, UsageError

State = Literal["pending", "running", "completed", "failed", "cancelled"]

_ERRORS: Mapping[int, type[DissmodelError]] = {
    one.exit_code: one for one in (RunFailed, UsageError, InvalidInput, Differs, StorageError)
}


@dataclass(frozen=True)
class JobError:
    """Why a job failed; `exit_code` is that of ``dissmodel run``."""

    code: str
    message: str
    hint: str = ""
    exit_code: int = 1


@dataclass(frozen=True)
class JobStatus:
    """A job at one time.

    Attributes
    ----------
    job_id : str
        Its id, which is that of the experiment too.
    status : {"pending", "running", "completed", "failed", "cancelled"}
        The last three never change.
    model_name : str
        What runs.
    created_at, finished_at : datetime
        When it was submitted and when it ended; None before.
    progress : int
        How far it is, 0 to 100.
    phase, step, steps : str, int, int
        What is going on; None where that is not known.
    attempt : int
        How many times it was begun.
    error : JobError or None
        Why it failed.
    parameters : Mapping
        What it was given, and in the end all parameters.
    """

    job_id: str
    status: State
    model_name: str
    created_at: datetime
    finished_at: datetime | None = None
    progress: int = 0
    phase: str | None = None
    step: int | None = None
    steps: int | None = None
    attempt: int = 0
    error: JobError | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)

    @property
    def has_ended(self) -> bool:
        """Whether the status never changes again."""
        return self.status not in {"pending", "running"}

    def failure(self) -> DissmodelError:
        """Return the error of a job that ended without a result, as `dissmodel.run` raises it."""
        if self.error is None:
            return RunFailed(f"The job {self.job_id} is {self.status}.", code=f"job_{self.status}")
        kind = _ERRORS.get(self.error.exit_code, RunFailed)
        return kind(self.error.message, self.error.hint, code=self.error.code)
