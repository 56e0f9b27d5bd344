"""The process of one attempt at a job: it runs the model and says how far it is.

It is started as ``python -m dissmodel.service.child TASK``, in a session of its own and without credentials.
What was standard output takes JSON objects, one a line, as from the process of an isolated model (see
`dissmodel.executor.child`), and at last ``{"end": {"record": PATH}}``; of a run that failed it also has error
and retry. All that is printed goes to standard error. Standard input is a pipe that the worker holds: the
process ends when the pipe does.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TextIO

from dissmodel import gdal_settings
from dissmodel.consent import Consent
from dissmodel.errors import StorageError
from dissmodel.executor.child import Sender, end_all, end_with_parent
from dissmodel.experiment.layout import OUTPUT
from dissmodel.experiment.naming import naming
from dissmodel.progress import Reporter, reporting_warnings
from dissmodel.running.account import as_failure
from dissmodel.service.task import Task

_OFTEN_S = 0.1


def main() -> None:
    """Do the task, say how it ended, and end all that it started."""
    end_with_parent()
    out = own_output()
    pipe = os.dup(0)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    threading.Thread(target=_end_with, args=(pipe,), daemon=True).start()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    gdal_settings.ignore()
    events = _Events(out)
    task = Task.read(Path(sys.argv[1]))
    limit_memory(task.memory)
    try:
        with reporting_warnings(events), naming({f"{task.folder}{os.sep}": ""}):
            record = _run(task, events)
        events.send({"end": {"record": str(record)}})
    except BaseException as error:  # noqa: BLE001  (the worker is told, whatever it is)
        told = as_failure(error, task.request.model_name, "open")
        path = getattr(error, "record_path", None)
        problem = {"code": told.code, "message": told.message, "hint": told.hint}
        said = {**problem, "exit_code": told.exit_code}
        retry = isinstance(told, StorageError)
        events.send({"end": {"error": said, "retry": retry, "record": path and str(path)}})
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.flush()
    os._exit(0)  # a model may have left threads that Python would wait for


class _Events(Sender):
    """A reporter that sends what it hears to the worker; of many steps only some."""

    _told = 0.0

    def step(self, done: int, total: int, cells: int = 0) -> None:
        """Send it, unless a step was sent just now."""
        if time.monotonic() - self._told >= _OFTEN_S or done >= total:
            self._told = time.monotonic()
            super().step(done, total, cells)

    def transferred(self, done: int, total: int) -> None:
        """Send it, as a step."""
        self.step(done, total)


def _run(task: Task, reporter: Reporter) -> Path:
    """Run the task's model and return the path of its record."""
    os.chdir(task.folder)  # a result without a name of its own goes there
    asked = task.request
    shared: dict[str, Any] = {
        "at_hand": task.source,
        "threads": task.threads,
        "consent": Consent(offline=True),  # what has to be installed is installed
        "experiment_id": asked.experiment_id,
    }
    if task.recorded is not None:
        from dissmodel.reproducing.reproduce import ReproduceRequest, reproduce  # noqa: PLC0415  (each loads what it needs)

        asked_again = ReproduceRequest(record=task.recorded, others_at_hand=task.others, **shared)
        path = reproduce(asked_again, reporter).record_path
        assert path is not None  # only a check leaves none
        return path
    from dissmodel.running.model import GivenSpec  # noqa: PLC0415  (as above)
    from dissmodel.running.others import given_inputs  # noqa: PLC0415  (as above)
    from dissmodel.running.run import RunRequest, run  # noqa: PLC0415  (as above)

    _, _, others = given_inputs([("", asked.input), *asked.pairs], asked.resample)
    spec = GivenSpec(asked.spec, asked.model_name, asked.commit, task.package) if asked.spec else None
    request = RunRequest(
        model=asked.model_name if spec is None else None,
        spec=spec,
        parameters=asked.parameters,
        parameters_from="request",
        output=None if asked.output_suffix is None else f"{OUTPUT}{asked.output_suffix}",
        input=str(task.source.path),
        fields=asked.input_fields,
        others=tuple(
            replace(one, at_hand=here) for one, here in zip(others, task.others.values(), strict=True)
        ),
        column_map=asked.column_map,
        band_map=asked.band_map,
        class_map=asked.class_map,
        format=asked.input_format,
        layer=asked.layer,
        seed=asked.seed,
        until=asked.until,
        cog=asked.cog,
        **shared,
    )
    return run(request, reporter).record_path


def own_output() -> TextIO:
    """Return standard output; what else a model or a library in C writes there goes to standard error."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8", newline="\n")
    os.dup2(2, 1)
    return out


def model_of(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return how a model is opened by its spec, or else its name; nothing is installed for it."""
    from dissmodel.running.model import GivenSpec  # noqa: PLC0415  (as above)

    spec = GivenSpec(asked["spec"], asked["name"], asked["commit"]) if asked["spec"] else None
    return {"model": asked["name"] if spec is None else None, "spec": spec, "consent": Consent(offline=True)}


def limit_memory(memory: int | None) -> None:
    """Let this process, and each that it starts, have so much memory and no more."""
    if memory is None or sys.platform == "win32":
        return
    import resource  # noqa: PLC0415  (Windows has no such module)

    # On Linux the limit of data counts what was allocated; the address space also what was only reserved.
    kind = resource.RLIMIT_DATA if sys.platform == "linux" else resource.RLIMIT_AS
    with contextlib.suppress(ValueError, OSError):  # the system sets a lower one
        resource.setrlimit(kind, (memory, memory))


def _end_with(pipe: int) -> None:
    """End all at the end of a pipe; a buffered read would abort the interpreter's end."""
    with contextlib.suppress(OSError):
        while os.read(pipe, 1):
            pass
    end_all()


if __name__ == "__main__":
    main()
