"""The paths that clients have only here: events, logs, the index, differences, pictures, operation."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import Header, Query, Request, Response
from starlette.responses import FileResponse, HTMLResponse, PlainTextResponse, StreamingResponse

from dissmodel import api
from dissmodel.errors import DissmodelError, StorageError
from dissmodel.experiment.diff import sections
from dissmodel.experiment.layout import RECORD
from dissmodel.experiment.source import placed
from dissmodel.record.plain import plain
from dissmodel.service import checking, models, uploads
from dissmodel.service.auth import router
from dissmodel.service.bodies import Experiments, Job
from dissmodel.service.legacy import Id
from dissmodel.service.parts import Parts, parts_of
from dissmodel.service.products import REPORT_POLICY, product
from dissmodel.service.queue import QueueAway

open_to_all, reader, submitter = router(None), router("reader"), router("submitter")
loaded_by_pages = router("reader", pages=True)
ROUTERS = (open_to_all, reader, submitter, loaded_by_pages)
_LINKED_S = 3600
_Export = Literal["bundle", "ro-crate", "prov", "stac", "datacite", "text", "bibtex", "csl"]
_ARCHIVES = ("bundle", "ro-crate")
_CITATIONS: Mapping[str, api.Citation] = {"text": "text", "bibtex": "bibtex", "csl": "csl"}


@open_to_all.get("/ready")
def ready(request: Request) -> Mapping[str, Any]:
    """Tell whether storage and queue answer, and the registries were fetched once."""
    parts = parts_of(request)
    found = {"storage": _answers(parts, "storage"), "queue": _answers(parts, "queue")}
    found["registries"] = parts.syncing is None or parts.syncing.is_ready
    missing = [name for name, is_ready in found.items() if not is_ready]
    if missing:
        raise StorageError(f"Not ready: {', '.join(missing)}.", "Try again soon.", code="not_ready")
    return {"status": "ready"}


def _answers(parts: Parts, what: str) -> bool:
    truth = parts.service.truth
    try:
        if what == "queue":
            parts.service.queue.counts()
        else:
            truth.place.storage.stat(truth.place.key("ready"))
    except DissmodelError:
        return False
    return True


@reader.get("/metrics", response_class=PlainTextResponse)
def metrics(request: Request) -> PlainTextResponse:
    """Return numbers for Prometheus."""
    parts = parts_of(request)
    try:
        waiting = {str(name): count for name, count in parts.service.queue.counts().items()}
    except QueueAway:
        waiting = {}
    text = parts.metrics.text(parts.board.numbers(), waiting, parts.streams.open)
    return PlainTextResponse(text, media_type="text/plain; version=0.0.4")


@loaded_by_pages.get("/jobs/{experiment_id}/events", response_class=StreamingResponse)
async def events(
    experiment_id: Id, request: Request, last: Annotated[str | None, Header(alias="Last-Event-ID")] = None
) -> Response:
    """Stream the states and the progress of a job, until it has ended."""
    stream = await parts_of(request).streams.begin(experiment_id, last)
    if stream is None:  # so that a browser asks no more
        return Response(status_code=204)
    return StreamingResponse(stream, media_type="text/event-stream")


@reader.get("/jobs/{experiment_id}/log")
def log(experiment_id: Id, request: Request, after: Annotated[int, Query(ge=0)] = 0) -> Mapping[str, Any]:
    """Return the lines of a job's log after number `after`, as far as they are kept."""
    view = parts_of(request).service.look(experiment_id)
    lines, logged = view.lines, view.logged
    first = max(after, logged - len(lines))
    return {
        "experiment_id": experiment_id,
        "status": view.state,
        "first": first + 1,
        "next": logged,
        "lines": lines[len(lines) - (logged - first) :] if first < logged else (),
    }


