"""OGC API - Processes 1.0 (OGC 18-062r2): the same models and jobs as on the other paths, below ``/ogc``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import FastAPI, Path, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from dissmodel import __version__
from dissmodel.errors import UsageError
from dissmodel.service import ogc_bodies as bodies
from dissmodel.service import openapi30
from dissmodel.service.auth import caller_of, router
from dissmodel.service.jobs import document_of
from dissmodel.service.legacy import Key
from dissmodel.service.ogc_describe import link, process, summaries
from dissmodel.service.ogc_jobs import interval, results, status_info, submission
from dissmodel.service.ogc_problems import MEDIA_TYPE, PATH, as_problem
from dissmodel.service.parts import parts_of
from dissmodel.service.state import OGC

_OPENAPI = "application/vnd.oai.openapi+json;version=3.0"
_REL = "http://www.opengis.net/def/rel/ogc/1.0/"
_CLASSES = ("core", "ogc-process-description", "json", "oas30", "job-list", "dismiss")
_STATUSES = (400, 401, 403, 404, 408, 409, 410, 413, 429, 500, 503)
_PROBLEM = {MEDIA_TYPE: {"schema": bodies.ProblemDetails.model_json_schema()}}
_RESULTS: dict[int | str, dict[str, Any]] = {
    200: {"content": {"multipart/related": {"schema": {"type": "string"}}}},
    204: {"description": "Links to the results, in a header"},
}


def _answers(model: type[BaseModel]) -> dict[str, Any]:
    """Return how a route answers with a body, in which what is not known is left out."""
    return {"response_model": model, "response_model_exclude_none": True}


open_to_all, reader, submitter = router(None), router("reader"), router("submitter")

ProcessId = Annotated[str, Path(alias="processID", description="The name of a model")]
JobId = Annotated[str, Path(alias="jobID", description="32 hex digits")]


def create_ogc(state: Any, handlers: Mapping[Any, Callable[[Request, Any], Any]]) -> FastAPI:
    """Return the application that has these paths.

    Parameters
    ----------
    state : starlette.datastructures.State
        What the routes work with, of the application that it is part of.
    handlers : Mapping
        For each class of error what answers it; the answers become problems.
    """
    app = FastAPI(
        title="dissmodel: OGC API - Processes",
        version=__version__,
        openapi_url=None,  # it is at /api
        responses={one: {"description": HTTPStatus(one).phrase, "content": _PROBLEM} for one in _STATUSES},
    )
    app.state = state
    for one in (open_to_all, reader, submitter):
        app.include_router(one)
    for kind, handle in handlers.items():
        app.add_exception_handler(kind, lambda request, error, h=handle: as_problem(h(request, error)))
    return app


def _root(request: Request) -> str:
    return str(request.base_url).rstrip("/")


def _base(request: Request) -> str:
    return f"{_root(request)}{PATH}"


@open_to_all.get("/", operation_id="getLandingPage", response_model=bodies.LandingPage)
def landing_page(request: Request) -> Any:
    """Tell what this is, and where its parts are."""
    base = _base(request)
    return {
        "title": "dissmodel",
        "description": "Spatial models as processes; each result has a record that proves it.",
        "links": [
            link(f"{base}/", "self", "This page"),
            link(f"{base}/api", "service-desc", "The API", _OPENAPI),
            link(f"{base}/conformance", f"{_REL}conformance", "Conformance classes"),
            link(f"{base}/processes", f"{_REL}processes", "Processes"),
            link(f"{base}/jobs", f"{_REL}job-list", "Jobs"),
        ],
    }


@open_to_all.get("/conformance", operation_id="getConformance", response_model=bodies.Conformance)
def conformance() -> Any:
    """List the conformance classes that hold."""
    base = "http://www.opengis.net/spec/ogcapi-processes-1/1.0/conf/"
    return {"conformsTo": [f"{base}{one}" for one in _CLASSES]}


@open_to_all.get("/api", operation_id="getApi", response_class=JSONResponse)
def api(request: Request) -> JSONResponse:
    """Return this API as an OpenAPI 3.0 document."""
    document = openapi30.document_of(request.app.openapi())
    for operations in document["paths"].values():
        for operation in operations.values():
            operation["responses"].pop("422", None)  # it is a 400 here
    for name in ("HTTPValidationError", "ValidationError"):
        document["components"]["schemas"].pop(name, None)
    return JSONResponse({**document, "servers": [{"url": _base(request)}]}, media_type=_OPENAPI)


@reader.get("/processes", operation_id="getProcesses", **_answers(bodies.Processes))
def list_processes(request: Request, asked: Annotated[bodies.Page, Query()]) -> Any:
    """List the processes, by their names."""
    found = summaries(parts_of(request).service.schemas, _base(request))
    rest = [one for one in found if asked.after is None or one["id"] > asked.after]
    page = rest[: asked.most]
    following = page[-1]["id"] if len(rest) > len(page) else None
    return {"processes": page, "links": _page_links(request, following)}


@reader.get("/processes/{processID:path}", operation_id="getProcessDescription", **_answers(bodies.Process))
def describe_process(name: ProcessId, request: Request) -> Any:
    """Describe a process: its inputs, with the JSON Schema of each, and its outputs."""
    return process(name, parts_of(request).service.schemas, _base(request))


@submitter.post(
    "/processes/{processID:path}/execution",
    operation_id="execute",
    status_code=201,
    **_answers(bodies.StatusInfo),
)
def execute(
    name: ProcessId,
    body: bodies.Execution,
    request: Request,
    response: Response,
    key: Key = None,
) -> Any:
    """Submit a job, which always runs asynchronously."""
    service, path = parts_of(request).service, request.url.path
    fields, find = submission(name, body, service.schemas)
    view = service.run(fields, find, by=caller_of(request).name, key=key, path=path)
    info = status_info(document_of(view), _base(request))
    response.headers["Location"] = info["links"][0]["href"]
    if "respond-async" in request.headers.get("Prefer", ""):
        response.headers["Preference-Applied"] = "respond-async"
    return info


@reader.get("/jobs", operation_id="getJobs", **_answers(bodies.JobList))
def list_jobs(request: Request, asked: Annotated[bodies.Jobs, Query()]) -> Any:
    """List jobs, the newest first."""
    page = parts_of(request).board.page(
        limit=asked.most,
        status=[state for state, name in OGC.items() if name in asked.status] if asked.status else None,
        model=asked.processID,
        after=asked.after,
        submitted=interval(asked.datetime) if asked.datetime is not None else (None, None),
        seconds=(asked.minDuration, asked.maxDuration),
    )
    jobs = [status_info(one, _base(request)) for one in page["experiments"]]
    return {"jobs": jobs, "links": _page_links(request, page["next"])}


@reader.get("/jobs/{jobID}", operation_id="getStatus", **_answers(bodies.StatusInfo))
def show_status(job: JobId, request: Request) -> Any:
    """Return the status of a job."""
    return status_info(document_of(parts_of(request).service.look(job)), _base(request))


@submitter.delete("/jobs/{jobID}", operation_id="dismiss", **_answers(bodies.StatusInfo))
def dismiss(job: JobId, request: Request) -> Any:
    """Let a job end; a job that has ended stays as it is."""
    service = parts_of(request).service
    try:
        view = service.cancel(job, caller_of(request).name)  # as it was before
    except UsageError as error:
        if error.code != "job_ended":
            raise
        return status_info(document_of(service.look(job)), _base(request))
    runs = view.state in {"running", "delivering"}
    info = status_info(document_of(view), _base(request))
    return {**info, "status": "dismissed", "message": "The job is asked to stop." if runs else None}


@reader.get("/jobs/{jobID}/results", operation_id="getResult", responses=_RESULTS)
def show_results(job: JobId, request: Request) -> Any:
    """Return the results of a job: links to its files, and its record."""
    return results(parts_of(request), job, _root(request))


def _page_links(request: Request, following: str | None) -> list[dict[str, Any]]:
    """Return links to this page and to the one after it."""
    at = f"{_base(request)}{request.url.path.removeprefix(PATH)}"
    query = request.query_params.multi_items()
    links = [link(f"{at}?{urlencode(query)}" if query else at, "self")]
    if following is not None:
        rest = [one for one in query if one[0] != "after"]
        links.append(link(f"{at}?{urlencode([*rest, ('after', following)])}", "next", "Next page"))
    return links
