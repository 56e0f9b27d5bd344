"""Who asks, and what they may do: API keys with roles; without keys only this machine."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import threading
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol, get_args

from fastapi import APIRouter, Request, Security
from fastapi.routing import APIRoute
from fastapi.security import APIKeyHeader, HTTPBearer
from pydantic import BaseModel, ConfigDict, StringConstraints, TypeAdapter, ValidationError
from starlette.responses import Response

from dissmodel.errors import disk_errors
from dissmodel.machine import is_loopback
from dissmodel.service.refusals import refused

Role = Literal["reader", "submitter", "admin"]
ROLES: tuple[Role, ...] = get_args(Role)
"""The roles, the weakest first; each may do what those before it may."""

_MAX_BYTES = 1 << 20


class _Key(BaseModel):
    model_config = ConfigDict(extra="forbid")

    role: Role
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


_Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
_FILE = TypeAdapter(dict[_Name, _Key])


@dataclass(frozen=True)
class Caller:
    """Who asks: the name of the key, and its role."""

    name: str
    role: Role

    def may(self, role: Role) -> bool:
        """Return whether the caller has at least this role.

        >>> Caller("ana", "submitter").may("reader"), Caller("ana", "submitter").may("admin")
        (True, False)
        """
        return ROLES.index(self.role) >= ROLES.index(role)


LOCAL = Caller("local", "admin")
"""Whoever asks from this machine where there are no keys."""


class Keys:
    """The keys that may ask: those of a file, which may change at any time, and administrators' keys.

    Parameters
    ----------
    file : Path or None
        TOML with a table for each key; only the sha256 of a key is in it.
    admins : tuple of str
        Keys of administrators.

    Raises
    ------
    UsageError
        If the file has no key, or holds anything else (code ``"bad_keys"``).
    StorageError
        If it can't be read.
    """

    def __init__(self, file: Path | None = None, admins: tuple[str, ...] = ()) -> None:
        self._file = file
        self._admins: dict[str, tuple[Role, str]] = {
            f"admin-{number}" if number > 1 else "admin": ("admin", hashlib.sha256(key.encode()).hexdigest())
            for number, key in enumerate(admins, 1)
        }
        self._lock = threading.Lock()
        self._version: tuple[int, int, int] | None = None
        self._of_file: Mapping[str, tuple[Role, str]] = {}
        self._known()

    @property
    def are_needed(self) -> bool:
        """Whether a request needs a key."""
        return self._file is not None or bool(self._admins)

    def caller(self, key: str | None) -> Caller:
        """Return who has a key; without any keys, whoever asks from this machine is an administrator.

        Raises
        ------
        UsageError
            If there is no such key (codes ``"no_key"``, ``"wrong_key"``).
        """
        if not self.are_needed:
            return LOCAL
        if not key:
            raise refused("no_key", "This needs an API key.")
        given = hashlib.sha256(key.encode()).hexdigest()
        found = None
        for name, (role, sha256) in self._known().items():  # all of them, so that the time says nothing
            if hmac.compare_digest(given, sha256):
                found = Caller(name, role)
        if found is None:
            raise refused("wrong_key", "This API key is not known here.")
        return found

    def named(self, name: str) -> tuple[Role, str] | None:
        """Return role and sha256 of the key with a name, None if there is no such key any more."""
        return self._known().get(name)

    def _known(self) -> Mapping[str, tuple[Role, str]]:
        if self._file is None:
            return self._admins
        with self._lock, disk_errors(f"{self._file}: the keys can't be read", "Check its rights."):
            status = self._file.stat()
            version = (status.st_mtime_ns, status.st_size, status.st_ino)
            if version != self._version:
                with self._file.open("rb") as stream:
                    self._of_file = parse_keys(stream.read(_MAX_BYTES), str(self._file))
                self._version = version
            return {**self._of_file, **self._admins}


def parse_keys(data: bytes, where: str) -> Mapping[str, tuple[Role, str]]:
    """Return role and sha256 of each key in a file of keys, by name; `where` is what an error calls it.

    Raises
    ------
    UsageError
        If it is anything else (code ``"bad_keys"``); the message shows no value of it.
    """
    try:
        found = _FILE.validate_python(tomllib.loads(data.decode()))
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        what = f"{'.'.join(map(str, first['loc']))[:80]}: {first['msg']}"
        raise refused("bad_keys", f"{where}: {what}.") from None
    except (ValueError, RecursionError):
        raise refused("bad_keys", f"{where}: this is not TOML in UTF-8.") from None
    if not found:
        raise refused("bad_keys", f"{where}: there is no key in it.")
    return {name: (key.role, key.sha256) for name, key in found.items()}


def new_key(name: str, role: str) -> tuple[str, str]:
    """Return a new key, and the lines for the file of keys, which have only its sha256.

    Raises
    ------
    UsageError
        If no key may have this name or role.
    """
    key = secrets.token_urlsafe(32)
    lines = f'[{name}]\nrole = "{role}"\nsha256 = "{hashlib.sha256(key.encode()).hexdigest()}"\n'
    parse_keys(lines.encode(), f"--new-key {name} --role {role}")
    return key, lines


class Sessions(Protocol):
    """Who has signed in with a browser; see `dissmodel.service.pages.session`."""

    def caller(self, request: Request) -> Caller | None:
        """Return who has signed in."""

    async def refuse_forged(self, request: Request) -> None:
        """Refuse a form that no page of the service sent."""


def router(role: Role | None, *, pages: bool = False) -> APIRouter:
    """Return a router whose routes need a role; None: they are open to all.

    The role is looked at before the body is read. Who has signed in with a browser counts only for the routes
    of `pages`: those below ``/ui``, and what a page loads; their forms have to come from a page.
    """

    class Guarded(APIRoute):
        needs = role

        def get_route_handler(self) -> Callable[[Request], Any]:
            handle = super().get_route_handler()

            async def guarded(request: Request) -> Response:
                if role is not None:
                    request.state.caller = _authorized(request, role, pages)
                if pages and request.method not in {"GET", "HEAD"}:
                    await request.app.state.sessions.refuse_forged(request)
                response: Response = await handle(request)
                return response

            return guarded

    shown = [
        Security(APIKeyHeader(name="X-API-Key", auto_error=False)),
        Security(HTTPBearer(auto_error=False)),
    ]
    return APIRouter(route_class=Guarded, dependencies=shown if role is not None else [])


def key_of(request: Request) -> str | None:
    """Return the API key that a request's headers have."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return request.headers.get("X-API-Key") or (token.strip() if scheme.lower() == "bearer" else None)


