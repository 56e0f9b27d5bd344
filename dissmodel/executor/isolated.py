"""A model in a process of its own, with an environment of its own: the parent's side."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from dissmodel import gdal_settings, progress
from dissmodel.errors import RunFailed
from dissmodel.executor import parameters, wire
from dissmodel.executor.config import RunContext
from dissmodel.executor.findings import Finding
from dissmodel.executor.host import InProcess, ModelInfo, Reach, Usage
from dissmodel.inherited import refuses_threads
from dissmodel.process import STORAGE
from dissmodel.record import Code, ExperimentRecord, Runtime, store
from dissmodel.record.known_secrets import is_secret_variable

_GRACE = 3.0  # seconds to end after a signal, and after the last request
_TAIL = 40  # lines
_LONGEST_LINE = 2_000
_CHUNK = 1 << 16
_REPORTS = frozenset({"phase", "step", "transferred", "warn", "output"})
# What would let other code than the environment's into it.
_FOREIGN = ("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "VIRTUAL_ENV")


class Isolated:
    """Runs a model in another process; to be closed; its methods are those of `InProcess`.

    `python` is the interpreter of the model's environment, where this dissmodel is installed too; `module` is
    imported, or what the distribution offers where it is None; `scratch` is a folder for the records that are
    sent.

    Raises
    ------
    DissmodelError
        From each method what the other process raised, and `RunFailed` (code ``"model_crashed"``) if it ended
        without an answer.
    """

    def __init__(
        self,
        python: Path,
        *,
        name: str,
        module: str | None,
        distribution: str | None,
        origin: str,
        scratch: Path,
    ) -> None:
        self._scratch = scratch
        self._model = name
        self._usage: Usage | None = None
        self._tail: deque[str] = deque(maxlen=_TAIL)
        self._reporter: progress.Reporter = progress.current()
        self._listener = threading.Thread(target=self._listen, daemon=True)
        with self._listening() as printed:
            self._process = subprocess.Popen(  # noqa: S603  (the interpreter of an environment that we made)
                [str(python), "-I", "-X", "utf8", "-m", "dissmodel.executor.child"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=printed,
                env=environment(gdal_settings.given(os.environ)),
                start_new_session=True,
            )
        try:
            opened = self._ask("open", name=name, module=module, distribution=distribution, origin=origin)
            self.info = wire.from_wire(ModelInfo, opened)
        except BaseException:
            self.close()
            raise

    def code(self) -> Code:
        """Return which code defines the model, as its environment has it."""
        return wire.from_wire(Code, self._ask("code"))

    def runtime(self, code: Code, load: Sequence[str] = ()) -> Runtime:
        """Return the model's environment."""
        return wire.from_wire(
            Runtime, self._ask("runtime", code=code.model_dump(mode="json"), load=list(load))
        )

    def check(self, layers: Sequence[parameters.ParameterLayer]) -> parameters.Checked:
        """Merge and check parameters."""
        return wire.checked_from_wire(self._ask("check", layers=self._plain(layers)))

    def recheck(
        self, layers: Sequence[parameters.ParameterLayer], rows: Sequence[Mapping[str, Any]]
    ) -> parameters.Rechecked:
        """Check many sets of values over the same layers."""
        answer = self._ask("recheck", layers=self._plain(layers), rows=list(map(dict, rows)))
        return wire.from_wire(parameters.Rechecked, answer)

    def _plain(self, layers: Sequence[parameters.ParameterLayer]) -> list[dict[str, Any]]:
        if self.info.names_files:  # earlier versions, which recorded environments have, know nothing of it
            return [dataclasses.asdict(layer) for layer in layers]
        return [{"origin": one.origin, "values": dict(one.values), "place": one.place} for one in layers]

    def describe(self, resolved: parameters.ResolvedParameters) -> tuple[parameters.Parameter, ...]:
        """Return a row per parameter."""
        rows = self._ask("describe", resolved=dataclasses.asdict(resolved))
        return wire.from_wire(tuple[parameters.Parameter, ...], rows)

    def reach(self, resolved: parameters.ResolvedParameters) -> Reach | None:
        """Return how far a step sees with these parameters; None for a model that can't be asked."""
        found = self._ask("reach", resolved=dataclasses.asdict(resolved))
        return wire.from_wire(Reach | None, found)  # type: ignore[arg-type]

    def schema(self) -> dict[str, Any] | None:
        """Return the JSON Schema of the parameters; None if the model declares none."""
        return wire.from_wire(dict[str, Any] | None, self._ask("schema"))  # type: ignore[arg-type]

    def contract(self) -> tuple[Finding, ...]:
        """Check the executor contract."""
        return wire.from_wire(tuple[Finding, ...], self._ask("contract"))

    def inspect(self, record: ExperimentRecord) -> Iterable[Finding]:
        """Say what is known about the record's input."""
        path = self._scratch / "inspect.record.json"
        store.write(record, path)
        return wire.from_wire(tuple[Finding, ...], self._ask("inspect", record=path))

    def run(self, record: ExperimentRecord, context: RunContext) -> ExperimentRecord:
        """Run the lifecycle there."""
        given, saved = self._scratch / "given.record.json", self._scratch / "saved.record.json"
        store.write(record, given)
        try:
            answer = self._ask("run", record=given, saved=saved, context=dataclasses.asdict(context))
        except BaseException:
            if saved.is_file():
                noted = store.read(saved)
                record.metrics, record.logs = noted.metrics, noted.logs
                record.step_metrics = noted.step_metrics
                record.seed, record.parameters = noted.seed, noted.parameters
            raise
        self._usage = wire.from_wire(Usage, answer)
        return store.read(saved)

    def usage(self) -> Usage:
        """Return what the run took in that process."""
        return self._usage or Usage()

    def close(self) -> None:
        """End the process, and whatever it started."""
        with contextlib.suppress(OSError, ValueError):
            self._send({"do": "end"})
        self._end(None)

    @contextlib.contextmanager
    def _listening(self) -> Iterator[BinaryIO]:
        """Give the file that the process prints to, and listen at its other end.

        Where the system refuses threads, that is a file on the disk, which is read after each answer.
        """
        read, write = os.pipe()
        self._printed = open(read, "rb", buffering=0)  # noqa: PTH123, SIM115  (kept until the process ends)
        printed: BinaryIO = open(write, "wb")  # noqa: PTH123, SIM115  (closed below)
        try:
            self._listener.start()
        except RuntimeError as error:
            printed.close()
            self._printed.close()
            if not refuses_threads(error):
                raise
            printed = (self._scratch / "printed.txt").open("wb")
            self._printed = (self._scratch / "printed.txt").open("rb", buffering=0)
        with printed:
            yield printed

    def _ask(self, do: str, **what: Any) -> Any:
        self._reporter = progress.current()
        try:
            answer = self._answer_to({"do": do, "what": what})
        except OSError as error:
            raise self._crashed() from error
        except KeyboardInterrupt:
            self._end(signal.SIGINT)
            raise
        if "error" in answer:  # outside of the block above: what the model raised may be an OSError too
            raise wire.error_from_wire(answer["error"])
        return answer["answer"]

    def _answer_to(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Send a request and return what ends it, an answer or an error; pass on what comes before."""
        self._send(request)
        assert self._process.stdout is not None  # it is a pipe
        while True:
            line = self._process.stdout.readline(wire.LONGEST)
            if not line.endswith(b"\n"):
                raise self._crashed()
            message: dict[str, Any] = json.loads(line)
            if message.keys() & {"answer", "error"}:
                self._catch_up()
                return message
            self._report(message)

    def _send(self, message: Mapping[str, Any]) -> None:
        assert self._process.stdin is not None  # it is a pipe
        self._process.stdin.write(json.dumps(message, default=str).encode() + b"\n")
        self._process.stdin.flush()

    def _report(self, message: Mapping[str, Any]) -> None:
        for kind, values in message.items():
            if kind == "note":  # which not every reporter shows
                progress.note(values[0], self._reporter)
            elif kind in _REPORTS:
                getattr(self._reporter, kind)(*values)

    def _listen(self) -> None:
        """Pass on what the model prints, line by line."""
        rest = b""
        while chunk := self._printed.read(_CHUNK):
            *lines, rest = (rest + chunk).split(b"\n")
            if len(rest) > _LONGEST_LINE:  # a model that never ends its line must not fill the memory
                lines, rest = [*lines, rest], b""
            for line in lines:
                self._report_line(line)
        if rest:
            self._report_line(rest)

    def _catch_up(self) -> None:
        """Pass on what was printed since the last time, where no thread does."""
        if self._listener.ident is None and not self._printed.closed:
            self._listen()

    def _report_line(self, line: bytes) -> None:
        text = line[:_LONGEST_LINE].decode("utf-8", "replace").rstrip("\r")
        self._tail.append(text)
        self._reporter.output(text)

    def _crashed(self) -> RunFailed:
        """Return the error of a process that ended without an answer."""
        self._end(None)
        code = self._process.returncode
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        said = "; the last lines that it printed: " + " | ".join(list(self._tail)[-3:]) if self._tail else ""
        return RunFailed(
            f"The process of {self._model} {how}{said}.",
            "The record of the run has all its output.",
            code="model_crashed",
        )

    def _end(self, signum: signal.Signals | None) -> None:
        """End the process and its own ones: a signal first where there is one, then there is no choice."""
        if signum is not None:
            self._signal(signum)
        try:
            self._process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._signal(getattr(signal, "SIGKILL", signal.SIGTERM))
        self._process.wait()
        self._report_the_rest()
        self._catch_up()
        if self._listener.ident is not None:
            self._listener.join(_GRACE)
        for stream in (self._process.stdin, self._process.stdout, self._printed):
            with contextlib.suppress(OSError):
                if stream is not None:
                    stream.close()

    def _report_the_rest(self) -> None:
        """Pass on what it said before it ended: how far it was."""
        stream = self._process.stdout
        if stream is None or stream.closed or sys.platform == "win32":
            return
        with contextlib.suppress(OSError, ValueError):
            os.set_blocking(stream.fileno(), False)  # a copy of it may still have the pipe
            for line in (stream.read() or b"").splitlines():
                self._report(json.loads(line))

    def _signal(self, signum: signal.Signals) -> None:
        """Send a signal to the process and to those that it started."""
        with contextlib.suppress(OSError):
            if hasattr(os, "killpg"):
                os.killpg(self._process.pid, signum)
            elif self._process.poll() is None:
                self._process.terminate()


Host = InProcess | Isolated
"""What runs a model."""


def environment(own: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that a model's process gets: no credentials, and nothing that brings other code.

    >>> sorted(environment({"HOME": "/h", "AWS_PROFILE": "p", "MY_TOKEN": "t", "PYTHONPATH": "y"}))
    ['HOME']
    """
    return {
        name: value
        for name, value in own.items()
        if name not in _FOREIGN and not name.startswith(STORAGE) and not is_secret_variable(name)
    }
