"""The list of experiments, and each of them."""

from __future__ import annotations

from fastapi import Request
from starlette.responses import Response

from dissmodel.service.pages.page import PATH, page
from dissmodel.service.pages.session import router
from dissmodel.service.parts import parts_of

reader = router("reader")
ROUTERS = (reader,)


@reader.get(PATH)
def show_list(request: Request, after: str | None = None) -> Response:
    """List experiments, the newest first."""
    found = parts_of(request).board.page(limit=50, after=after)
    following = f"{PATH}?after={found['next']}" if found["next"] else None
    first = PATH if after else None
    return page(request, "list.html", rows=found["experiments"], first=first, next=following)
