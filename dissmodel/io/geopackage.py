"""GeoPackages as other programs leave them: locked, half written, or with changes in a file beside.

A GeoPackage is an SQLite database. A writer keeps what isn't final yet in ``NAME.gpkg-wal`` (changes that
come on top) or ``NAME.gpkg-journal`` (what takes half-written changes back).
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from dissmodel import temporary
from dissmodel.errors import InvalidInput, StorageError

_MAGIC = b"SQLite format 3\0"
# How the database is written: 1 with a journal, 2 with a write-ahead log.
_WRITE_VERSION, _HEAD_BYTES = 18, 100
_WITH_LOG = 2
# A writer holds the lock for moments; GDAL would wait for it twice five seconds.
_PATIENCE = 2.0
_PRIMARY = 0xFF
_ATTEMPTS = 3


def unmerged(path: Path) -> Path | None:
    """Return the file beside a GeoPackage that has changes which aren't in it yet, None if there is none."""
    log = path.with_name(f"{path.name}-wal")
    try:
        with path.open("rb") as stream:
            head = stream.read(_HEAD_BYTES)
        with_log = head.startswith(_MAGIC) and head[_WRITE_VERSION : _WRITE_VERSION + 1] == bytes([_WITH_LOG])
        return log if with_log and log.stat().st_size > 0 else None
    except OSError:
        return None


@contextmanager
def settled(path: Path) -> Iterator[Path]:
    """Give a file that can be read without a change to the user's own, for the time of the block.

    That is `path` itself, unless it is a GeoPackage with a write-ahead log: whoever reads it last merges the
    log into it and removes the log, and a reader that finds no lock to get leaves the log out. So a copy of
    both is given. Raises InvalidInput if another program writes it so fast that no copy can be made.
    """
    log = unmerged(path)
    if log is None:
        yield path
        return
    with temporary.new_folder() as folder:
        copy = folder / "dataset.gpkg"
        for _ in range(_ATTEMPTS):
            before = _stamps(path, log)
            try:
                shutil.copyfile(path, copy)
                shutil.copyfile(log, copy.with_name(f"{copy.name}-wal"))
            except FileNotFoundError:
                continue  # it was merged just now
            except OSError as error:
                raise StorageError(
                    f"{path} could not be copied to {folder}: {error.strerror or error}.",
                    "Close the program that has it open, or set TMPDIR to a folder with more space.",
                ) from error
            if before == _stamps(path, log):
                yield copy
                return
    if unmerged(path) is None:
        yield path
        return
    raise InvalidInput(
        f"{path} could not be read: another program keeps writing to it.",
        "Wait until that program is done, or close it, and run this again.",
        code="vector_locked",
    )


def stated_size(path: Path) -> int:
    """Return how many bytes a GeoPackage has by its own head: the size of its pages times their number."""
    with path.open("rb") as stream:
        head = stream.read(_HEAD_BYTES)
    page = int.from_bytes(head[16:18], "big")
    return (2**16 if page == 1 else page) * int.from_bytes(head[28:32], "big")


def check_free(path: Path, shown: str) -> None:
    """Raise `InvalidInput` if a GeoPackage is locked, or a program that wrote to it was killed."""
    with path.open("rb") as stream:
        head = stream.read(_HEAD_BYTES)
    if head[_WRITE_VERSION : _WRITE_VERSION + 1] == bytes([_WITH_LOG]):
        return  # its readers wait for nobody, and opening it leaves files
    try:
        import sqlite3  # noqa: PLC0415  (few inputs need it, and some builds of Python lack it)
    except ImportError:
        return
    try:
        uri = f"{path.absolute().as_uri()}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True, timeout=_PATIENCE)) as database:
            database.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.Error as error:
        code = error.sqlite_errorcode & _PRIMARY
        if code == sqlite3.SQLITE_BUSY:
            raise InvalidInput(
                f"{shown} could not be read: another program has locked it, such as QGIS while it saves "
                "edits, a database browser or a script. (A network drive may refuse the lock too.)",
                "Save and close it in that program and run the command again, or give a copy of the file.",
                code="vector_locked",
            ) from error
        if code == sqlite3.SQLITE_READONLY:
            raise InvalidInput(
                f"{shown} is half written: the program that wrote to it was killed, and the file beside it "
                "whose name ends in -journal can undo the last changes.",
                'Open it once in QGIS, or with: sqlite3 NAME.gpkg "PRAGMA integrity_check". Both restore it.',
                code="vector_half_written",
            ) from error
        # All else GDAL finds too.


def _stamps(*paths: Path) -> list[tuple[int, int] | None]:
    found: list[tuple[int, int] | None] = []
    for path in paths:
        try:
            state = path.stat()
        except OSError:
            found.append(None)
        else:
            found.append((state.st_size, state.st_mtime_ns))
    return found
