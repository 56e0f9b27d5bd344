"""The models, and the form of each: what is wrong is shown before anything is submitted."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any, get_args

from fastapi import Request
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from dissmodel.errors import DissmodelError
from dissmodel.io.resampling import Method
from dissmodel.service import checking, models, uploads
from dissmodel.service.answers import status_of
from dissmodel.service.auth import caller_of
from dissmodel.service.models import Model
from dissmodel.service.pages.form import Field, Filled, empty, fields_of, filled
from dissmodel.service.pages.page import PATH, page
from dissmodel.service.pages.session import router
from dissmodel.service.parts import parts_of
from dissmodel.service.service import digest_of
from dissmodel.service.sweeps import Sweeps

reader, submitter = router("reader"), router("submitter")
ROUTERS = (submitter, reader)  # the path of a form before that of a model

_MOST_FIELDS = 1000
_INVALID = 422


@reader.get(f"{PATH}/models")
def show_models(request: Request, input: str = "") -> Response:  # noqa: A002  (in the address)
    """List the models by their groups; `input` is passed on to their forms."""
    rows = models.list_models(parts_of(request).service.schemas.summary)
    rows.sort(key=lambda row: (row["group"] is None, row["group"] or "", str(row["name"])))
    groups = [(name, list(some)) for name, some in itertools.groupby(rows, key=lambda row: row["group"])]
    return page(request, "models.html", groups=groups, input=input)


@reader.get(f"{PATH}/models/{{name:path}}")
def show_model(name: str, request: Request, input: str = "") -> Response:  # noqa: A002  (in the address)
    """Show a model, and its form."""
    model = models.find_model(name)
    return _page(request, name, model, empty(name, input))


@submitter.post(f"{PATH}/models/{{name:path}}/submit")
async def submit(name: str, request: Request) -> Response:
    """Check what was filled in, and submit it if nothing is wrong and that was asked for."""
    given = await request.form(max_fields=_MOST_FIELDS)
    texts = {one: value for one, value in given.items() if isinstance(value, str)}
    return await run_in_threadpool(_submit, name, request, texts)


def _submit(name: str, request: Request, given: Mapping[str, str]) -> Response:
    parts, by = parts_of(request), caller_of(request).name
    model = models.find_model(name)
    form = filled(name, given, _fields(request, model))
    if form.errors:
        return _page(request, name, model, form, status=_INVALID)
    found = checking.Findings()
    try:
        found = checking.check(parts.service, form.checked, lambda: model)
        form.errors |= {f"p.{one}": " ".join(said) for one, said in found.parameters.items() if said}
        seen = digest_of({"findings": found.of_run})
        is_told = found.ok and (not found.of_run or given.get("seen") == seen)
        if given.get("do") != "submit" or not is_told:
            status = 200 if found.ok else _INVALID
            return _page(request, name, model, form, found=found, seen=seen, status=status)
        asked: dict[str, Any] = {"by": by, "key": f"{form.given['key']}.{digest_of(form.body)}"[:255]}
        asked["path"] = request.url.path
        if form.is_sweep:
            sweeps = Sweeps(parts.service)
            sweep = sweeps.submit(form.body, lambda: model, **asked)
            begin = BackgroundTask(sweeps.go_on, sweep)
            return RedirectResponse(f"{PATH}/sweeps/{sweep.sweep_id}", 303, background=begin)
        job = parts.service.run(form.body, lambda: model, **asked).request.experiment_id
        return RedirectResponse(f"{PATH}/experiments/{job}", 303)
    except DissmodelError as error:
        if error.code == "input_refused" and not (form.checked["inputs"] or form.is_sweep):  # else which?
            form.errors["input_dataset"] = error.message
        return _page(request, name, model, form, found=found, error=error, status=status_of(error))


def _fields(request: Request, model: Model) -> list[Field]:
    known = parts_of(request).service.schemas.of(model)
    table = model.spec.get("model", {})
    return fields_of(known, {**table, **table.get("parameters", {})})


def _page(
    request: Request,
    name: str,
    model: Model,
    form: Filled,
    *,
    found: checking.Findings | None = None,
    seen: str = "",
    error: DissmodelError | None = None,
    status: int = 200,
) -> Response:
    service = parts_of(request).service
    rows = models.list_models(service.schemas.summary)
    about, fields = service.schemas.about(model), _fields(request, model)
    return page(
        request,
        "model.html",
        status=status,
        name=name,
        row=next((row for row in rows if row["name"] == name), dict.fromkeys(("title", "description"))),
        model=model,
        about=about,
        problem=service.schemas.problem(model),
        fields=fields,
        form=form,
        found=found,
        seen=seen,
        error=error,
        uploads=uploads.some(service.inputs),
        methods=get_args(Method),
        varying=["input", *(one.name for one in fields)],
    )