@reader.get("/experiments")
def list_experiments(request: Request, asked: Annotated[Experiments, Query()]) -> Mapping[str, Any]:
    """List experiments by their records, the latest first; ``param.NAME=VALUE`` asks for a parameter."""
    query = request.query_params.items()
    parameters = {name[6:]: value_of(text) for name, text in query if name.startswith("param.")}
    parts_of(request).board.refresh()  # what has ended since is indexed
    page = parts_of(request).indexing.search(parameters=parameters, **dict(asked))
    return {"experiments": [plain(asdict(one)) for one in page.rows], "next": page.next}


def value_of(text: str) -> Any:
    """Return what a value in a query means: a number, true, false or a text."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


@reader.get("/experiments/{experiment_id}/files/{path:path}")
def link_file(experiment_id: Id, path: str, request: Request) -> Mapping[str, Any]:
    """Return a link to a file of a result, by its path in the record; a path in this API, or a whole URL."""
    parts = parts_of(request)
    parts.service.completed(experiment_id)
    uri = f"{parts.service.truth.experiment(experiment_id).uri}{path}"
    return {"url": parts.downloads.link(uri, _LINKED_S), "expires_in_hours": _LINKED_S // 3600}


@submitter.post("/check_job")
def check_job(body: Job, request: Request) -> Mapping[str, Any]:
    """Return what is wrong with a job, as ``dissmodel validate`` finds it; nothing is submitted."""

    def find() -> models.Model:
        return models.find_model(body.model_name, body.package)

    found = checking.check(parts_of(request).service, body.model_dump(), find)
    return {"ok": found.ok, "findings": found.findings, "parameters": found.parameters}


@submitter.get("/data/upload/{label}/{name}")
def show_upload(label: str, name: str, request: Request) -> Mapping[str, Any]:
    """Return what the upload of a file answered, if the file is there: nobody has to send it twice."""
    return uploads.known(parts_of(request).service.inputs, label, name)


@loaded_by_pages.get("/experiments/{experiment_id}/preview.png", response_class=Response)
def preview(experiment_id: Id, request: Request) -> Response:
    """Return a picture of the result: before, after and change."""
    return FileResponse(product(parts_of(request).service, experiment_id, "preview.png"))


@loaded_by_pages.get("/experiments/{experiment_id}/report", response_class=HTMLResponse)
def report(experiment_id: Id, request: Request) -> Response:
    """Return the report of a result: one HTML file with maps, charts, parameters and digests."""
    made = product(parts_of(request).service, experiment_id, "report.html")
    return FileResponse(made, headers={"Content-Security-Policy": REPORT_POLICY})


@loaded_by_pages.get("/experiments/{experiment_id}/export/{kind}", response_class=FileResponse)
def export(
    experiment_id: Id,
    kind: _Export,
    request: Request,
    license_: Annotated[
        str, Query(alias="license", max_length=60, description="where the record names none")
    ] = "",
) -> Response:
    """Return an export as a file: an archive, metadata, or a citation."""
    service = parts_of(request).service
    if kind in _CITATIONS:
        service.completed(experiment_id)
        with placed(service.truth.experiment(experiment_id), RECORD) as source:
            _ = source.document  # it is fetched
            return PlainTextResponse(api.cite(source.path, format=_CITATIONS[kind], license=license_ or None))
    name = f"{kind}.{'zip' if kind in _ARCHIVES else 'json'}"
    return FileResponse(
        product(service, experiment_id, name, license_), filename=f"{experiment_id[:8]}.{name}"
    )


@reader.get("/experiments/{experiment_id}/diff/{other_id}")
def diff(experiment_id: Id, other_id: str, request: Request) -> Mapping[str, Any]:
    """Return what differs between the runs of two experiments."""
    service = parts_of(request).service
    found = sections(service.completed(experiment_id), service.completed(other_id))
    return {
        "a": experiment_id,
        "b": other_id,
        "same": not found,
        "sections": [
            {
                "name": section.name,
                "differences": [
                    {"what": one.what, "a": one.recorded, "b": one.now, "matters": one.matters}
                    for one in section.differences
                ],
            }
            for section in found
        ],
    }
