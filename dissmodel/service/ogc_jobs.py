"""Jobs in the form of OGC API - Processes: what is submitted, its status, and its results."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, time
from typing import Any
from urllib.parse import quote
from uuid import uuid4

from pydantic import TypeAdapter, ValidationError
from starlette.responses import JSONResponse, Response

from dissmodel.errors import DissmodelError, InvalidInput, RunFailed
from dissmodel.record import MAIN, ExperimentRecord
from dissmodel.service import models
from dissmodel.service.bodies import Job
from dissmodel.service.documents import Outcome, Problem
from dissmodel.service.jobs import utc
from dissmodel.service.models import Model
from dissmodel.service.ogc_bodies import Execution
from dissmodel.service.ogc_describe import FIELDS, JSON, check, link, parameter_of
from dissmodel.service.parts import Parts
from dissmodel.service.refusals import refused
from dissmodel.service.schemas import Schemas
from dissmodel.service.state import LEGACY, OGC

RESULTS = "http://www.opengis.net/def/rel/ogc/1.0/results"
_STATUS = {LEGACY.get(state, state): name for state, name in OGC.items()}
_LINK = frozenset({"href", "rel", "type", "hreflang", "title"})
_QUALIFIED = frozenset({"value", "mediaType", "encoding", "schema"})
_LINKED_S = 24 * 3600
_BY_USER = frozenset({"usage", "invalid_input", "input_missing", "parameter", "unknown_parameter"})
_TIME = TypeAdapter(datetime)


def submission(name: str, body: Execution, schemas: Schemas) -> tuple[dict[str, Any], Callable[[], Model]]:
    """Return what a client wants to run as the fields of a job, and a function that returns the model.

    The function refuses parameters that are not as the process is described.

    Raises
    ------
    UsageError
        If an input is given in a way that it can't be (code ``"bad_process_input"``).
    """
    fields: dict[str, Any] = {"model_name": name}
    parameters: dict[str, Any] = {}
    for one, given in body.inputs.items():
        value = _value(one, given)
        if one == "inputs" and isinstance(value, Mapping):
            value = {field: _value(one, place) for field, place in value.items()}
        if one in FIELDS:
            fields[FIELDS[one]] = value
        else:
            parameters[parameter_of(one)] = value
    try:
        job = Job.model_validate({**fields, "parameters": parameters})
    except ValidationError as error:
        models.find_model(name)  # where there is no such model, that comes first
        first = error.errors(include_input=False)[0]
        names = {field: one for one, field in FIELDS.items()}
        place = [names.get(str(part), str(part)) for part in first["loc"]]
        raise refused("bad_process_input", f"{'.'.join(place)[:200]}: {first['msg']}.") from None

    def find() -> Model:
        model = models.find_model(name)
        check(model, schemas.of(model), parameters)
        return model

    wanted: dict[str, Any] = {"response": body.response}
    if body.outputs is not None:
        wanted["outputs"] = {one: how.transmissionMode for one, how in body.outputs.items()}
    return {**job.model_dump(), "results": wanted}, find


def status_info(job: Mapping[str, Any], base: str) -> dict[str, Any]:
    """Return the status of a job of the HTTP API; times that nobody has observed are None."""
    status, at = _STATUS[job["status"]], f"{base}/jobs/{job['job_id']}"
    message = job["error"]["message"] if job["error"] else None
    if job["phase"]:
        message = f"{job['phase']}: step {job['step']} of {job['steps']}" if job["steps"] else job["phase"]
    links = [link(at, "self", "Status")]
    if status in {"successful", "failed"}:
        links.append(link(f"{at}/results", RESULTS, "Results"))
    return {
        "jobID": job["job_id"],
        "processID": job["model_name"],
        "status": status,
        "message": message,
        "progress": job["progress"],
        "created": job["created_at"],
        "started": job.get("started_at"),
        "finished": job["finished_at"],
        "updated": job["finished_at"] or (job["created_at"] if status == "accepted" else None),
        "links": links,
    }


def interval(text: str) -> tuple[str | None, str | None]:
    """Return begin and end of a time, or of an interval that may be open: ``BEGIN/END``, ``BEGIN/..``.

    >>> interval("2026-01-02/..")
    ('2026-01-02T00:00:00.000000Z', None)

    Raises
    ------
    UsageError
        If it is neither (code ``"bad_process_input"``).
    """
    begin, slash, end = text.partition("/")
    times = _instant(begin, time.min), _instant(end if slash else begin, time.max)
    if times == (None, None) or (times[0] or "") > (times[1] or "~"):
        raise _bad_time(text)
    return times


def results(parts: Parts, job: str, root: str) -> Response:
    """Return the results of a job as its client wants them; `root` is the URL of the HTTP API.

    Raises
    ------
    DissmodelError
        If there is no such job, it has not ended (code ``"not_ended"``), was cancelled
        (``"job_dismissed"``) or failed: then why.
    """
    view = parts.service.look(job)
    if view.state == "cancelled":
        raise refused("job_dismissed", f"The job {job} was dismissed: it has no results.")
    if view.seen.outcome is not None and view.seen.outcome.error is not None:
        raise _error_of(view.seen.outcome, view.seen.outcome.error)
    if view.record is None:
        raise refused("not_ended", f"The job {job} is {view.state}: there are no results yet.")
    found = _outputs(parts, job, root, view.record)
    asked: Mapping[str, str | None] = view.request.results.get("outputs") or dict.fromkeys(found)
    if asked.get("record") == "reference":
        found["record"] = link(f"{root}/experiments/{job}/record", "item", "record")
    given = {name: found[name] for name in asked if name in found}
    if view.request.results.get("response") != "raw":
        return JSONResponse(given)
    return _raw(given)


def _value(name: str, given: Any) -> Any:
    """Return a value that is given itself, qualified, or, of data, by reference."""
    if isinstance(given, list):
        return [_value(name, one) for one in given]
    if not isinstance(given, Mapping):
        return given
    if "href" in given and given.keys() <= _LINK:
        if name not in {"input", "inputs"}:
            raise refused(
                "bad_process_input", f"{name[:80]}: give its value; only data is given by reference."
            )
        return given["href"]
    if "value" in given and given.keys() <= _QUALIFIED:
        if given.get("encoding"):
            what = f"{name[:80]}: data is not sent in an execution: upload it, and give its URI."
            raise refused("bad_process_input", what)
        return given["value"]
    return given


def _instant(text: str, of_day: time) -> str | None:
    """Return a time in UTC; of a day its begin or its end."""
    if text in {"", ".."}:
        return None
    try:
        found = _TIME.validate_python(text)
        if len(text) == len("2026-01-02"):
            found = datetime.combine(found, of_day)
        return utc(found if found.tzinfo is not None else found.replace(tzinfo=UTC))
    except (ValidationError, OverflowError):
        raise _bad_time(text) from None


def _bad_time(text: str) -> Exception:
    return refused("bad_process_input", f"datetime={text[:80]!r} is no time of RFC 3339, nor an interval.")


def _error_of(outcome: Outcome, problem: Problem) -> DissmodelError:
    """Return why a job failed; before the model ran, its input or its parameters were wrong."""
    failure = (outcome.record or {}).get("error")
    phase = failure.get("phase") if isinstance(failure, Mapping) else None
    is_given = phase in {"validate", "load"} or problem.code in _BY_USER
    kind = InvalidInput if is_given else RunFailed
    return kind(problem.message, problem.hint, code=problem.code)


def _outputs(parts: Parts, job: str, root: str, record: ExperimentRecord) -> dict[str, Any]:
    """Return each output: links to the files, the main one first, and the record."""
    place, found = parts.service.truth.experiment(job), {}
    names = sorted(record.files, key=lambda name: (name != MAIN, name))
    for name in names:
        artifact = record.files[name]
        if artifact.external or name == "record":
            continue
        url = parts.downloads.link(f"{place.uri}{artifact.path}", _LINKED_S)
        href = f"{root}{url}" if url.startswith("/") else url
        found[name] = link(href, "item", name, artifact.media_type or "application/octet-stream")
    return {**found, "record": {"value": parts.service.record(job), "mediaType": JSON}}


def _raw(given: Mapping[str, Mapping[str, Any]]) -> Response:
    """Return outputs without a document around them: the value, links in headers, or a part for each."""
    links = [one for one in given.values() if "href" in one]
    if len(links) == len(given):
        headers = [f'<{one["href"]}>; rel="item"; title="{quote(one["title"])}"' for one in links]
        return Response(status_code=204, headers={"Link": ", ".join(headers)})
    if len(given) == 1:
        return JSONResponse(next(iter(given.values()))["value"])
    boundary, lines = uuid4().hex, []
    for name, one in given.items():
        kind, at = one.get("mediaType") or one["type"], f"Content-Location: {one.get('href')}\r\n"
        body = json.dumps(one["value"]) if "value" in one else ""
        head = f"Content-ID: <{quote(name, safe='')}>\r\nContent-Type: {kind}\r\n{'' if body else at}"
        lines.append(f"--{boundary}\r\n{head}\r\n{body}\r\n")
    content = "".join(lines) + f"--{boundary}--\r\n"
    return Response(content, headers={"Content-Type": f'multipart/related; boundary="{boundary}"'})
