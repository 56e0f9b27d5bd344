"""What is signed about a record, by the names of the files: its signature, and statements with theirs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from dissmodel.record import sign, store

MOST = 1000
"""How many statements about a record are read from a place."""

_END = re.compile(r"\.attest-[0-9A-Za-z_-]{1,64}\.json")


def start(record: str) -> str:
    """Return what the names of the statements about a record begin with.

    >>> start("flood.record.json"), start("record.json"), start("flood.zip")
    ('flood.attest-', 'record.attest-', 'flood.attest-')
    """
    return f"{_stem(record)}.attest-"


def beside(name: str, record: str, now: str) -> str | None:
    """Return what a signed file beside a record is called where the record is called `now`.

    None: it is neither the record's signature, nor a statement, nor a statement's signature.

    >>> beside("flood.attest-1a.json.sig", "flood.record.json", "record.json")
    'record.attest-1a.json.sig'
    """
    if name == f"{record}{sign.SUFFIX}":
        return f"{now}{sign.SUFFIX}"
    end = name.removeprefix(_stem(record))
    is_one = name.startswith(start(record)) and _END.fullmatch(end.removesuffix(sign.SUFFIX))
    return f"{_stem(now)}{end}" if is_one else None


def attestations(record: Path) -> tuple[Path, ...]:
    """Return the statements beside a record, or beside a bundle, in the order of their names."""
    try:
        names = sorted(path.name for path in record.parent.iterdir())
    except OSError:
        return ()
    return tuple(
        record.with_name(name)
        for name in names
        if name.endswith(".json") and beside(name, record.name, record.name)
    )


def signed(record: Path) -> Iterator[tuple[Path, bytes]]:
    """Yield the record's signature, the statements and their signatures, each with its bytes.

    Raises
    ------
    InvalidInput
        If a file is too large, or can't be read.
    """
    statements = attestations(record)
    signatures = map(sign.signature_path, (record, *statements))
    for path in (*statements, *signatures):
        data = sign.read(path)
        if data is not None:
            yield path, data


def _stem(record: str) -> str:
    return record.removesuffix(store.SUFFIX) if record.endswith(store.SUFFIX) else Path(record).stem