def caller_of(request: Request) -> Caller:
    """Return who sent a request, as its route's router found."""
    found: Caller = request.state.caller
    return found


def _authorized(request: Request, role: Role, pages: bool) -> Caller:  # noqa: FBT001  (as the router has it)
    keys: Keys = request.app.state.keys
    key = key_of(request)
    sessions: Sessions | None = request.app.state.sessions if pages and key is None else None
    caller = (sessions.caller(request) if sessions is not None else None) or keys.caller(key)
    if not caller.may(role):
        what = f"The key {caller.name} has the role {caller.role}; this needs {role}."
        raise refused("wrong_role", what)
    return caller


def refuse_foreign(host: str, origin: str | None, client: str | None) -> None:
    """Refuse what does not come from this machine itself: where there are no keys, nothing else protects.

    A web page that a user looks at can send requests to loopback, from its own origin (forgery), or after its
    host's name was pointed at 127.0.0.1 (rebinding).

    >>> refuse_foreign("localhost:8000", "http://localhost:8000", "127.0.0.1")

    Raises
    ------
    UsageError
        With code ``"foreign_request"``.
    """
    name = host.rpartition(":")[0] if re.search(r":\d+$", host) else host
    if not is_loopback(name) or (client is not None and not is_loopback(client)):
        what = "a name of another host" if is_loopback(client or "localhost") else "another machine"
    elif origin is not None and origin.lower() not in {f"http://{host.lower()}", f"https://{host.lower()}"}:
        what = "a web page of another site"
    else:
        return
    raise refused("foreign_request", f"This service has no keys, and the request is from {what}.")
