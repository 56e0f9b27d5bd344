"""What a command hands to the API: who sees progress, what was typed, and how the user gives consent."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dissmodel.consent import Consent
    from dissmodel.errors import ConsentRequired


@contextmanager
def session(*, quiet: bool = False, verbose: bool = False) -> Iterator[None]:
    """Report the block to the user, and note in the records of its runs what was typed."""
    from dissmodel.api import typed
    from dissmodel.watching import command_reporter

    with typed(("dissmodel", *sys.argv[1:])), command_reporter(quiet=quiet, verbose=verbose):
        yield


def consent(*, yes: bool, allow_build: bool = False, offline: bool = False) -> Consent:
    """Return what the options consent to; the rest is asked for."""
    from dissmodel.consent import Consent

    return Consent(yes=yes, allow_build=allow_build, offline=offline, ask=_ask)


def _ask(error: ConsentRequired) -> bool:
    """Ask on a terminal; elsewhere the answer is no."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    import typer

    from dissmodel.printable import printable

    try:
        return typer.confirm(f"{printable(error.message)}\nGo on?", err=True)
    except typer.Abort as left:  # what the parser makes of Ctrl-C, of SIGTERM and of an end of input
        if isinstance(left.__context__, KeyboardInterrupt):
            raise left.__context__ from None
        return False
