"""Secrets stay out of records, logs and errors.

What is hidden: the user part of a URL, query parameters that sign or authorise, values given to a name that
says it is secret, and the secrets that this process knows (see `dissmodel.record.known_secrets`) wherever
they occur. Where a doubt remains more is hidden rather than less.

A text may be from any source and of any length, so the time is linear: a pattern consumes what it has read,
and gives nothing back that the next match would begin with.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from dissmodel.record.known_secrets import is_secret_name, known

__all__ = ["HIDDEN", "LONGEST", "is_secret_name", "redact", "redact_argv", "redact_document"]

HIDDEN = "***"

LONGEST = 1 << 20
"""How many characters of a text are looked at; of a longer one the rest is left out, and the text says so."""

# What is dropped before the cut: a secret that the cut goes through is not recognised.
_MARGIN = 1 << 14

_PLAIN_NAME = re.compile(r"[-\w.]+")
# What follows "://" up to the first "@", and up to the last one where a user part could still go on.
_URL = re.compile(r"""://([^\s@"<>]*+)(@(?:[^/?#\s"<>]*@)?)?""")
# A password with a slash in it; a port ("://host:8080/a@b") is none.
_SLASHED_PASSWORD = re.compile(r"[^/:]++:(?!\d*+[/?#])")
_PATH_BEGINS = re.compile(r"[/?#]")
_QUERY = re.compile(r"""(?<=[?&;])([\w.-]++)=([^&#\s"'<>]++)""")
# "signature" alone is also a spectral one: it is secret only in a URL.
_SIGNS = re.compile(r"(?:x-\w+-)?(?:signature|sig)|key|.*authorization", re.IGNORECASE | re.DOTALL)
_ASSIGNED = re.compile(
    r"""(?<![\w.?&-])(?P<name>[\w.-]++)(?P<quote>\\*+["'])?"""
    r"""(?P<sign>[ \t]*+\s{0,4}+[ \t]*+(?:=>|[=:]{1,2}+)[ \t]*+\s{0,4}+[ \t]*+)(?=\S)"""
)
_AUTHORIZATION = "authorization"
_SCHEME = re.compile(r"([a-z][a-z0-9-]{0,30}+)[ \t]++", re.IGNORECASE)
_SCHEMES = frozenset(
    ("apikey", "aws4-hmac-sha256", "basic", "bearer", "digest", "hawk", "negotiate", "ntlm", "token")
)
# The part of a header after its scheme: a word, or several with commas between.
_HEADER_VALUE = re.compile(r"""(?:[^\s,"']++|"[^"\n]*+"|,[ \t]*+)+""")
_QUOTED = re.compile(r"""([bBfFrRuU]{0,2}["'])(?:(?<=")(?:[^"\\\n]++|\\.)*"?|(?<=')(?:[^'\\\n]++|\\.)*'?)""")
# A quoted text of several lines, closed; that in three quotes, as Python and TOML have it, may stay open.
_LINES = re.compile(
    r"""([bBfFrRuU]{0,2}(?:"(?!"")|'(?!'')))"""
    r"""(?:(?<=")(?:[^"\\]++|\\.)*+"|(?<=')(?:[^'\\]++|\\.)*+')""",
    re.DOTALL,
)
_THREE = re.compile(r"""([bBfFrRuU]{0,2}("{3}|'{3}))(?:[^"'\\]++|\\.|(?!\2)["'])*+(?:\2)?""", re.DOTALL)
_MOST_IN_LINES = 1 << 14
_ESCAPED_QUOTE = re.compile(r"""[bBfFrRuU]{0,2}(\\++)(["'])""")
_QUOTE_OR_END = re.compile(r"""(\\*+)(["'])|\n""")
_BARE = re.compile(r"\S++")
# Two words of a language are a sentence, not a secret.
_WORD = r"[^\W\d_]{1,20}+(?:['’-][^\W\d_]{1,20}+)?"
_SENTENCE = re.compile(rf"({_WORD})[,.;!?)]{{0,3}}+[ \t]++[(]?{_WORD}[,.;!?)]{{0,3}}+(?!\S)")


def redact(text: str) -> str:
    """Return `text` with ``***`` in the place of each secret; what was redacted stays as it is.

    >>> redact("GET https://ana:pw@host/a?part=1&X-Amz-Signature=1f2e failed")
    'GET https://***@host/a?part=1&X-Amz-Signature=*** failed'
    >>> redact("secret: nothing listens there")
    'secret: nothing listens there'
    """
    return _scrub(text, known())


