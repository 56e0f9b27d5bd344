"""What the user consents to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dissmodel.errors import ConsentRequired


@dataclass(frozen=True)
class Consent:
    """What the user consents to: packages to install, and servers, named in a record, to ask.

    Attributes
    ----------
    yes : bool
        Install what was resolved, and ask that server.
    allow_build : bool
        Build index packages that have no wheel, which runs their code.
    offline : bool
        Send no request to the network.
    ask : callable, optional
        Called with a `ConsentRequired`; returns whether the user consents to exactly that. Without it the
        error is raised.
    agreed : frozenset of str
        What the user has consented to: the ``what`` of a `ConsentRequired` each. A tag may come to mean
        another commit while a user reads the question.
    """

    yes: bool = False
    allow_build: bool = False
    offline: bool = False
    ask: Callable[[ConsentRequired], bool] | None = None
    agreed: frozenset[str] = frozenset()
