"""A service's jobs for Python: the values that `dissmodel.connect` and its methods return."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, get_args
from urllib.parse import urlencode
from uuid import uuid4

from dissmodel import arguments
from dissmodel.arguments import StrPath
from dissmodel.client.arrival import Sent, bring, bring_failed, refuse_output
from dissmodel.client.asking import body_of
from dissmodel.client.server import Server
from dissmodel.client.status import JobStatus, State
from dissmodel.client.waiting import WaitOver, Watch
from dissmodel.errors import StorageError, UsageError, shell_word
from dissmodel.io.resampling import Method
from dissmodel.outcome import Run
from dissmodel.running.others import given_inputs
from dissmodel.running.prepare import RunRequest
from dissmodel.storage.uri import is_remote, parse
from dissmodel.watching import call_reporter

Inputs: TypeAlias = Mapping[str, StrPath] | Sequence[StrPath | tuple[str, StrPath]]
Format: TypeAlias = Literal["auto", "raster", "tiff", "vector"]

_BEGINNING = re.compile(r"[0-9a-f]{4,32}")
_WHOLE, _MOST = 32, 1000


@dataclass(frozen=True)
class _Page:
    """A page of the list of jobs."""

    experiments: list[JobStatus]
    next: str | None = None


@dataclass(frozen=True)
class _Lines:
    """Lines of a job's log."""

    lines: list[str]


@dataclass(frozen=True)
class Job:
    """A job of a server.

    Attributes
    ----------
    id : str
        32 hex digits; the id of the experiment too.
    """

    id: str
    _server: Server = field(repr=False)
    _sent: tuple[Sent, ...] = field(default=(), repr=False)
    _output: str | None = field(default=None, repr=False)
    _overwrite: bool = field(default=False, repr=False)

    def status(self) -> JobStatus:
        """Return the job as the server has it now.

        Raises
        ------
        DissmodelError
            If the server is away, or has no such job.
        """
        with call_reporter():
            return self._server.get(f"/job/{self.id}", JobStatus)

    def wait(self, *, timeout: float | None = None) -> JobStatus:
        """Wait until the job has ended, however it ends; a server that starts again is waited for too.

        Parameters
        ----------
        timeout : float, optional
            For how many seconds.

        Raises
        ------
        DissmodelError
            If the time is over (code ``"wait_timeout"``), or the server is away for good. The job goes on.
        """
        seconds = arguments.number(timeout, "timeout")
        with call_reporter() as reporter, self._kept(self._output):
            return Watch(self._server, self.id, seconds, reporter).until_ended()

    def cancel(self) -> None:
        """Let the job end.

        Raises
        ------
        DissmodelError
            If it has ended already (code ``"job_ended"``), or the server is away.
        """
        with call_reporter():
            self._server.ask("DELETE", f"/job/{self.id}", dict)

    def log(self, *, after: int = 0) -> tuple[str, ...]:
        """Return the lines of the job's log after number `after`, as far as the server keeps them.

        Raises
        ------
        DissmodelError
            If the server is away, or has no such job.
        """
        number = arguments.whole_number(after, "after") or 0
        with call_reporter():
            return tuple(self._server.get(f"/jobs/{self.id}/log?after={number}", _Lines).lines)

    def result(
        self, output: StrPath | None = None, *, overwrite: bool = False, timeout: float | None = None
    ) -> Run:
        """Wait for the end of the job, then bring its result here, with its record beside it.

        Parameters
        ----------
        output : str or path-like, optional
            Where the result goes: a file, or a folder (a text that ends in a slash); by default what was
            given to `Client.submit`, else a file in the current folder, named by the model and the job.
        overwrite : bool
            Replace an earlier result.
        timeout : float, optional
            For how many seconds to wait.

        Raises
        ------
        Differs
            If what arrives is not what the record says, or the record is not of this job.
        DissmodelError
            If the job did not complete: with the code that `dissmodel.run` would raise, and ``record_path``,
            where the record of a run that had begun is. Or as `wait`.
        """
        given = arguments.optional_text(output, "output")
        given = self._output if given is None else given
        replace = arguments.flag(overwrite, "overwrite") or self._overwrite
        seconds = arguments.number(timeout, "timeout")
        with call_reporter() as reporter:
            refuse_output(given, [one.path for one in self._sent if one.path is not None], overwrite=replace)
            with self._kept(given):
                ended = Watch(self._server, self.id, seconds, reporter).until_ended()
                if ended.status == "completed":
                    return bring(self._server, self.id, given, self._sent, reporter, overwrite=replace)
            error = ended.failure()
            error.record_path = bring_failed(self._server, self.id, given)
            raise error

    @contextmanager
    def _kept(self, output: str | None) -> Iterator[None]:
        """Tell who stops, or can't go on, in the block how to get at the job later."""
        about = f"{self.id} --server {shell_word(self._server.url)}"
        to = f" --output {shell_word(output)}" if output is not None else ""
        again = f"Wait for it: dissmodel jobs wait {about}{to}. End it: dissmodel jobs cancel {about}"
        try:
            yield
        except (StorageError, WaitOver) as error:
            error.hint = f"{error.hint} {again}".strip()
            raise
        except KeyboardInterrupt as stopped:
            stopped.add_note(f"The job stays on the server. {again}")
            raise


