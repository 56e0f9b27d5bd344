"""To bring a file to the service, and what to use it for."""

from __future__ import annotations

from urllib.parse import quote

from fastapi import Request
from starlette.responses import RedirectResponse, Response

from dissmodel.errors import DissmodelError
from dissmodel.service import uploads
from dissmodel.service.answers import status_of
from dissmodel.service.pages.page import PATH, page
from dissmodel.service.pages.session import router
from dissmodel.service.parts import parts_of

submitter = router("submitter")
ROUTERS = (submitter,)


@submitter.get(f"{PATH}/upload")
def show_upload(request: Request) -> Response:
    """Ask for a file, and list files that are there."""
    return page(request, "upload.html", error=None, uploads=uploads.some(parts_of(request).service.inputs))


@submitter.post(f"{PATH}/upload")
async def upload(request: Request) -> Response:
    """Put the file where jobs can read it."""
    service = parts_of(request).service
    kind, scratch = request.headers.get("content-type", ""), service.settings.data_dir / "uploads"
    try:
        found = await uploads.receive(request.stream(), kind, service.inputs, scratch)
    except DissmodelError as error:
        known = uploads.some(service.inputs)
        return page(request, "upload.html", status=status_of(error), error=error, uploads=known)
    name = found["uri"].rpartition("/")[2]  # quoted already in a URI of a file
    place = f"{quote(found['label'])}/{name if found['uri'].startswith('file:') else quote(name)}"
    return RedirectResponse(f"{PATH}/uploads/{place}", 303)


@submitter.get(f"{PATH}/uploads/{{label}}/{{name}}")
def show_uploaded(label: str, name: str, request: Request) -> Response:
    """Show a file that is there."""
    return page(
        request, "uploaded.html", name=name, file=uploads.known(parts_of(request).service.inputs, label, name)
    )
