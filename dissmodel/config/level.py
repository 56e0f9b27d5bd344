"""Which dissmodel a spec or a package may ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dissmodel import __version__

if TYPE_CHECKING:
    from packaging.specifiers import SpecifierSet

API_LEVEL = "0.6.6"
"""The public DisSModel whose names we offer: what asks for it gets ours."""


def is_met(asked: SpecifierSet) -> bool:
    """Tell whether a range of versions admits ours or the API level.

    >>> from packaging.specifiers import SpecifierSet
    >>> is_met(SpecifierSet(">=0.6.0,<0.7.0")), is_met(SpecifierSet(">=99"))
    (True, False)
    """
    return any(asked.contains(version, prereleases=True) for version in (__version__, API_LEVEL))
