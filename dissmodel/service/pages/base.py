"""What every page needs: the files that pages load, and to sign in and out."""

from __future__ import annotations

import re
from typing import Annotated, Any

from fastapi import Form, Request
from starlette.responses import RedirectResponse, Response

from dissmodel.errors import UsageError
from dissmodel.service.pages.page import PATH, page, static_file
from dissmodel.service.pages.session import COOKIE, LASTS_S, router

open_to_all = router(None)
ROUTERS = (open_to_all,)

# A path of ours, with a query: nothing that leads elsewhere.
_FOLLOWING = re.compile(rf"{PATH}(/[\w./-]*)?(\?[\w.~%&=+:/-]*)?", re.ASCII)


@open_to_all.get(f"{PATH}/static/{{path:path}}")
def static(path: str) -> Response:
    """Return a file that pages load."""
    return static_file(path)


@open_to_all.get(f"{PATH}/sign-in")
def show_sign_in(request: Request) -> Response:
    """Ask for an API key."""
    if not request.app.state.keys.are_needed:
        return RedirectResponse(PATH, 303)
    return page(request, "sign_in.html", error=None, following=PATH)


@open_to_all.post(f"{PATH}/sign-in")
def sign_in(
    request: Request, key: Annotated[str, Form()] = "", following: Annotated[str, Form(alias="next")] = PATH
) -> Response:
    """Begin a session."""
    following = following if _FOLLOWING.fullmatch(following) else PATH
    try:
        cookie = request.app.state.sessions.begin(key.strip())
    except UsageError as error:
        if error.code not in {"no_key", "wrong_key"}:
            raise
        return page(request, "sign_in.html", status=403, error=error, following=following)
    made = RedirectResponse(following, 303)
    made.set_cookie(COOKIE, cookie, max_age=LASTS_S, **_kind(request))
    return made


@open_to_all.post(f"{PATH}/sign-out")
def sign_out(request: Request) -> Response:
    """End a session."""
    made = RedirectResponse(f"{PATH}/sign-in", 303)
    made.delete_cookie(COOKIE, **_kind(request))
    return made


def _kind(request: Request) -> dict[str, Any]:
    return {"httponly": True, "samesite": "strict", "secure": request.url.scheme == "https"}
