"""Servers that a record names: no server is asked before the user has named it or consents."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator
from urllib.parse import urlsplit

from dissmodel.config import UserSettings, load_settings
from dissmodel.consent import Consent
from dissmodel.errors import ConsentRequired, DissmodelError, StorageError
from dissmodel.storage.uri import is_remote, parse

_PORTS = {"http": 80, "https": 443}
_LONGEST = 200


def agree_to_ask(uri: str, consent: Consent, *, typed: Iterable[str | None], record: str) -> str:
    """Return the server that an input is asked for at, if the user has named it or agrees to it now.

    It is empty if the settings have no object store.

    Named servers are those in the command line and the settings, those with earlier consent, and the object
    store of the user's own settings.

    `typed` are the places that the command line names, `record` is what the user calls the record.

    Raises
    ------
    ConsentRequired
        If the user has neither named the server nor agreed to it.
    """
    place = parse(uri)
    if place.scheme == "s3":
        return _object_store()
    from dissmodel.environments import trust  # noqa: PLC0415  (it takes long to load, and most runs need none)

    server, settings = _server(uri), load_settings()
    if server in map(_server, [*filter(None, typed), *_configured(settings)]):
        return server
    if any(one.what == server for one in trust.approvals(settings.data_dir)):
        return server
    if not consent.yes and server not in consent.agreed:
        refused = ConsentRequired(
            f"{record} names an input at {server}, which you have not named: {place.shown[:_LONGEST]} would "
            "be requested.",
            "Consent is remembered; to see or withdraw it: dissmodel registry trust",
        )
        refused.what = server
        raise refused
    trust.remember(server, settings.data_dir, registry=record)
    return server


def asking(
    consent: Consent, tell: Callable[[str], None], *, typed: str, record: str
) -> Callable[[str], None]:
    """Return what agrees to each server that a record names for its input, and says that it is asked."""

    def agree(place: str) -> None:
        server = agree_to_ask(place, consent, typed=(typed,), record=record)
        if server:
            tell(f"The input of {record} is requested from {server}.")

    return agree


def remember_named(uri: str) -> None:
    """Note a server that the user has named, so that the record of this run may name it too.

    If the data folder can't be written, consent is asked for later.
    """
    server = _server(uri)
    if not server:
        return
    from dissmodel.environments import trust  # noqa: PLC0415  (as above)

    with contextlib.suppress(StorageError):
        data_dir = load_settings().data_dir
        if all(one.what != server for one in trust.approvals(data_dir)):
            trust.remember(server, data_dir, registry="named as an input")


def _object_store() -> str:
    """Return the object store that the user's settings lead to; empty if they lead to none."""
    from dissmodel.storage import credentials  # noqa: PLC0415  (most inputs are files)
    from dissmodel.storage.settings import StorageSettings  # noqa: PLC0415  (as above)

    try:
        return credentials.find(StorageSettings.of(load_settings()), os.environ).endpoint.shown
    except DissmodelError:
        return ""


def _configured(settings: UserSettings) -> Iterator[str]:
    yield from (one.url for one in settings.registries.values())
    stored = settings.settings.get("storage.endpoint")
    if stored is not None and isinstance(stored.value, str):
        endpoint = stored.value
        yield from [endpoint] if "://" in endpoint else [f"https://{endpoint}", f"http://{endpoint}"]


def _server(text: str) -> str:
    """Return scheme, host and port of a web server's URL, without a user; empty for all else.

    >>> _server("https://ana:pw@Example.org:443/a?b"), _server("http://[::1]:8080/"), _server("a.tif")
    ('https://example.org', 'http://[::1]:8080', '')
    """
    if not is_remote(text):
        return ""
    try:
        if parse(text).scheme == "s3":
            return ""
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except (DissmodelError, ValueError):
        return ""
    scheme = parts.scheme.lower()
    shown = f"[{host}]" if ":" in host else host
    return f"{scheme}://{shown}" + ("" if port in {None, _PORTS[scheme]} else f":{port}")
