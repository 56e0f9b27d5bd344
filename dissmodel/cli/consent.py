"""The one question that the command line asks."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from dissmodel.actions.isolation import Consent

T = TypeVar("T")


def agreed(act: Callable[[Consent], T], *, yes: bool, allow_build: bool, offline: bool) -> T:
    """Do what may need the user's word; where it does and there is a terminal, ask and do it again.

    A word is for exactly what was shown: where that is another one by then, it is asked for again.

    Parameters
    ----------
    act : callable
        Takes what the user agrees to; raises `ConsentRequired` if it needs more.
    yes, allow_build, offline : bool
        What the user typed.
    """
    from dissmodel.actions.isolation import Consent
    from dissmodel.errors import ConsentRequired

    consent = Consent(yes=yes, allow_build=allow_build, offline=offline)
    while True:
        try:
            return act(consent)
        except ConsentRequired as error:
            what = getattr(error, "what", "")
            if what in consent.agreed or not (sys.stdin.isatty() and sys.stderr.isatty()):
                raise
            import typer

            from dissmodel.cli.render import printable

            if not typer.confirm(f"{printable(error.message)}\nGo on?", err=True):
                raise
            consent = replace(consent, agreed=consent.agreed | {what})
