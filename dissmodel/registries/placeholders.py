"""Placeholders of a template."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

_MARKED = re.compile(r"<[A-Za-z][\w .-]*>|\{\{.*?\}\}|\$\{\w+\}|\$[A-Za-z]\w*")
_TO_DO = re.compile(r"\b(?:TODO|FIXME|TBD|XXX+|CHANGE[-_]?ME|PLACEHOLDER)\b")
_YOURS = re.compile(
    r"\byour[-_](?:group|model|name|org|organi[sz]ation|package|project|repo|repository|user|username)\b",
    re.IGNORECASE,
)
_WORDS = re.compile(
    r"(?<![\w-])(?:HOST|NAME|ORG|ORGANI[SZ]ATION|OWNER|PACKAGE|REPO|TAG|USER|USERNAME|VERSION)(?![\w-])"
)
_HINTED = re.compile(r"(?<=://)host/org/repo\b")
# Reserved for documentation (RFC 2606).
_RESERVED = re.compile(r"(?:.*\.)?(?:example\.(?:com|net|org)|example|invalid|test)")


def placeholder_in(text: str, *, is_text: bool = False) -> str:
    """Return what of a spec's value waits to be replaced; empty if nothing does.

    In a sentence (`is_text`) words such as NAME may stand for something.

    Examples
    --------
    >>> placeholder_in("git+https://github.com/ORG/REPO@TAG"), placeholder_in("<your-package>==1.0")
    ('ORG', '<your-package>')
    >>> placeholder_in("git+https://github.com/org/coast@v1.0"), placeholder_in("TODO")
    ('', 'TODO')
    """
    patterns = (_MARKED, _TO_DO) if is_text else (_MARKED, _TO_DO, _YOURS, _WORDS, _HINTED)
    return next((found.group() for pattern in patterns if (found := pattern.search(text))), "")


def is_reserved(url: str) -> bool:
    """Tell whether a URL's host is one for examples.

    >>> is_reserved("https://git.example.org/you/coast"), is_reserved("https://github.com/org/coast")
    (True, False)
    """
    return _RESERVED.fullmatch(urlsplit(url).hostname or "") is not None
