"""Secrets stay out of records, logs and errors.

What is hidden: the user part of a URL, query parameters that sign or authorise, values given to a name that
says it is secret, and the values of secret environment variables wherever they occur. Where a doubt remains
more is hidden rather than less.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

HIDDEN = "***"

# "secretion", "secretary" and "tokenize" are words of models, not of locks.
_SENSITIVE = (
    r"(?:secret(?!ion|ar)|token(?!i[sz])|passw(?:or)?d|passphrase|credential"
    r"|(?:api|access|private)[-_]?key|(?<![a-z0-9])(?:pwd|auth)(?![a-z0-9]))"
)
_NAME = re.compile(_SENSITIVE, re.IGNORECASE)
_PLAIN_NAME = re.compile(r"[-\w.]+")
# Variables that say where a secret lies, not what it is.
_POINTER = re.compile(r"(?:^|_)(?:file|path|dir|url|uri|sock|endpoint|command)$|^(?:old)?pwd$", re.IGNORECASE)
_SHORTEST = 8

_USER = re.compile(r'(?<=://)[^/?#\s"<>]*@')
# A password with a slash in it; a port ("://host:8080/a@b") is none.
_SLASHED_PASSWORD = re.compile(r'(?<=://)[^\s/:@"<>]+:(?!\d*(?:[/?#\s]|$))[^\s@"<>]*@')
_HEADER = re.compile(
    r"""((?:proxy-)?authorization["']?\s{0,4}[:=]\s{0,4}["']?(?:[a-z]+\s+)?)[^\s"']+""", re.IGNORECASE
)
# "signature" alone is also a spectral one: it is secret only in a URL.
_QUERY = re.compile(
    rf"""(?<=[?&;])((?:[\w.-]*{_SENSITIVE}[\w.-]*|(?:x-\w+-)?(?:signature|sig)|key)=)[^&#\s"'<>]+""",
    re.IGNORECASE,
)
_ASSIGNMENT = re.compile(
    rf"""(?<![\w.?&-])((?=[\w.-]*?{_SENSITIVE})[\w.-]+["']?\s{{0,4}}[=:]\s{{0,4}})"""
    r"""("(?:[^"\\\n]|\\.)*"?|'(?:[^'\\\n]|\\.)*'?|\S+)""",
    re.IGNORECASE,
)


def is_secret_name(name: str) -> bool:
    """Tell whether what bears this name is likely a secret.

    >>> [is_secret_name(name) for name in ("MINIO_SECRET_KEY", "api-key", "sea_level_rise_rate")]
    [True, True, False]
    """
    return _NAME.search(name) is not None


def redact(text: str) -> str:
    """Return `text` with ``***`` in the place of each secret; what was redacted stays as it is.

    >>> redact("GET https://ana:pw@host/a?part=1&X-Amz-Signature=1f2e failed")
    'GET https://***@host/a?part=1&X-Amz-Signature=*** failed'
    """
    return _scrub(text, _environment_secrets())


def redact_argv(argv: Iterable[str]) -> list[str]:
    """Return the words of a command line without their secrets.

    >>> redact_argv(["run", "coast", "--param", "db_password=a b", "--token", "t0ps3cret"])
    ['run', 'coast', '--param', 'db_password=***', '--token', '***']
    """
    secrets = _environment_secrets()
    words: list[str] = []
    hide_next = False
    for word in argv:
        is_flag = word.startswith("-")
        words.append(HIDDEN if hide_next and not is_flag else _scrub(_hide_assigned(word), secrets))
        hide_next = is_flag and "=" not in word and is_secret_name(word)
    return words


def redact_document(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record's document (plain JSON types) without its secrets.

    Every text is redacted; in ``parameters`` and ``resolved_spec`` the value of every secret name is hidden.

    >>> redact_document({"parameters": {"token": "abc", "end_time": 10}, "logs": ["password=abc"]})
    {'parameters': {'token': '***', 'end_time': 10}, 'logs': ['password=***']}
    """
    secrets = _environment_secrets()
    named = ("parameters", "resolved_spec")
    return {name: _scrub_tree(value, secrets, by_name=name in named) for name, value in document.items()}


def _scrub_tree(value: Any, secrets: tuple[str, ...], *, by_name: bool) -> Any:
    if isinstance(value, str):
        return _scrub(value, secrets)
    if isinstance(value, list):
        return [_scrub_tree(item, secrets, by_name=by_name) for item in value]
    if isinstance(value, Mapping):
        return {
            name: HIDDEN
            if by_name and item is not None and is_secret_name(name)
            else _scrub_tree(item, secrets, by_name=by_name)
            for name, item in value.items()
        }
    return value


def _hide_assigned(word: str) -> str:
    """Hide all that follows a secret name and ``=``, also in ``--param=password=x=y``."""
    parts = word.split("=")
    for number, part in enumerate(parts[:-1], start=1):
        if _PLAIN_NAME.fullmatch(part) and is_secret_name(part):
            return "=".join([*parts[:number], HIDDEN])
    return word


def _scrub(text: str, secrets: tuple[str, ...]) -> str:
    for secret in secrets:
        text = text.replace(secret, HIDDEN)
    text = _SLASHED_PASSWORD.sub(f"{HIDDEN}@", text)
    text = _USER.sub(_hide_user, text)
    text = _HEADER.sub(rf"\1{HIDDEN}", text)
    text = _QUERY.sub(rf"\1{HIDDEN}", text)
    return _ASSIGNMENT.sub(_hide_value, text)


def _hide_user(match: re.Match[str]) -> str:
    # `ssh://git@host` tells no secret; in `https://TOKEN@host` the user is one.
    is_web = match.string[: match.start()].lower().endswith(("http://", "https://"))
    return f"{HIDDEN}@" if is_web or ":" in match.group() else match.group()


def _hide_value(match: re.Match[str]) -> str:
    name, value = match.groups()
    mark = value[0] if value[0] in "\"'" else ""
    return f"{name}{mark}{HIDDEN}{mark}"


def _environment_secrets() -> tuple[str, ...]:
    """Return the values of secret environment variables, also as a URL writes them, longest first."""
    values = {
        value
        for name, value in os.environ.items()
        if len(value) >= _SHORTEST and is_secret_name(name) and not _POINTER.search(name)
    }
    return tuple(sorted(values | {quote(value, safe="") for value in values}, key=len, reverse=True))