class Client:
    """A service, reached over HTTP; see `dissmodel.connect`.

    Attributes
    ----------
    url : str
        Its URL.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self.url = server.url

    def __repr__(self) -> str:
        return f"Client({self.url!r})"

    def run(
        self,
        model: StrPath | None = None,
        *,
        input: StrPath | None = None,
        inputs: Inputs = (),
        output: StrPath | None = None,
        parameters: Mapping[str, object] | None = None,
        toml: StrPath | None = None,
        band_map: Mapping[str, str | int] | None = None,
        column_map: Mapping[str, str] | None = None,
        class_map: Mapping[str, object] | None = None,
        format: Format = "auto",
        layer: str | None = None,
        resample: Method | None = None,
        seed: int | None = None,
        cog: bool | None = None,
        overwrite: bool = False,
        timeout: float | None = None,
    ) -> Run:
        """Run a model on the server, wait for it, and bring the result here, as `dissmodel.run` leaves it.

        Parameters
        ----------
        model : str, optional
            The name of a model that the server has; by default the one that `toml` names.
        input, inputs, parameters, toml, band_map, column_map, class_map, format, layer, resample, seed, cog
            As `dissmodel.run` takes them. Local files are uploaded, each once; a URL is the server's to read.
        output : str or path-like, optional
            Where the result goes, here.
        overwrite : bool
            Replace an earlier result.
        timeout : float, optional
            For how many seconds to wait; the job goes on after them.

        Raises
        ------
        DissmodelError
            As `submit` and `Job.result`.
        """
        given = {name: one for name, one in locals().items() if name not in {"self", "timeout"}}
        return self.submit(**given).result(timeout=timeout)

    def submit(
        self,
        model: StrPath | None = None,
        *,
        input: StrPath | None = None,
        inputs: Inputs = (),
        output: StrPath | None = None,
        parameters: Mapping[str, object] | None = None,
        toml: StrPath | None = None,
        band_map: Mapping[str, str | int] | None = None,
        column_map: Mapping[str, str] | None = None,
        class_map: Mapping[str, object] | None = None,
        format: Format = "auto",
        layer: str | None = None,
        resample: Method | None = None,
        seed: int | None = None,
        cog: bool | None = None,
        overwrite: bool = False,
    ) -> Job:
        """Submit a run of a model; arguments are as for `run`, and `Job.result` brings the result.

        Raises
        ------
        DissmodelError
            If the output is taken, an input can't be read or sent, or the server refuses the job or is away.
        """
        pairs = arguments.inputs(inputs, "inputs")
        if input is not None or not pairs:
            pairs.insert(0, ("", arguments.text(input, "input")))
        method = None if resample is None else arguments.choice(resample, "resample", get_args(Method))
        place, fields, others = given_inputs(pairs, method)
        request = RunRequest(
            model=arguments.optional_text(model, "model"),
            input=place,
            fields=fields,
            others=others,
            toml=arguments.optional_path(toml, "toml"),
            parameters=arguments.parameters(parameters),
            band_map=arguments.band_map(band_map),
            column_map=arguments.column_map(column_map),
            class_map=arguments.class_map(class_map),
            format=arguments.choice(format, "format", get_args(Format)),
            layer=arguments.optional_word(layer, "layer", "cells"),
            seed=arguments.whole_number(seed, "seed"),
            cog=arguments.optional_flag(cog, "cog"),
            output=arguments.optional_text(output, "output"),
            overwrite=arguments.flag(overwrite, "overwrite"),
        )
        with call_reporter() as reporter:
            local = [one for one in (place, *(one.place for one in others)) if not is_remote(one)]
            refuse_output(request.output, [parse(one).local() for one in local], overwrite=request.overwrite)
            path, body, sent = body_of(request, self._server, reporter)
            # Sent again, after the connection was cut, it is the same job.
            headers = {"Idempotency-Key": uuid4().hex, "Content-Type": "application/json"}
            made = self._server.ask("POST", path, JobStatus, body=json.dumps(body).encode(), headers=headers)
            if not _is_whole(made.job_id):
                raise self._server.wrong_answer()
        return Job(made.job_id, self._server, tuple(sent), request.output, request.overwrite)

    def job(self, job: str) -> Job:
        """Return a job by its id, or by the first 4 or more characters of it.

        Raises
        ------
        UsageError
            If no job of the latest 1,000 has such an id, or several have.
        DissmodelError
            If the server is away.
        """
        given = arguments.word(job, "job", "1a2b3c4d")
        if _is_whole(given):
            return Job(given, self._server)
        if not _BEGINNING.fullmatch(given):
            raise UsageError(f"{given[:80]!r} is not the id of a job.", "List the jobs: dissmodel jobs list")
        found = [one.job_id for one in self.jobs(limit=_MOST) if one.job_id.startswith(given)]
        if len(found) != 1:
            message = f"{self.url}: {len(found) or 'no'} jobs have an id that begins with {given}."
            hint = (
                f"Give more of it: {', '.join(found[:3])}" if found else "List the jobs: dissmodel jobs list"
            )
            raise UsageError(message, hint, code="ambiguous_id" if found else "unknown_job")
        return Job(found[0], self._server)

    def jobs(
        self, *, status: State | None = None, model: str | None = None, limit: int = 100
    ) -> tuple[JobStatus, ...]:
        """Return the server's jobs, the newest first.

        Parameters
        ----------
        status, model : str, optional
            Only jobs in this state, or of this model.
        limit : int
            How many at most.

        Raises
        ------
        DissmodelError
            If the server is away.
        """
        left = arguments.whole_number(limit, "limit", least=1) or 1
        asked = {
            "status": None if status is None else arguments.choice(status, "status", get_args(State)),
            "model": arguments.optional_word(model, "model", "coastal_raster"),
        }
        found: list[JobStatus] = []
        after: str | None = None
        with call_reporter():
            while left:
                query = {**asked, "limit": str(min(left, _MOST)), "after": after}
                words = urlencode({name: text for name, text in query.items() if text is not None})
                page = self._server.get(f"/jobs?{words}", _Page)
                found += page.experiments[:left]
                left = left - len(page.experiments) if page.next and page.experiments else 0
                left, after = max(left, 0), page.next
        return tuple(found)


def _is_whole(job: str) -> bool:
    return len(job) == _WHOLE and _BEGINNING.fullmatch(job) is not None
