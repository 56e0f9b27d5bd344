"""Whatever an executor put into a record, as plain JSON types."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from datetime import date, datetime, time
from enum import Enum
from pathlib import PurePath
from typing import Any

from pydantic import BaseModel

from dissmodel.record.redact import redact

MAX_DEPTH = 90
MAX_TEXT = 1000
MAX_ARRAY = 10_000
MAX_BITS = 1024


def plain(value: Any, around: tuple[int, ...] = ()) -> Any:
    """Return `value` as plain JSON types; it never fails.

    NumPy scalars and arrays become numbers and lists, dates ISO 8601, sets sorted lists, floats that JSON
    lacks ``"NaN"``, ``"Infinity"`` and ``"-Infinity"``, large arrays and anything else a short text.

    `around` has the ids of the containers that it is in.

    Examples
    --------
    >>> plain({"steps": (1, 2), "share": float("nan"), 3: {"b", "a"}})
    {'steps': [1, 2], 'share': 'NaN', '3': ['a', 'b']}
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, Enum):
        return plain(value.value, around)
    if isinstance(value, str):
        return _encodable(str(value))
    if isinstance(value, int):
        return int(value) if value.bit_length() < MAX_BITS else _short(hex(value))
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else json.dumps(float(value))  # its name
    if isinstance(value, datetime | date | time):
        return re.sub(r"\+00:00$", "Z", value.isoformat())
    if id(value) in around or len(around) > MAX_DEPTH:
        return f"<{type(value).__name__}, nested too deep>"
    inside = (*around, id(value))
    if isinstance(value, BaseModel):
        rare = getattr(value, "RARE", ())
        return {name: plain(item, inside) for name, item in value if item or name not in rare}
    try:
        return _container(value, inside)
    except Exception:  # noqa: BLE001  (a foreign object's own methods may raise whatever they like)
        return f"<{type(value).__name__}>"


def _container(value: Any, inside: tuple[int, ...]) -> Any:
    if isinstance(value, Mapping):
        return {as_text(plain(name, inside)): plain(item, inside) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item, inside) for item in value]
    if isinstance(value, AbstractSet):
        return sorted((plain(item, inside) for item in value), key=lambda item: (str(type(item)), str(item)))
    convert = getattr(value, "tolist", None) or getattr(value, "item", None)
    if convert is None or isinstance(value, type | PurePath):
        return _short(str(value))
    size = getattr(value, "size", 1)
    if isinstance(size, int) and size > MAX_ARRAY:
        return f"<{type(value).__name__} {getattr(value, 'dtype', '')} {getattr(value, 'shape', size)}>"
    converted = convert()
    return _short(str(value)) if type(converted) is type(value) else plain(converted, inside)


def as_text(value: Any) -> str:
    """Return a text for a plain value: texts as they are, the rest as JSON writes it."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _short(text: str) -> str:
    whole = redact(_encodable(text))  # now, for half a secret would not be recognised
    return whole if len(whole) <= MAX_TEXT else f"{whole[: MAX_TEXT - 1]}…"


def _encodable(text: str) -> str:
    """Return `text` with what UTF-8 can't hold (a file name's undecodable bytes) as escapes."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "backslashreplace").decode()
    return text
