"""The API key for a server, from the places where people keep secrets; never from a command line."""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from dissmodel import bounded
from dissmodel.config import UserSettings
from dissmodel.consent import Consent
from dissmodel.errors import ConsentRequired, StorageError, UsageError
from dissmodel.machine import is_loopback
from dissmodel.record.known_secrets import learn
from dissmodel.storage.credentials import from_keyring

VARIABLE = "DISSMODEL_API_KEY"

_KEY = re.compile(r"[!-~]{1,1000}")
_MOST_BYTES = 1 << 16


def find_key(url: str, settings: UserSettings) -> str | None:
    """Return the key for a server, None if there is none.

    It is looked for in ``DISSMODEL_API_KEY``, in the file that ``client.key_file`` names, and in the system's
    keyring under the service ``dissmodel`` and the URL of the server.

    Raises
    ------
    StorageError
        If the file can't be read.
    """
    found = os.environ.get(VARIABLE, "").strip() or _from_file(settings)
    return found or from_keyring(url).get(url) or None


def checked_key(key: str | None, url: str, consent: Consent) -> str | None:
    """Return a key that may be sent to a server.

    Raises
    ------
    UsageError
        If it is no key (code ``"bad_key"``).
    ConsentRequired
        If it would cross a network unencrypted, and the user has not agreed to that.
    """
    if key is None:
        return None
    learn(key)
    if not _KEY.fullmatch(key):
        raise UsageError(
            "The API key has a space, or a character that is not ASCII.", "Copy it again.", code="bad_key"
        )
    parts = urlsplit(url)
    host = parts.hostname or ""
    is_direct = not getproxies().get("http") or bool(proxy_bypass(host))
    is_clear = parts.scheme.lower() == "http" and not (is_loopback(host) and is_direct)
    if is_clear and not (consent.yes or url in consent.agreed):
        error = ConsentRequired(
            f"{url}: the API key would cross the network unencrypted.", "Better give an https:// URL."
        )
        error.what = url
        raise error
    return key


def _from_file(settings: UserSettings) -> str | None:
    named = settings.text("client.key_file")
    if named is None:
        return None
    path = Path(named).expanduser()
    try:
        return bounded.contents(path, _MOST_BYTES).decode().strip() or None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "this is not a text"
        raise StorageError(
            f"client.key_file, {path}: {why}.", "Put the API key, and nothing else, into it."
        ) from None
