"""The report of a run: its name, and the mark that shows that dissmodel wrote it."""

from __future__ import annotations

from pathlib import Path

from dissmodel.record import store

SUFFIX = ".report.html"
MARK = '<meta name="generator" content="dissmodel '
"""What stands in the head of a report, before the version that wrote it."""

POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"
"""What a server may let a report do; the page itself lets only its own script run."""

_HEAD_BYTES = 1024


def report_path(record_path: Path) -> Path:
    """Return where the report of a record, of a bundle or of a folder is: beside it, or in the folder.

    >>> report_path(Path("out/r.record.json")).as_posix(), report_path(Path("out/r.zip")).as_posix()
    ('out/r.report.html', 'out/r.report.html')
    """
    name = record_path.name
    stem = name.removesuffix(store.SUFFIX) if name.endswith(store.SUFFIX) else record_path.stem
    return record_path.with_name(stem + SUFFIX)


def is_report(path: Path) -> bool:
    """Return whether a regular file is a report that dissmodel wrote; False for what can't be read."""
    try:
        if path.is_symlink() or not path.is_file():
            return False
        with path.open("rb") as stream:
            return MARK.encode() in stream.read(_HEAD_BYTES)
    except OSError:
        return False
