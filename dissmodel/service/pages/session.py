"""Who has signed in with a browser, by a signed cookie; and forms that only pages can send."""

from __future__ import annotations

import hashlib
import hmac
import time
from functools import cached_property
from pathlib import Path

from fastapi import APIRouter, Request

from dissmodel.service import auth
from dissmodel.service.auth import Caller, Keys, Role, key_of
from dissmodel.service.refusals import refused
from dissmodel.service.secret_file import secret_of

COOKIE = "dissmodel"
LASTS_S = 12 * 3600
TOKEN = "token"  # noqa: S105  (the name of a form's field)


def router(role: Role | None) -> APIRouter:
    """Return a router of pages; see `dissmodel.service.auth.router`."""
    made = auth.router(role, pages=True)
    made.include_in_schema = False
    return made


class Sessions:
    """The sessions of browsers, which nobody has to store.

    Parameters
    ----------
    keys : Keys
        The keys that may sign in; a session ends when its key is removed or changed.
    data_dir : Path
        The folder of the key that signs them.
    """

    def __init__(self, keys: Keys, data_dir: Path) -> None:
        self._keys, self._file = keys, data_dir / "sessions.key"

    def begin(self, key: str) -> str:
        """Return the cookie of whoever has an API key.

        Raises
        ------
        UsageError
            If there is no such key (codes ``"no_key"``, ``"wrong_key"``).
        """
        expires = int(time.time()) + LASTS_S
        return self._cookie(self._keys.caller(key).name, expires) or ""

    def caller(self, request: Request) -> Caller | None:
        """Return who has signed in, None if nobody has."""
        given = request.cookies.get(COOKIE, "")
        name, _, rest = given.partition(".")
        expires = rest.partition(".")[0]
        if not self._keys.are_needed or not expires.isdecimal() or int(expires[:20]) < time.time():
            return None
        expected, found = self._cookie(name, int(expires[:20])), self._keys.named(name)
        if expected is None or found is None or not _same(expected, given):
            return None
        return Caller(name, found[0])

    def token(self, request: Request) -> str:
        """Return what the forms of a page send, so that only pages can send them."""
        return self._signature("form", request.cookies.get(COOKIE, "") if self._keys.are_needed else "")

    async def refuse_forged(self, request: Request) -> None:
        """Refuse a form that no page of this session sent.

        The token is read from a form that is ``application/x-www-form-urlencoded``, or from the query. What
        has an API key in its headers is no form of a browser.

        Raises
        ------
        UsageError
            With code ``"form_refused"``.
        """
        if key_of(request) is not None:
            return
        site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
        is_own = origin is None or origin.partition("://")[2] == request.headers.get("Host")
        is_own = is_own and site in {None, "same-origin"}
        given = request.query_params.get(TOKEN, "")
        is_form = request.headers.get("Content-Type", "").startswith("application/x-www-form")
        if is_own and is_form and not given:
            given = str((await request.form()).get(TOKEN, ""))
        if not is_own or not _same(self.token(request), given):
            raise refused("form_refused", "This form was not sent by a page of your session.")

    def _cookie(self, name: str, expires: int) -> str | None:
        found = self._keys.named(name)
        return f"{name}.{expires}.{self._signature(name, str(expires), found[1])}" if found else None

    def _signature(self, *parts: str) -> str:
        text = "\0".join(parts).encode(errors="surrogatepass")
        return hmac.new(self._secret, text, hashlib.sha256).hexdigest()

    @cached_property
    def _secret(self) -> bytes:
        return secret_of(self._file)


def _same(expected: str, given: str) -> bool:
    return hmac.compare_digest(expected.encode(), given.encode(errors="surrogatepass"))
