"""Which band or column of a coast holds what: names decide, never the position."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dissmodel.cells import names
from dissmodel.executor.findings import RAISED, Problems

FIELDS = ("uso", "alt", "solo")
"""The fields of every cell space, in the published order of bands."""


def find(
    kind: names.Kind, mapping: Mapping[str, Any], present: Sequence[str], problems: Problems = RAISED
) -> dict[str, str]:
    """Return canonical name → name in the file; see `dissmodel.cells.names.find`.

    >>> find("band", {"uso": "landuse"}, ["alt", "solo", "landuse"])
    {'uso': 'landuse', 'alt': 'alt', 'solo': 'solo'}
    """
    return names.find(kind, FIELDS, mapping, present, problems)


def check_map(kind: names.Kind, mapping: Mapping[str, Any], problems: Problems = RAISED) -> None:
    """Raise `UsageError` if `mapping` names something that the model doesn't read."""
    names.check_map(kind, FIELDS, mapping, problems)
