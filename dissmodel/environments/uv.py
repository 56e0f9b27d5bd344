"""The only place that starts the installer."""

from __future__ import annotations

import itertools
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from dissmodel.environments.pip_settings import PipSettings, pip_settings
from dissmodel.errors import DissmodelError, RunFailed, StorageError
from dissmodel.process import STORAGE, finished
from dissmodel.record.known_secrets import is_secret_variable
from dissmodel.record.redact import redact

PYPI = "https://pypi.org/simple"

_UNREACHABLE = "index_unreachable"
_TAIL_LINES = 12
_LINE = 300

# uv's own variables that say where packages are and how to get at them; others change what is installed.
_UV = (
    *("UV_CACHE_DIR", "UV_CONCURRENT_", "UV_HTTP_", "UV_LINK_MODE", "UV_NATIVE_TLS", "UV_SYSTEM_CERTS"),
    *("UV_DEFAULT_INDEX", "UV_INDEX", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS", "UV_INSECURE_HOST"),
    *("UV_KEYRING_PROVIDER", "UV_OFFLINE", "UV_REQUEST_TIMEOUT"),
)
_UV_INDEXES = ("UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS")
_GIT = ("GIT_CONFIG", "GIT_SSL", "GIT_SSH", "GIT_ASKPASS", "GIT_PROXY", "GIT_HTTP")
# A build runs a package's own code: what leads it elsewhere, or what it could steal, stays here.
_DROPPED = ("UV_", "PIP_", "PYTHON", "GIT_", "VIRTUAL_ENV", "CONDA_", "DISSMODEL_", *STORAGE)


# uv's exit code is the same for all of these, so its text is read, in lower case and without line breaks; the
# first that is found stands. As uv 0.13.9 writes them: the error's code, its signs, what to do.
_MEANINGS: tuple[tuple[str, str, str], ...] = (
    (
        _UNREACHABLE,
        (
            "failed to fetch|dns error|error sending request|connection refused|timed out"
            "|network was disabled|network connectivity is disabled|could not connect"
            "|could not resolve host|network is unreachable"
        ),
        "Check the network, the proxy and pip's index settings.",
    ),
    (
        "no_wheel",
        "building from source is disabled|building source distributions is disabled|no usable wheels",
        "It has no wheel for this Python: --allow-build builds it here, which runs its code.",
    ),
    (
        "no_such_package",
        (
            r"was not found in the (?:package registry|provided package locations)"
            r"|there (?:is no version|are no versions) of"
        ),
        "Check its name and its version.",
    ),
    # What a package can't have beside dissmodel is told in the words for a version that isn't there.
    (
        "no_such_package",
        r"^(?=.*\bdissmodel==\S+ depends on).*only .+ (?:is|are) available",
        "It needs packages that conflict with those of dissmodel: ask its author.",
    ),
    ("no_such_package", "only .+ (?:is|are) available", "Check its name and its version."),
    ("install_failed", "", "Fix the package, or ask its author."),
)


def run(
    arguments: Sequence[str], *, doing: str, folder: Path, offline: bool = False, patience: float = 600.0
) -> None:
    """Run ``python -m uv`` and wait for it.

    uv and all processes that it started are ended after `patience` seconds. Nothing in `folder` is
    read as its configuration.

    Raises RunFailed if it fails or takes too long; the message ends with its own last lines; StorageError if
    it can't reach an index or a repository.
    """
    settings = pip_settings()
    words = [sys.executable, "-m", "uv", "--no-config", "--no-progress", "--color", "never", "-q", *arguments]
    words += ["--offline"] if offline else []
    env = _environment(settings)
    if settings.no_index and arguments[:1] == ["pip"] and not _own_indexes():
        words += ["--no-index"]
    try:
        ended = finished(words, env=env, patience=patience, folder=folder)
    except OSError as error:
        raise RunFailed(f"{doing}: uv can't be started: {error}.", code="install_failed") from error
    except subprocess.TimeoutExpired:
        raise RunFailed(
            f"{doing} took more than {patience:.0f} s and was stopped.", "Try again.", code="install_failed"
        ) from None
    if ended.code != 0:
        raise _failure(doing, ended.err, offline=offline)


def indexes() -> tuple[str, ...]:
    """Return where index packages come from, without credentials."""
    own = _own_indexes()
    if own:
        return tuple(redact(place) for value in own.values() for place in value.replace(",", " ").split())
    settings = pip_settings()
    default = () if settings.no_index else (*settings.extra_indexes, settings.index or PYPI)
    return tuple(redact(place) for place in (*default, *settings.find_links))


def _own_indexes() -> dict[str, str]:
    return {name: os.environ[name] for name in _UV_INDEXES if os.environ.get(name)}


def _environment(settings: PipSettings) -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if name.startswith((*_UV, *_GIT))
        or name == "SSH_AUTH_SOCK"
        or (not name.startswith(_DROPPED) and not is_secret_variable(name))
    }
    # In variables, not in arguments, which every user of the machine can read: a URL may hold a password.
    found: dict[str, str | None] = {}
    if not _own_indexes():
        found = {
            "UV_INDEX_URL": settings.index,
            "UV_EXTRA_INDEX_URL": " ".join(settings.extra_indexes),
            "UV_FIND_LINKS": ",".join(settings.find_links),
            "UV_INSECURE_HOST": " ".join(settings.trusted_hosts),
            # pip takes the best version from all of its indexes, and these were set for pip.
            "UV_INDEX_STRATEGY": "unsafe-best-match" if settings.extra_indexes else None,
        }
    found["SSL_CERT_FILE"] = kept.get("SSL_CERT_FILE") or settings.cert
    if settings.proxy and not any(name.upper().endswith("S_PROXY") for name in kept):
        found["HTTPS_PROXY"] = found["HTTP_PROXY"] = settings.proxy
    quiet_git = {
        "GIT_TERMINAL_PROMPT": "0",
        "GCM_INTERACTIVE": "never",
        "GIT_ALLOW_PROTOCOL": "https:http:ssh:file",
        "GIT_SSH_COMMAND": kept.get("GIT_SSH_COMMAND", "ssh -oBatchMode=yes"),
    }
    waits = {"UV_HTTP_TIMEOUT": kept.get("UV_HTTP_TIMEOUT", "15")}
    return {**kept, **quiet_git, **waits, **{name: value for name, value in found.items() if value}}


def _failure(doing: str, said: str, *, offline: bool) -> DissmodelError:
    lines = [line.strip()[:_LINE] for line in redact(said).splitlines() if line.strip()]
    text = " ".join(said.lower().split())  # the installer breaks its lines anywhere
    told = [*itertools.takewhile(lambda line: not line.startswith("hint:"), lines)] or lines
    message = f"{doing} failed: {' | '.join(told[-_TAIL_LINES:]) or 'uv said nothing'}"
    code, _, hint = next(meaning for meaning in _MEANINGS if re.search(meaning[1], text))
    if code != _UNREACHABLE:
        return RunFailed(message, hint, code=code)
    return StorageError(message, "Connect, and try again." if offline else hint, code=code)
