"""The process of a model that has packages of its own: it does what it is asked, one request a line.

It is started as ``python -m dissmodel.executor.child``. Requests come on standard input, answers and progress
go to what was standard output; whatever the model itself prints goes to standard error. It ends when its
parent does.
"""

from __future__ import annotations

import ctypes
import json
import os
import queue
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, TextIO

from dissmodel import gdal_settings
from dissmodel.executor import wire
from dissmodel.executor.config import RunContext
from dissmodel.executor.host import InProcess
from dissmodel.executor.parameters import ParameterLayer, ResolvedParameters
from dissmodel.progress import reporting_warnings
from dissmodel.record import Code, ExperimentRecord, store
from dissmodel.registry import plugins

_PR_SET_PDEATHSIG = 1
_OFTEN_S = 0.1


def main() -> None:
    """Answer requests until there are no more."""
    end_with_parent()
    gdal_settings.ignore()
    out = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8", newline="\n")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # it is the interpreter's own
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    requests: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    reader = threading.Thread(target=_read, args=(requests,), daemon=True)
    try:
        reader.start()
        take: Callable[[], dict[str, Any]] = requests.get
    except RuntimeError:  # the system refuses threads: that the parent is gone is seen between requests only
        take = partial(_next, iter(sys.stdin))
    sender = Sender(out)
    worker: InProcess | None = None
    while True:
        request = take()
        if request["do"] == "end":
            return
        with reporting_warnings(sender):
            try:
                if request["do"] == "open":
                    worker = _opened(**request["what"])
                    answer: Any = worker.info
                else:
                    assert worker is not None  # the first request opens one
                    answer = _answer(worker, request["do"], request["what"])
            except BaseException as error:  # noqa: BLE001  (the other process is told, whatever it is)
                text = "".join(traceback.format_exception(error))
                sender.send({"error": wire.error_to_wire(error, text)})
            else:
                sender.send({"answer": wire.to_wire(answer)})


def _opened(name: str, module: str | None, distribution: str | None, origin: str) -> InProcess:
    model = plugins.find_in(name, module, distribution)
    return InProcess(model.executor, origin, model.distribution or distribution)


def _answer(worker: InProcess, do: str, what: dict[str, Any]) -> Any:
    match do:
        case "code" | "schema" | "contract":
            return getattr(worker, do)()
        case "runtime":
            return worker.runtime(Code.model_validate(what["code"]), what["load"])
        case "check":
            return worker.check([ParameterLayer(**layer) for layer in what["layers"]])
        case "recheck":
            return worker.recheck([ParameterLayer(**layer) for layer in what["layers"]], what["rows"])
        case "describe" | "reach":
            return getattr(worker, do)(wire.from_wire(ResolvedParameters, what["resolved"]))
        case "inspect":
            return tuple(worker.inspect(store.read(Path(what["record"]))))
        case "run":
            _run(worker, what)
            return worker.usage()
    raise ValueError(do)


def _run(worker: InProcess, what: dict[str, Any]) -> None:
    """Run; also after an error, the other process gets what the model noted in its record."""
    given: ExperimentRecord = store.read(Path(what["record"]))
    process = os.getpid()
    try:
        given = worker.run(given, wire.from_wire(RunContext, what["context"]))
    finally:
        if os.getpid() != process:  # a copy that the model made with fork: the run is its parent's
            os._exit(0)
        store.write(given, Path(what["saved"]))


class Sender:
    """A reporter that sends what it hears to the other process."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._lock = threading.Lock()  # a model may report from threads of its own
        self._noted = 0.0

    def send(self, message: dict[str, Any]) -> None:
        """Send a message."""
        with self._lock:
            self._out.write(json.dumps(message, default=str) + "\n")
            self._out.flush()

    def phase(self, name: str) -> None:
        """Send it."""
        self.send({"phase": [name]})

    def step(self, done: int, total: int, cells: int = 0) -> None:
        """Send it."""
        self.send({"step": [int(done), int(total), int(cells)]})

    def note(self, text: str) -> None:
        """Send it, unless something was noted just now."""
        if time.monotonic() - self._noted >= _OFTEN_S:
            self._noted = time.monotonic()
            self.send({"note": [text]})

    def transferred(self, done: int, total: int) -> None:
        """Send it."""
        self.send({"transferred": [int(done), int(total)]})

    def warn(self, message: str) -> None:
        """Send it."""
        self.send({"warn": [message]})

    def output(self, line: str) -> None:
        """Send it."""
        self.send({"output": [line]})


def _read(requests: queue.SimpleQueue[dict[str, Any]]) -> None:
    """Hand over requests; where they stop without an ``end``, the parent is gone: all here ends."""
    ended = False
    for line in sys.stdin:
        request = json.loads(line)
        ended = ended or request["do"] == "end"
        requests.put(request)
    if not ended:
        end_all()


def _next(lines: Iterator[str]) -> dict[str, Any]:
    for line in lines:
        request: dict[str, Any] = json.loads(line)
        return request
    end_all()
    return {"do": "end"}


def end_all() -> None:
    """End this process and all that it started, at once."""
    if hasattr(os, "killpg") and os.getpgrp() == os.getpid():  # the model's own processes too
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


def end_with_parent() -> None:
    """Let the system end this process too, for a model may hold the interpreter in code of its own.

    It kills this process only; a copy that does nothing but wait for that ends what the model started.
    """
    if sys.platform != "linux" or os.getpgrp() != os.getpid():
        return
    try:
        prctl = ctypes.CDLL(None).prctl
    except (OSError, AttributeError):  # another C library: the end of the pipe has to do
        return
    child = os.getpid()
    try:
        copy = os.fork()
    except OSError:  # the system refuses processes: the end of the pipe has to do
        return
    if copy == 0:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, lambda *_: os.killpg(0, signal.SIGKILL))
        prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        os.closerange(0, 3)
        while os.getppid() == child:
            signal.pause()
        os.killpg(0, signal.SIGKILL)
    prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
    main()
