"""A stream of server-sent events, as the HTML standard defines it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

KIND = "text/event-stream"
MOST_BYTES = 1 << 20
"""How large an event may be."""

_PIECE = 1 << 14


class TooLarge(ValueError):
    """An event has no end."""


@dataclass(frozen=True)
class Event:
    """An event: its id, by which the stream goes on after it, and its data."""

    id: str
    data: str


def events(response: BaseHTTPResponse) -> Iterator[Event | None]:
    """Yield the events of an answer as they come, and None for each sign of life.

    Raises
    ------
    TooLarge
        If an event has more than `MOST_BYTES`.
    """
    rest, last, data, size = b"", "", [], 0
    while piece := response.read1(_PIECE, decode_content=False):
        yield None
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            name, _, value = line.decode("utf-8", "replace").rstrip("\r").partition(":")
            value = value.removeprefix(" ")
            size += len(line)
            if name == "id" and "\0" not in value:
                last = value
            elif name == "data":
                data.append(value)
            elif not line.strip():
                if data:
                    yield Event(last, "\n".join(data))
                data, size = [], 0
        if size + len(rest) > MOST_BYTES:
            raise TooLarge
