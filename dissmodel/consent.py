"""What the user agrees to."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Consent:
    """What the user agrees to where a package has to be installed, or a server asked that a record names.

    Attributes
    ----------
    yes : bool
        To install what was resolved, and to ask that server.
    allow_build : bool
        To build index packages that have no wheel, which runs their code.
    offline : bool
        To nothing that asks the network.
    agreed : frozenset of str
        To exactly these: the ``what`` of a `ConsentRequired` each. What a tag means may change while a user
        reads the question.
    """

    yes: bool = False
    allow_build: bool = False
    offline: bool = False
    agreed: frozenset[str] = frozenset()
