"""Whether a service answers, and has what it needs; the requests need no key."""

from __future__ import annotations

import http.client
import json
import re
import urllib.error
import urllib.request
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from dissmodel.errors import UsageError
from dissmodel.executor.findings import Collector

SECONDS = 10.0

_LARGEST = 1 << 16
_MOST_SKEW_S = 60.0
_OK = 200
_URL = re.compile(r"https?://[^/@\s]+(?:/[^?#\s]*)?", re.IGNORECASE)
_START = "Start it: dissmodel serve; or check the address, and a proxy on the way."
_ADDRESS = "Give the address of the API, such as http://127.0.0.1:8000"
_NEEDS = (
    "Storage: MINIO_ENDPOINT, its keys and the bucket of service.place. Queue: REDIS_HOST or service.queue. "
    "Registries: CONFIGS_REPO, or dissmodel registry sync. The service's log has the reason."
)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect is an answer, and is not followed."""

    def redirect_request(self, *_arguments: Any) -> None:
        return None


def check_url(url: str) -> str:
    """Return the URL of a service, without a slash at its end.

    Raises
    ------
    UsageError
        If it is none, or has a user or a password in it.
    """
    if not _URL.fullmatch(url):
        raise UsageError(
            f"--server {re.sub(r'//[^/@]*@', '//', url)}: this is not the URL of a service.", _ADDRESS
        )
    return url.rstrip("/")


def look_at_health(found: Collector, url: str) -> None:
    """Find out whether the service's process answers, and whether its clock is right."""
    answer = _ask(found, f"{url}/health")
    if answer is None:
        return
    status, document = answer
    if status != _OK or document.get("status") != "healthy":
        found.add("error", f"what answers is not dissmodel: HTTP {status} for /health", _ADDRESS)
        return
    found.add("ok", "answers")
    try:
        skew = abs((datetime.now(UTC) - datetime.fromisoformat(str(document["timestamp"]))).total_seconds())
    except (KeyError, ValueError, TypeError, OverflowError):
        return
    if skew > _MOST_SKEW_S:
        found.add(
            "warning", f"its clock and this machine's differ by {skew:.0f} s", "Set the clocks: use NTP."
        )


def look_at_readiness(found: Collector, url: str) -> None:
    """Find out whether the service has storage, queue and registries."""
    answer = _ask(found, f"{url}/ready")
    if answer is None:
        return
    status, document = answer
    if status == _OK:
        found.add("ok", "storage, queue and registries answer")
        return
    said = document.get("detail")
    found.add("error", f"HTTP {status}: {said if isinstance(said, str) else 'no reason given'}", _NEEDS)


def _ask(found: Collector, url: str) -> tuple[int, Mapping[str, Any]] | None:
    try:
        opener = urllib.request.build_opener(_NoRedirect)
        try:
            with opener.open(url, timeout=SECONDS) as response:
                status, body = response.status, response.read(_LARGEST)
        except urllib.error.HTTPError as error:
            with error:
                status, body = error.code, error.read(_LARGEST)
    except (OSError, http.client.HTTPException, ValueError) as error:  # a URLError is an OSError
        reason = getattr(error, "reason", error)
        why = getattr(reason, "strerror", None) or str(reason) or type(reason).__name__
        found.add("error", f"can't be reached: {why}", _START)
        return None
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        document = None
    return status, document if isinstance(document, dict) else {}
