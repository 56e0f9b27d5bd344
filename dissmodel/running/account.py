"""What a run's record says once the run is over."""

from __future__ import annotations

import errno
import gc
import traceback
from datetime import UTC, datetime
from pathlib import Path

from dissmodel.errors import DissmodelError, InvalidInput, RunFailed, StorageError, extra_hint
from dissmodel.executor.host import Usage
from dissmodel.executor.watched import explanations, text_of
from dissmodel.io import content
from dissmodel.io.room import HINT, LEAST, largest_in, no_room
from dissmodel.record import MAIN, ExperimentRecord, Failure, Runtime
from dissmodel.record.redact import redact
from dissmodel.record.status import status_of
from dissmodel.running.listening import Listener
from dissmodel.running.results import Results

_LONGEST_MESSAGE = 2_000
_LONGEST_TRACEBACK = 100_000
_LONGEST_CHAIN = 100
_NO_ROOM = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}

READ_ON = "The record of the run has the traceback."
"""The hint of an error without a hint, once the record is written."""

# The fields of its record that a model may set. Every other field is what the run observed, whatever a model
# writes there; `logs`, `artifacts`, `output_path` and `runtime` take from the model what the run can confirm.
OF_THE_MODEL = frozenset({"period", "metrics", "step_metrics", "grid", "findings", "tiles"})
_FIELDS = ExperimentRecord.model_fields.keys()


def note(opening: ExperimentRecord, given: ExperimentRecord) -> None:
    """Keep in the opening record what a model noted in its copy, if it is of the right kind."""
    if isinstance(given.metrics, dict):
        opening.metrics = given.metrics
    if isinstance(given.step_metrics, dict):
        opening.step_metrics = given.step_metrics
    opening.logs = _lines(given)
    if opening.seed is None and isinstance(given.seed, int):
        opening.seed = given.seed
        if opening.parameters.get("seed") is None:  # else it was given as this parameter
            opening.parameter_origin["seed"] = "drawn"
            # Of a model of cells the parameter is the seed.
            if isinstance(given.parameters, dict) and given.parameters.get("seed") == given.seed:
                opening.parameters["seed"] = given.seed


def completed(
    opening: ExperimentRecord, saved: ExperimentRecord, results: Results, listener: Listener, usage: Usage
) -> ExperimentRecord:
    """Return the record of a run that completed.

    `opening` is the record before the model ran: what was observed; `saved` is what the executor returned.
    """
    grid = saved.grid or (content.grid_of(results.main_file) if results.main_file is not None else None)
    return _over(opening, saved, listener, usage).model_copy(
        update={
            "status": status_of(None),
            "files": dict(results.files),
            "artifacts": {
                **{name: artifact.sha256 for name, artifact in results.files.items()},
                **results.aliases,
            },
            "output_path": results.files[MAIN].path,
            "grid": grid,
        }
    )


def failed(
    opening: ExperimentRecord,
    error: BaseException,
    failure: DissmodelError,
    listener: Listener,
    usage: Usage,
) -> ExperimentRecord:
    """Return the record of a run that `error` ended; the user sees it as `failure`."""
    interrupted = isinstance(error, KeyboardInterrupt)
    return _over(opening, opening, listener, usage).model_copy(
        update={
            "status": status_of(error, failure.code),
            "output_path": None,
            "artifacts": {},
            "error": Failure(
                phase=listener.current,
                type=type(error).__name__,
                code=failure.code,
                message=_text(error) or "interrupted" if interrupted else failure.message,
                hint=failure.hint,
                traceback=_traceback(error),
            ),
        }
    )


def let_go(error: BaseException) -> None:
    """Free what an error keeps alive; a run that ran out of memory needs some to write its record."""
    one: BaseException | None = error
    for _ in range(_LONGEST_CHAIN):
        if one is None:
            break
        traceback.clear_frames(one.__traceback__)
        one = one.__context__
    if isinstance(error, MemoryError):  # what holds itself is freed by nothing else
        gc.collect()


def as_failure(error: BaseException, model: str, phase: str) -> DissmodelError:
    """Return an error in the form that a user sees."""
    if isinstance(error, DissmodelError):
        return error
    nothing = "there is not enough memory" if isinstance(error, MemoryError) else "without a message"
    said = "; ".join([_text(error) or nothing, *explanations(error)])
    if phase == "validate" and isinstance(error, ValueError):
        return InvalidInput(
            said, "Correct the input or the parameters that the message names.", code="validation"
        )
    if isinstance(error, OSError) and error.errno in _NO_ROOM:
        return StorageError(
            f"{model} failed in {phase}: {said}.",
            "Make room, or give an output on another disk: --output NAME",
        )
    # The model is done: this is the destination, and the system says why.
    if isinstance(error, OSError) and error.errno is not None and phase == "promote":
        return StorageError(
            f"The result of {model} can't be put in its place: {said}.",
            "Check the rights of the folder and the space on the disk, then run it again.",
        )
    return RunFailed(f"{model} failed in {phase}: {type(error).__name__}: {said}", extra_hint(error))


def for_want_of_room(failure: DissmodelError, work: Path) -> DissmodelError:
    """Return a model's failure, or that the disk with its working folder is full, where that is so."""
    if not isinstance(failure, RunFailed):
        return failure
    why = no_room(work, largest_in(work), failure.message, little=LEAST)
    if not why:
        return failure
    return StorageError(f"{failure.message.rstrip('.')}; and {why}.", HINT)


def _over(
    opening: ExperimentRecord, saved: ExperimentRecord, listener: Listener, usage: Usage
) -> ExperimentRecord:
    unknown = {name: value for name, value in (saved.model_extra or {}).items() if name not in _FIELDS}
    return opening.model_copy(
        update={
            **unknown,
            **{name: getattr(saved, name) for name in OF_THE_MODEL},
            "finished_at": datetime.now(UTC),
            "logs": [listener.fit(str(line)) for line in _lines(saved)] + listener.lines,
            "runtime": _runtime(opening, saved, usage),
            "peak_memory_bytes": usage.peak_memory_bytes,
            "cpu_seconds": usage.cpu_seconds,
        }
    )


def _runtime(opening: ExperimentRecord, saved: ExperimentRecord, usage: Usage) -> Runtime | None:
    """Return the runtime as it was before the model, with what only the run knows."""
    if opening.runtime is None:
        return None
    ran = saved.runtime if isinstance(saved.runtime, Runtime) else opening.runtime
    native = opening.runtime.native if usage.native is None else usage.native
    return opening.runtime.model_copy(update={"native": native, "kernel": ran.kernel, "threads": ran.threads})


def _lines(record: ExperimentRecord) -> list[str]:
    return record.logs if isinstance(record.logs, list) else []


def _text(error: BaseException) -> str:
    """Return the text of an error of any class, without secrets and not too long."""
    whole = text_of(error)
    said = redact(whole)  # before it is cut, for half a secret would not be recognised
    return said if len(said) <= _LONGEST_MESSAGE else f"{said[:_LONGEST_MESSAGE]}… ({len(whole)} characters)"


def _traceback(error: BaseException) -> str:
    """Return the traceback, without the middle of a very long one."""
    text = "".join(traceback.format_exception(error))
    if len(text) <= _LONGEST_TRACEBACK:
        return redact(text)
    half = _LONGEST_TRACEBACK // 2
    # Twice as much is looked at as is kept: half a secret would not be recognised.
    return f"{redact(text[: 2 * half])[:half]}\n…\n{redact(text[-2 * half :])[-half:]}"