def redact_argv(argv: Iterable[str]) -> list[str]:
    """Return the words of a command line without their secrets.

    >>> redact_argv(["run", "coast", "--param", "db_password=a b", "--token", "t0ps3cret"])
    ['run', 'coast', '--param', 'db_password=***', '--token', '***']
    """
    secrets = known()
    words: list[str] = []
    hide_next = False
    for word in argv:
        is_flag = word.startswith("-")
        words.append(HIDDEN if hide_next and not is_flag else _scrub(_hide_assigned(word), secrets))
        hide_next = is_flag and "=" not in word and is_secret_name(word)
    return words


def redact_document(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record's document (plain JSON types) without its secrets.

    Every text is redacted, names too; in ``parameters`` and ``resolved_spec`` the value of every secret name
    is hidden.

    >>> redact_document({"parameters": {"token": "abc", "end_time": 10}, "logs": ["password=abc"]})
    {'parameters': {'token': '***', 'end_time': 10}, 'logs': ['password=***']}
    """
    secrets = known()
    named = ("parameters", "resolved_spec")
    return {name: _scrub_tree(value, secrets, by_name=name in named) for name, value in document.items()}


def _scrub_tree(value: Any, secrets: tuple[str, ...], *, by_name: bool) -> Any:
    if isinstance(value, str):
        return _scrub(value, secrets)
    if isinstance(value, list):
        return [_scrub_tree(item, secrets, by_name=by_name) for item in value]
    if isinstance(value, Mapping):
        shown = _names(value, secrets)
        return {
            shown[name]: HIDDEN
            if by_name and item is not None and is_secret_name(name)
            else _scrub_tree(item, secrets, by_name=by_name)
            for name, item in value.items()
        }
    return value


def _names(value: Mapping[str, Any], secrets: tuple[str, ...]) -> dict[str, str]:
    """Return what each name is shown as; two that are alike once their secrets are hidden get a number."""
    found: dict[str, str] = {}
    taken, numbers = set(value), Counter[str]()
    for name in value:
        bare = free = _scrub(name, secrets)
        while free != name and free in taken:
            numbers[bare] += 1
            free = f"{bare} ({numbers[bare] + 1})"
        taken.add(free)
        found[name] = free
    return found


def _hide_assigned(word: str) -> str:
    """Hide all that follows a secret name and ``=``, also in ``--param=password=x=y``."""
    parts = word.split("=")
    for number, part in enumerate(parts[:-1], start=1):
        if _PLAIN_NAME.fullmatch(part) and is_secret_name(part):
            return "=".join([*parts[:number], HIDDEN])
    return word


def _scrub(text: str, secrets: tuple[str, ...]) -> str:
    if len(text) <= LONGEST:
        return _scrub_whole(text, secrets)
    kept = _scrub_whole(text[:LONGEST], secrets)
    kept = kept[: min(len(kept), LONGEST) - _MARGIN]
    # Once more: the note stands beside the last word that is kept.
    return _scrub_whole(f"{kept}\n… ({len(text)} characters: the rest was left out)", secrets)


def _scrub_whole(text: str, secrets: tuple[str, ...]) -> str:
    text = _hide_known(text, secrets)
    if "://" in text:
        text = _URL.sub(_hide_user, text)
    if "=" in text:
        text = _QUERY.sub(_hide_query, text)
    if ("=" in text or ":" in text) and (is_secret_name(text) or _AUTHORIZATION in text.lower()):
        text = _hide_values(text)
    return text


def _hide_known(text: str, secrets: tuple[str, ...]) -> str:
    """Hide each known secret; where two overlap, both."""
    spans = []
    for secret in secrets:
        begin = text.find(secret)
        while begin >= 0:
            spans.append((begin, begin + len(secret)))
            begin = text.find(secret, begin + len(secret))
    if not spans:
        return text
    parts, kept_to = [], 0
    for begin, end in sorted(spans):
        if begin >= kept_to:
            parts += [text[kept_to:begin], HIDDEN]
        kept_to = max(kept_to, end)
    return "".join([*parts, text[kept_to:]])


def _hide_user(match: re.Match[str]) -> str:
    body, user_ends = match.groups()
    if user_ends is None:
        return match[0]
    # A URL within a URL: each "://" may have a user of its own.
    parts = body.split("://")
    for number, part in enumerate(parts):
        if _SLASHED_PASSWORD.match(part) or (number == len(parts) - 1 and _is_user(match, parts)):
            return "".join(f"://{before}" for before in parts[:number]) + f"://{HIDDEN}@"
    return match[0]


def _is_user(match: re.Match[str], parts: list[str]) -> bool:
    # `ssh://git@host` tells no secret; in `https://TOKEN@host` the user is one.
    before = parts[-2] if len(parts) > 1 else match.string[max(match.start() - 5, 0) : match.start()]
    is_web = before[-5:].lower().endswith(("http", "https"))
    user = parts[-1] + match[2][:-1]
    return _PATH_BEGINS.search(parts[-1]) is None and (is_web or ":" in user)


def _hide_query(match: re.Match[str]) -> str:
    name = match[1]
    is_secret = is_secret_name(name) or _SIGNS.fullmatch(name) is not None
    return f"{name}={HIDDEN}" if is_secret else match[0]


def _hide_values(text: str) -> str:
    """Hide what is given to a name that says it is secret, as in ``password=x``, ``"token": "x"``."""
    parts, kept_to, at = [], 0, 0
    while (match := _ASSIGNED.search(text, at)) is not None:
        at = match.end()
        is_header = match["name"].lower().endswith(_AUTHORIZATION)
        if (is_header or is_secret_name(match["name"])) and not _is_sentence(match, text):
            end, shown = _header(text, at) if is_header else _value(text, at)
            parts += [text[kept_to:at], shown]
            kept_to = at = end
    return "".join([*parts, text[kept_to:]])


def _value(text: str, at: int) -> tuple[int, str]:
    """Return where the value that begins at `at` ends, and what stands for it: in quotes if it is quoted."""
    three = _THREE.match(text, at)
    if three is not None:
        return three.end(), f"{three[1]}{HIDDEN}{three[2]}"
    quoted = _LINES.match(text, at, at + _MOST_IN_LINES) or _QUOTED.match(text, at)
    if quoted is not None:
        return quoted.end(), f"{quoted[1]}{HIDDEN}{quoted[1][-1]}"
    escaped = _ESCAPED_QUOTE.match(text, at)
    if escaped is None:
        bare = _BARE.match(text, at)
        return bare.end() if bare is not None else at, HIDDEN
    depth, mark = len(escaped[1]), escaped[2]
    shown = f"{escaped[0]}{HIDDEN}{escaped[1]}{mark}"
    for found in _QUOTE_OR_END.finditer(text, escaped.end()):
        if found[2] is None:
            return found.start(), shown
        # Each literal around it doubles the backslashes of a text, and adds one to its quotes.
        if found[2] == mark and len(found[1]) % (2 * depth + 2) == depth:
            return found.end(), shown
    return len(text), shown


def _header(text: str, at: int) -> tuple[int, str]:
    """Return, as `_value` does, what stands for the value of an ``Authorization`` header, with its scheme."""
    opening = _QUOTED.match(text, at) or _ESCAPED_QUOTE.match(text, at)
    begin = at
    if opening is not None:
        end, shown = _value(text, at)
        begin += len(shown.partition(HIDDEN)[0])
    else:
        value = _HEADER_VALUE.match(text, at)
        end, shown = value.end() if value is not None else at, HIDDEN
    scheme = _SCHEME.match(text, begin)
    if scheme is None or scheme.end() >= len(text):
        return end, shown
    if opening is None:
        value = _HEADER_VALUE.match(text, scheme.end())
        end = value.end() if value is not None else end
    is_known = scheme[1].lower() in _SCHEMES
    return end, shown.replace(HIDDEN, f"{scheme[0]}{HIDDEN}", 1) if is_known else shown


def _is_sentence(match: re.Match[str], text: str) -> bool:
    """Return whether words of a language follow, as in ``secret: nothing listens there``."""
    sign = match["sign"]
    if match["quote"] is not None or sign.strip(" \t") != ":" or sign.endswith(":"):
        return False
    words = _SENTENCE.match(text, match.end())
    return words is not None and (len(words[1]) == 1 or words[1][1:].islower())
