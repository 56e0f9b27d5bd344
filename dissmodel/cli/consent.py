"""The one question that the command line asks."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from dissmodel.consent import Consent
    from dissmodel.progress import Reporter

T = TypeVar("T")


def agreed(
    act: Callable[[Consent, Reporter], T],
    *,
    yes: bool,
    allow_build: bool,
    offline: bool,
    quiet: bool = False,
    verbose: bool = False,
) -> T:
    """Do what may need the user's word; where it does and there is a terminal, ask and do it again.

    A word is for exactly what was shown: where that is another one by then, it is asked for again.

    Parameters
    ----------
    act : callable
        Takes what the user agrees to, and who hears how far it is; raises `ConsentRequired` if it needs more.
    yes, allow_build, offline, quiet, verbose : bool
        What the user typed.
    """
    from dissmodel.cli.reporter import terminal_reporter
    from dissmodel.consent import Consent
    from dissmodel.errors import ConsentRequired
    from dissmodel.progress import reporting

    consent = Consent(yes=yes, allow_build=allow_build, offline=offline)
    while True:
        try:
            with terminal_reporter(quiet=quiet, verbose=verbose) as reporter, reporting(reporter):
                return act(consent, reporter)
        except ConsentRequired as error:
            if error.what in consent.agreed or not (sys.stdin.isatty() and sys.stderr.isatty()):
                raise
            import typer

            from dissmodel.cli.render import printable

            try:
                told = typer.confirm(f"{printable(error.message)}\nGo on?", err=True)
            except typer.Abort as left:  # what the parser makes of Ctrl-C, of SIGTERM and of an end of input
                if isinstance(left.__context__, KeyboardInterrupt):
                    raise left.__context__ from None
                told = False
            if not told:
                raise
            consent = replace(consent, agreed=consent.agreed | {error.what})
