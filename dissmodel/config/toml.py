"""TOML: from a file that is not trusted, and of values."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from datetime import date, time
from typing import Any

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_AT = re.compile(r"\(at line (\d+), column \d+\)")


class NotToml(ValueError):
    """A text is not TOML; its text says why, and ``line`` where, counted from 1, if that is known."""

    line: int | None = None


def parse(data: bytes) -> dict[str, Any]:
    r"""Return what the bytes of a TOML file say.

    >>> parse(b'\xef\xbb\xbfname = "coast"')
    {'name': 'coast'}

    Raises NotToml if they are not TOML, or not UTF-8.
    """
    try:
        text = data.decode("utf-8-sig")
        return tomllib.loads(text)
    except RecursionError:
        raise NotToml("it is nested too deeply") from None
    except UnicodeDecodeError:
        raise NotToml("it is not text in UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        # Before Python 3.14 only the text of the error has the line.
        at = _AT.search(str(error))
        wrong = NotToml(str(error))
        wrong.line = int(at[1]) if at is not None else len(text.splitlines())
        raise wrong from None


def key(name: str) -> str:
    """Return a key as TOML has it, in quotes where it needs them."""
    return name if _BARE.fullmatch(name) else value(name)


def value(given: Any) -> str:
    """Return a value as TOML has it on one line; a table is an inline table.

    >>> value({"a b": [1, 0.5, True], "c": "x"})
    '{"a b" = [1, 0.5, true], c = "x"}'

    Raises ValueError if it is nothing that TOML has.
    """
    if isinstance(given, str):  # JSON has the same escapes, but lets DEL through
        return json.dumps(given, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(given, bool):
        return str(given).lower()
    if isinstance(given, int | float):
        return repr(given)
    if isinstance(given, date | time):
        return given.isoformat()
    if isinstance(given, list | tuple):
        return f"[{', '.join(map(value, given))}]"
    if isinstance(given, Mapping):
        inner = ", ".join(f"{key(name)} = {value(one)}" for name, one in given.items())
        return f"{{{inner}}}"
    raise ValueError(f"TOML has no {type(given).__name__}")
