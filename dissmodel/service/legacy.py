"""The paths that existing clients rely on: the QGIS plugin, notebooks, scripts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

from fastapi import Header, Path, Query, Request
from starlette.responses import FileResponse, RedirectResponse

from dissmodel import __version__
from dissmodel.experiment.layout import RECORD
from dissmodel.service import models, uploads
from dissmodel.service.auth import caller_of, router
from dissmodel.service.board import MOST
from dissmodel.service.bodies import InlineJob, Job, JobDocument, Jobs
from dissmodel.service.documents import now
from dissmodel.service.jobs import document_of, publication_of, utc
from dissmodel.service.models import Model
from dissmodel.service.parts import parts_of

open_to_all, reader, submitter, admin = router(None), router("reader"), router("submitter"), router("admin")
ROUTERS = (open_to_all, reader, submitter, admin)

Id = Annotated[str, Path(alias="experiment_id", description="32 hex digits")]
Key = Annotated[
    str | None, Header(alias="Idempotency-Key", description="The same key and body give the same job.")
]
Status = Literal["pending", "queued", "running", "delivering", "completed", "failed", "cancelled"]
_LINKED = "/files/{expires}/{signature}/{place}/{key:path}"
_FIELDS = {"file": {"type": "string", "format": "binary"}, "label": {"type": "string"}}
_FORM = {"schema": {"type": "object", "required": ["file", "label"], "properties": _FIELDS}}
_UPLOAD = {"requestBody": {"required": True, "content": {"multipart/form-data": _FORM}}}


@open_to_all.get("/health")
async def health() -> Mapping[str, str]:
    """Tell that the process lives."""
    return {"status": "healthy", "timestamp": utc(now())}


@open_to_all.get("/", response_model=dict[str, str])
async def root(request: Request) -> Any:
    """Tell what this is; a browser is sent to the pages."""
    if request.headers.get("Accept", "").startswith("text/html"):
        return RedirectResponse("/ui", 303)
    return {"service": "dissmodel", "version": __version__, "docs": "/openapi.json"}


@reader.get("/models")
def list_models(request: Request) -> Mapping[str, Any]:
    """List the models that jobs may name."""
    return {"models": models.list_models(parts_of(request).service.schemas.summary)}


@reader.get("/models/{name:path}")
def show_model(name: str, request: Request) -> Mapping[str, Any]:
    """Return a model's spec and the JSON Schema of its parameters, or null and the problem."""
    model = models.find_model(name)
    schemas = parts_of(request).service.schemas
    about = {"parameters": schemas.of(model), "problem": schemas.problem(model)}
    return {"model_name": name, "spec": models.shown_spec(model), **about}


@submitter.post("/submit_job", response_model=JobDocument)
def submit_job(body: Job, request: Request, key: Key = None) -> Any:
    """Submit a job."""
    fields = body.model_dump()
    return _submit(request, key, fields, lambda: models.find_model(body.model_name, body.package))


@submitter.post("/submit_job_inline", response_model=JobDocument)
def submit_job_inline(body: InlineJob, request: Request, key: Key = None) -> Any:
    """Submit a job with a spec; its package, if it has one, has to be one that the service trusts."""
    return _submit(request, key, body.model_dump(), lambda: models.inline_model(body.model_spec_toml))


def _submit(request: Request, key: str | None, fields: dict[str, Any], find: Callable[[], Model]) -> Any:
    by, path = caller_of(request).name, request.url.path
    service = parts_of(request).service
    return document_of(service.run(fields, find, by=by, key=key, path=path))


@reader.get("/job/{experiment_id}", response_model=JobDocument)
def show_job(experiment_id: Id, request: Request) -> Any:
    """Return a job."""
    return document_of(parts_of(request).service.look(experiment_id))


@reader.get("/jobs", response_model=Jobs)
def list_jobs(
    request: Request,
    limit: Annotated[int, Query(ge=1, le=MOST)] = 100,
    status: Status | None = None,
    model: str | None = None,
    after: str | None = None,
) -> Any:
    """List jobs, the newest first; `after` is what the page before gave as `next`."""
    return parts_of(request).board.page(limit=limit, status=status, model=model, after=after)


@submitter.delete("/job/{experiment_id}")
def cancel_job(experiment_id: Id, request: Request) -> Mapping[str, str]:
    """Let a job end."""
    view = parts_of(request).service.cancel(experiment_id, caller_of(request).name)
    runs = view.state in {"running", "delivering"}
    message = "The job is asked to stop." if runs else "The job is cancelled."
    return {"message": message, "experiment_id": experiment_id}


@reader.get("/experiments/{experiment_id}/record")
def show_record(experiment_id: Id, request: Request) -> Mapping[str, Any]:
    """Return the whole record of an experiment, of a run that failed too."""
    return parts_of(request).service.record(experiment_id)


@submitter.post("/experiments/{experiment_id}/reproduce", response_model=JobDocument)
def reproduce(experiment_id: Id, request: Request, key: Key = None) -> Any:
    """Run an experiment again, and compare."""
    by, path = caller_of(request).name, request.url.path
    return document_of(parts_of(request).service.reproduce(experiment_id, by=by, key=key, path=path))


@submitter.post("/experiments/{experiment_id}/publish")
def publish(experiment_id: Id, request: Request) -> Mapping[str, Any]:
    """Return what a publication has to say of an experiment."""
    service = parts_of(request).service
    record = service.completed(experiment_id)
    return publication_of(record, f"{service.truth.experiment(experiment_id).uri}{RECORD}")


@submitter.post("/data/upload", openapi_extra=_UPLOAD)
async def upload(request: Request) -> Mapping[str, Any]:
    """Put a file where jobs can read it."""
    service = parts_of(request).service
    scratch = service.settings.data_dir / "uploads"
    kind = request.headers.get("content-type", "")
    return await uploads.receive(request.stream(), kind, service.inputs, scratch)


@reader.get("/download")
def download(
    request: Request, uri: str, expires_hours: Annotated[int, Query(ge=1, le=24)] = 1
) -> Mapping[str, Any]:
    """Return a link to a file of a result or an upload; whoever has it may read the file for so long."""
    url = parts_of(request).downloads.link(uri, expires_hours * 3600)
    is_here = url.startswith("/")
    return {
        "url": f"{str(request.base_url).rstrip('/')}{url}" if is_here else url,
        "expires_in_hours": expires_hours,
    }


@open_to_all.head(_LINKED, include_in_schema=False)
@open_to_all.get(_LINKED, response_class=FileResponse)
def linked_file(expires: int, signature: str, place: str, key: str, request: Request) -> FileResponse:
    """Return a file that a link leads to."""
    file = parts_of(request).downloads.file(expires, signature, place, key)
    # What was uploaded is never shown as a page of this service.
    headers = {"Content-Security-Policy": "sandbox; default-src 'none'"}
    return FileResponse(file, filename=file.name, media_type="application/octet-stream", headers=headers)


@admin.post("/admin/sync")
def sync(request: Request) -> Mapping[str, Any]:
    """Fetch the registries now, and return what was found."""
    syncing = parts_of(request).syncing
    if syncing is None:
        return {"message": "There is no registry.", "git_output": "", "registries": []}
    return syncing.once()
