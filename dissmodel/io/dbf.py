"""In which encoding the table of a shapefile is, where no .cpg says it."""

from __future__ import annotations

import codecs
from pathlib import Path
from typing import NamedTuple

_HEAD, _FIELD, _NAME = 32, 32, 11
_END_OF_FIELDS = 0x0D
_LANGUAGE = 29  # where the header may say the encoding, as dBASE counts them
_HEADER_LENGTH = slice(8, 10)
_UNKNOWN = 0x00
# One byte a letter, and what programs write that don't care (1252, 850, 437, ANSI): a text in them is hardly
# ever valid UTF-8 by chance. One in two bytes a letter may be, so what a file says of itself stands there.
_ONE_BYTE = {0x01, 0x02, 0x03, 0x57}
_CHUNK = 2**20


class Encoding(NamedTuple):
    """How a table is to be read, as GDAL calls it, and whether its header says another encoding."""

    name: str
    overrides: bool


def encoding_of(dbf: Path) -> Encoding | None:
    """Return how to read the texts and names of a .dbf without .cpg; None: as its header says.

    UTF-8 where they are that and hold more than ASCII, ISO-8859-1 where nothing says another.
    """
    with dbf.open("rb") as stream:
        head = stream.read(_HEAD)
        if len(head) < _HEAD or head[_LANGUAGE] not in _ONE_BYTE | {_UNKNOWN}:
            return None
        says = head[_LANGUAGE] != _UNKNOWN
        fields = stream.read(max(0, int.from_bytes(head[_HEADER_LENGTH], "little") - _HEAD))
        decoder = codecs.getincrementaldecoder("utf-8")()
        is_ascii = True
        try:
            for name in _names(fields):
                is_ascii &= name.isascii()
                name.decode()
            while chunk := stream.read(_CHUNK):
                is_ascii &= chunk.isascii()
                decoder.decode(chunk)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return None if says else Encoding("ISO-8859-1", overrides=False)
    return None if is_ascii else Encoding("UTF-8", overrides=says)


def _names(fields: bytes) -> list[bytes]:
    names = []
    for at in range(0, len(fields) - _FIELD + 1, _FIELD):
        if fields[at] == _END_OF_FIELDS:
            break
        names.append(fields[at : at + _NAME].partition(b"\0")[0])
    return names
