"""An experiment: how it goes, what it was given, what it made, how to cite it and to run it again."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from fastapi import Form, Request
from starlette.responses import FileResponse, RedirectResponse, Response

from dissmodel.errors import DissmodelError, InvalidInput
from dissmodel.experiment.files import artifacts_of
from dissmodel.experiment.layout import RECORD
from dissmodel.experiment.source import placed
from dissmodel.record import ExperimentRecord
from dissmodel.record.export import cite
from dissmodel.record.export.described import Described
from dissmodel.record.redact import redact_document
from dissmodel.service.auth import caller_of
from dissmodel.service.jobs import View, document_of
from dissmodel.service.legacy import Id
from dissmodel.service.pages.page import PATH, page
from dissmodel.service.pages.session import router
from dissmodel.service.parts import parts_of
from dissmodel.service.products import EXPORTS, REPORT_POLICY, product
from dissmodel.service.service import Service

reader, submitter = router("reader"), router("submitter")
ROUTERS = (reader, submitter)

_HERE = f"{PATH}/experiments/{{experiment_id}}"
_LINKED_S = 3600
# Where the value of a parameter is from, in the order in which the page shows it.
_ORIGINS = ("request", "command line", "call", "record", "spec", "drawn", "default")


@reader.get(_HERE)
def show_experiment(request: Request, experiment_id: Id) -> Response:
    """Show an experiment: of a job that waits or runs, what is known by now."""
    service = parts_of(request).service
    view, record = _found(service, experiment_id)
    state = view.state if view is not None else "completed"  # what was pushed
    named = view.request if view is not None else record
    assert named is not None  # a job or a record was found
    return page(
        request,
        "experiment.html",
        experiment_id=experiment_id,
        job_state=state,
        is_live=state in {"queued", "running", "delivering"},
        job=document_of(view) if view is not None else None,
        view=view,
        record=record,
        model=named.model_name,
        parameters=list(_parameters(view, record)),
        inputs=list(_inputs(view, record)),
        files=artifacts_of(record) if record is not None and state == "completed" else {},
        is_map=state == "completed" and _is_map(record),
        citation=_citation(service, experiment_id) if state == "completed" else {},
        exports=EXPORTS,
        once=secrets.token_hex(8),
    )


@reader.get(f"{_HERE}/map")
def show_map(request: Request, experiment_id: Id) -> Response:
    """Show the map of a result, large."""
    record = parts_of(request).service.completed(experiment_id)
    return page(request, "map.html", experiment_id=experiment_id, model=record.model_name)


@reader.get(f"{_HERE}/report")
def show_report(request: Request, experiment_id: Id) -> Response:
    """Show the report, one HTML file with a policy of its own; nothing in it can act for the user."""
    file = product(parts_of(request).service, experiment_id, "report.html")
    return FileResponse(file, headers={"Content-Security-Policy": REPORT_POLICY})


@reader.get(f"{_HERE}/exports")
def download_export(
    request: Request,
    experiment_id: Id,
    name: str = "bundle.zip",
    license: str = "",  # noqa: A002  (the form's)
) -> Response:
    """Return the experiment as others read it."""
    file = product(parts_of(request).service, experiment_id, name, license)
    return FileResponse(file, filename=f"{experiment_id[:8]}.{name}")


@reader.get(f"{_HERE}/files/{{path:path}}")
def download_file(request: Request, experiment_id: Id, path: str) -> Response:
    """Lead to a file of the result."""
    parts = parts_of(request)
    parts.service.completed(experiment_id)
    uri = f"{parts.service.truth.experiment(experiment_id).uri}{path}"
    return RedirectResponse(parts.downloads.link(uri, _LINKED_S), 303)


@submitter.post(f"{_HERE}/cancel")
def cancel(request: Request, experiment_id: Id) -> Response:
    """Let a job end."""
    parts_of(request).service.cancel(experiment_id, caller_of(request).name)
    return RedirectResponse(f"{PATH}/experiments/{experiment_id}", 303)


@submitter.post(f"{_HERE}/reproduce")
def reproduce(request: Request, experiment_id: Id, once: Annotated[str | None, Form()] = None) -> Response:
    """Run an experiment again, once for each page that was shown, and compare."""
    by, path = caller_of(request).name, request.url.path
    view = parts_of(request).service.reproduce(experiment_id, by=by, key=once or None, path=path)
    return RedirectResponse(f"{PATH}/experiments/{view.request.experiment_id}", 303)


def _found(service: Service, experiment: str) -> tuple[View | None, ExperimentRecord | None]:
    """Return a job and its record; an experiment that was pushed into the place was no job."""
    try:
        view = service.look(experiment)
    except DissmodelError as error:
        if error.code != "unknown_job" or not service.truth.has_record(experiment):
            raise
        return None, service.completed(experiment)
    kept = view.seen.outcome.record if view.seen.outcome is not None else None
    return view, view.record or (ExperimentRecord.model_validate(kept) if kept is not None else None)


def _parameters(view: View | None, record: ExperimentRecord | None) -> Iterator[tuple[str, Any, str]]:
    """Yield name, value and origin of each parameter: those that somebody gave come first."""
    if record is not None:
        origins = {name: record.parameter_origin.get(name, "") for name in record.parameters}
        known = {name: number for number, name in enumerate(_ORIGINS)}
        for name in sorted(origins, key=lambda name: known.get(origins[name], len(known))):
            yield name, record.parameters[name], origins[name]
    elif view is not None:
        for name, value in redact_document(view.request.parameters).items():
            yield name, value, "given"


def _inputs(view: View | None, record: ExperimentRecord | None) -> Iterator[Mapping[str, Any]]:
    if record is not None:
        for one in record.inputs:
            if one.uri or one.checksum:
                yield {"name": one.name, "uri": one.uri, "size": one.size, "sha256": one.checksum}
                yield from (
                    {"name": f"{one.name} (beside it)".strip(), "uri": name, "size": None, "sha256": sha256}
                    for name, sha256 in one.sidecars.items()
                )
    elif view is not None:
        for name, uri in (("", view.request.input), *view.request.inputs.items()):
            if uri:
                yield {"name": name, "uri": uri, "size": None, "sha256": ""}


def _is_map(record: ExperimentRecord | None) -> bool:
    main = record.files.get("output") if record is not None else None
    return main is not None and main.content_digest is not None


def _citation(service: Service, experiment: str) -> Mapping[str, str]:
    with placed(service.truth.experiment(experiment), RECORD) as source:
        run = Described(source.record, source.digest)
        try:
            return {"text": cite.text(run), "BibTeX": cite.bibtex(run)}
        except InvalidInput as error:  # what people say of the result was written by hand
            return {"text": f"{error.message} {error.hint}"}
