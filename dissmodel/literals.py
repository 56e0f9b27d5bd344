"""From the text of a value to the value."""

from __future__ import annotations

from typing import Any

from dissmodel.errors import UsageError

__all__ = ["parse_value"]


def parse_value(text: str) -> Any:
    """Return the value that a text stands for.

    >>> [parse_value(text) for text in ("007", ".5", "nan", "TRUE", '"10"', "2020-01-01", "a b")]
    [7, 0.5, nan, True, '10', '2020-01-01', 'a b']
    >>> parse_value("{rate = 0.5}"), parse_value('{"rate": [0.5, null]}')
    ({'rate': 0.5}, {'rate': [0.5, None]})

    Raises UsageError if it is a JSON object in which one key stands twice.
    """
    text = text.strip()
    if text.lower() in {"true", "false"}:
        return text.lower() == "true"
    for number in (int, float):
        try:
            return number(text)
        except ValueError:
            continue
    if text[:1] in {'"', "'", "[", "{"}:
        import tomllib  # noqa: PLC0415  (most values need none of it)

        try:
            document = tomllib.loads(f"value = {text}")
        except (tomllib.TOMLDecodeError, RecursionError):
            return _parse_json(text) if text[:1] in {"[", "{"} else text
        if document.keys() == {"value"}:
            return document["value"]
    return text


def _parse_json(text: str) -> Any:
    import json  # noqa: PLC0415  (as above)

    try:
        return json.loads(text, object_pairs_hook=_unique)
    except (ValueError, RecursionError):  # it is text that only begins as a list or a table does
        return text


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise UsageError(f"The key {twice[:40]!r} is given twice in one table.", "Give each key once.")
    return found
