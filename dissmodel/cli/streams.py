"""Standard output and error: characters that they can't show are spelled out, secrets are left out."""

from __future__ import annotations

import codecs
import contextlib
import os
import sys
import threading
import traceback
from collections.abc import Iterator
from typing import TYPE_CHECKING

from dissmodel.inherited import open_streams

if TYPE_CHECKING:
    from sys import UnraisableHookArgs
    from types import TracebackType

_ASCII = {
    "…": "...",
    "→": "->",
    "≥": ">=",
    "≤": "<=",
    "×": "x",
    "—": "-",
    "–": "-",
    "·": "|",
    "✓": "ok",
    "φ": "phi",
}


def prepare_streams() -> None:
    """Make standard output and error accept every text, also where they were closed."""
    open_streams()
    codecs.register_error("dissmodel", _spell_out)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="dissmodel")


@contextlib.contextmanager
def errors_in_a_line(*, debug: bool) -> Iterator[None]:
    """Within the block, an error that ends a thread or can't be caught is a line, not a traceback."""
    last: list[BaseException] = []

    def told(error: BaseException | None, kind: type[BaseException], where: str) -> None:
        if error is not None:
            if last and last[0] is error:  # a library in Cython prints an error that it ignores twice
                return
            last[:] = [error]
        with contextlib.suppress(OSError, ValueError):  # nobody reads it any more
            if debug and error is not None:
                print_traceback(error)
            sys.stderr.write(_line(f"warning: {where}: {_said(error, kind)}"))

    def in_thread(args: threading.ExceptHookArgs) -> None:
        if not issubclass(args.exc_type, SystemExit):
            told(args.exc_value, args.exc_type, args.thread.name if args.thread is not None else "a thread")

    def unraisable(args: UnraisableHookArgs) -> None:
        told(args.exc_value, args.exc_type, "a library" if args.err_msg is None else args.err_msg)

    def printed(kind: type[BaseException], error: BaseException, _where: TracebackType | None) -> None:
        told(error, kind, "a library")

    before = threading.excepthook, sys.unraisablehook, sys.excepthook
    threading.excepthook, sys.unraisablehook, sys.excepthook = in_thread, unraisable, printed
    try:
        yield
    finally:
        last.clear()
        threading.excepthook, sys.unraisablehook, sys.excepthook = before


def print_traceback(error: BaseException) -> None:
    """Print an error's traceback on standard error."""
    from dissmodel.record.redact import redact

    for line in redact("".join(traceback.format_exception(error))).splitlines():
        sys.stderr.write(_line(line))


def drop_unwritten() -> None:
    """Drop what could not be written to a full disk; Python would end with 120 for it."""
    if sys.stderr is None or sys.stderr.closed:  # a model may have closed it
        return
    try:
        sys.stderr.flush()
    except OSError:
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())


def _said(error: BaseException | None, kind: type[BaseException]) -> str:
    if isinstance(error, UnicodeDecodeError):  # what a file's metadata made a library say
        return error.object.decode(error.encoding, "replace")
    return f"{kind.__name__}: {error}" if error is not None and str(error) else kind.__name__


def _line(text: str) -> str:
    from dissmodel.printable import cut, printable
    from dissmodel.record.redact import redact

    return printable(cut(redact(text))) + "\n"


def _spell_out(error: UnicodeError) -> tuple[str, int]:
    """Write in ASCII what a terminal can't show; the letters of a path as escapes."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    rest = error.object[error.start : error.end]
    plain = "".join(_ASCII.get(one) or one.encode("ascii", "backslashreplace").decode() for one in rest)
    return plain, error.end
