"""The secrets that this process knows by their values: those of its environment, and those that it read.

A value is looked for as it is, and as a URL, Python's ``repr`` or JSON writes it; of a value with several
lines each line too, for a log has them apart.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from urllib.parse import quote, quote_plus

SHORTEST = 8
"""The fewest characters of a value that is looked for: a shorter text occurs by chance."""

# "secretion", "secretary" and "tokenize" are words of models, not of locks.
_SENSITIVE = re.compile(
    r"(?:secret(?!ion|ar)|token(?!i[sz])|passw(?:or)?d|passphrase|credential"
    r"|(?:api|access|private)[-_]?key|(?<![a-z0-9])(?:pwd|auth)(?![a-z0-9]))",
    re.IGNORECASE,
)
# Parameters may be called "key" or "pass" and mean a column; variables of the environment seldom do.
_VARIABLE = re.compile(
    r"(?:^|_)(?:key|token|secret|pass|password|pat|credentials?)(?:_|$)", re.IGNORECASE | re.ASCII
)
# Variables that say where a secret is or who keeps it, not what it is.
_POINTER = re.compile(
    r"(?:^|_)(?:files?|paths?|dirs?|directory|folder|home|root|ur[il]s?|sock|socket|host|server|endpoint|location"
    r"|store|command|cmd|program|helper)$|^(?:old)?pwd$|^google_application_credentials$",
    re.IGNORECASE,
)
_PATH = re.compile(r"(?:(?:~\w*|\.{0,2})[\\/]|[A-Za-z]:[\\/]).*")
_FILE = re.compile(r"[\w ./\\:~-]*\.[A-Za-z0-9]{1,10}")
# What such a variable says when it holds no secret; a record may have these words for reasons of its own.
_SWITCHES = frozenset(
    ("anonymous", "automatic", "disabled", "enabled", "inherited", "interactive", "optional", "required")
)
_BREAK = re.compile(r"\\r\\n|\\n|[\r\n\v\f\x85\u2028\u2029]")

_learned: set[str] = set()


def is_secret_name(name: str) -> bool:
    """Return whether the value of this name is likely a secret.

    >>> [is_secret_name(name) for name in ("MINIO_SECRET_KEY", "api-key", "sea_level_rise_rate")]
    [True, True, False]
    """
    return _SENSITIVE.search(name) is not None


def is_secret_variable(name: str) -> bool:
    """Return whether an environment variable of this name likely holds a secret, or says where one is.

    >>> [is_secret_variable(name) for name in ("GITHUB_PAT", "AZURE_STORAGE_KEY", "PATH", "KEYBOARD")]
    [True, True, False, False]
    """
    return is_secret_name(name) or _VARIABLE.search(name) is not None


def learn(*values: str | None) -> None:
    """Know these secrets from now on: what this process read from a file of credentials or a keyring."""
    _learned.update(value for value in values if value)


def known() -> tuple[str, ...]:
    """Return every known secret in each of its written forms, the longest first."""
    long = [(name, value) for name, value in os.environ.items() if len(value) >= SHORTEST]
    return _written(frozenset(value for name, value in long if _is_secret(name, value)) | _learned)


@lru_cache(maxsize=1024)
def _is_secret(name: str, value: str) -> bool:
    return is_secret_variable(name) and not _POINTER.search(name) and not _is_path(value)


def _is_path(value: str) -> bool:
    """Return whether a value is a path: it exists, or it ends with a suffix, which no key in base64 does."""
    if not _PATH.fullmatch(value):
        return False
    return _FILE.fullmatch(value) is not None or os.path.lexists(os.path.expanduser(value))  # noqa: PTH111  (what it holds may be no path)


@lru_cache(maxsize=8)
def _written(values: frozenset[str]) -> tuple[str, ...]:
    forms = {form for value in values for piece in _pieces(value) for form in _forms(piece)}
    return tuple(sorted(forms, key=lambda form: (-len(form), form)))


def _pieces(value: str) -> Iterator[str]:
    """Yield a value and its lines, without white space and stars around them."""
    for piece in {value, *_BREAK.split(value)}:
        # Stars at an end would meet those that stand for a secret already.
        bare = piece.strip().strip("*")
        if len(bare) >= SHORTEST and bare.lower() not in _SWITCHES:
            yield bare


def _forms(text: str) -> set[str]:
    """Return a text as it is and as a URL, a literal of Python, JSON or a literal within a literal has it."""
    encoded = text.encode("utf-8", "surrogateescape")
    in_urls = {quote(encoded, safe=""), quote(encoded), quote_plus(encoded)}
    in_urls |= {re.sub(r"%[0-9A-F]{2}", lambda match: match[0].lower(), form) for form in in_urls}
    once = _literals([text]) | {repr(encoded)[2:-1]}
    return {text} | in_urls | once | _literals(once)


def _literals(texts: Iterable[str]) -> set[str]:
    forms = set()
    for text in texts:
        # Which quotes `repr` escapes depends on the rest of the text that the secret stands in.
        bare = "".join(one if one in "'\"" else repr(one)[1:-1] for one in text)
        forms |= {bare, bare.replace("'", "\\'"), bare.replace('"', '\\"'), ascii(f"'\"{text}")[4:-1]}
        forms |= {json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]}
    return forms
