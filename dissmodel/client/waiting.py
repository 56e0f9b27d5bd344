"""Waiting for a job: by its stream of events, which goes on where it was cut, else by asking again."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import TypeAdapter, ValidationError
from urllib3.exceptions import HTTPError

from dissmodel.client.events import KIND, TooLarge, events
from dissmodel.client.server import Server, ServerAway
from dissmodel.client.status import JobStatus, State
from dissmodel.errors import DissmodelError
from dissmodel.progress import Reporter

AWAY_S = 900.0
"""After how many seconds without any answer a server is given up."""

_FIRST_S, _LONGEST_S = 0.5, 15.0
_SILENCE_S = 40.0  # a service sends a sign of life every 15 s
_ID = re.compile(r"[!-~]{1,200}")  # what a header may hold
_PHASES = {"fetch": "download", "deliver": "promote"}


class WaitOver(DissmodelError):
    """The time to wait is over, and the job goes on."""

    code = "wait_timeout"


@dataclass(frozen=True)
class _Told:
    """What an event says of a job."""

    status: State
    phase: str | None = None
    step: int | None = None
    steps: int | None = None


class Watch:
    """A job that is waited for.

    Parameters
    ----------
    server : Server
        Whose job.
    job : str
        Its id.
    timeout : float or None
        For how many seconds.
    reporter : Reporter
        Who hears how far it is.
    """

    def __init__(self, server: Server, job: str, timeout: float | None, reporter: Reporter) -> None:
        self._server, self._job, self._reporter = server, job, reporter
        self._late = time.monotonic() + timeout if timeout is not None else float("inf")
        self._timeout = timeout
        self._last = ""
        self._phase: str | None = None

    def until_ended(self) -> JobStatus:
        """Return the job once it has ended; a server that is away or starts again is asked again.

        Raises
        ------
        ServerAway
            If it does not answer until the time is over, or for a quarter of an hour.
        DissmodelError
            If the time is over (code ``"wait_timeout"``), or as `Server.ask`.
        """
        pause, answered, away = _FIRST_S, time.monotonic(), False
        while True:
            try:
                if self._heard():
                    pause = _FIRST_S
                status = self._server.get(f"/job/{self._job}", JobStatus, silence_s=self._silence_s)
            except ServerAway as error:
                if time.monotonic() >= min(self._late, answered + AWAY_S):
                    raise
                if not away:
                    self._reporter.warn(f"{error.message} It is asked again; the job goes on.")
                away = True
            else:
                if status.job_id != self._job:
                    raise self._server.wrong_answer()
                if status.has_ended:
                    return status
                self._tell(_Told(status.status, status.phase, status.step, status.steps))
                answered, away = time.monotonic(), False
                if answered >= self._late:
                    what = f"The job {self._job} has not ended within {self._timeout:g} s; it goes on."
                    raise WaitOver(what)
            time.sleep(max(0.0, min(pause, self._late - time.monotonic())))
            pause = min(2 * pause, _LONGEST_S)

    @property
    def _silence_s(self) -> float:
        return max(0.1, min(_SILENCE_S, self._late - time.monotonic()))

    def _heard(self) -> bool:
        """Listen to the job's events until they end; return whether there was one."""
        heard = False
        with contextlib.suppress(DissmodelError, HTTPError, TooLarge, ValidationError):
            for told in self._events():
                heard = True
                self._tell(told)
                if told.status not in {"pending", "running"}:
                    break
        return heard

    def _events(self) -> Iterator[_Told]:
        headers = {"Accept": KIND, **({"Last-Event-ID": self._last} if self._last else {})}
        path = f"/jobs/{self._job}/events"
        with self._server.response("GET", path, headers=headers, silence_s=self._silence_s) as response:
            if response.headers.get("Content-Type", "").partition(";")[0] != KIND:
                return
            for event in events(response):
                if time.monotonic() >= self._late:
                    return
                if event is not None:
                    told = TypeAdapter(_Told).validate_json(event.data)
                    self._last = event.id if _ID.fullmatch(event.id) else ""
                    yield told

    def _tell(self, told: _Told) -> None:
        if told.status not in {"pending", "running"}:
            return
        phase = _PHASES.get(told.phase or "", told.phase) if told.status == "running" else "wait"
        if phase is not None and phase != self._phase:
            self._phase = phase
            self._reporter.phase(phase)
        if told.steps:
            self._reporter.step(told.step or 0, told.steps)
