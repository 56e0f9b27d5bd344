"""The classes of land use and soil: codes, names, colours and what the rules make of them.

The tables of membership have one entry per byte, so that a kernel looks a code up without a test. Codes
and rules are those of BR-MANGUE (Bezerra 2014, INPE).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from dissmodel.geo.legend import CellClass

NO_USE = 0
"""The land-use byte outside the space."""

NO_SOIL = 255
"""The soil byte outside the space (0 is a river channel)."""


LAND_USES = (
    CellClass(1, "mangrove", "#006400"),
    CellClass(2, "terrestrial vegetation", "#808000"),
    CellClass(3, "sea", "#00008b"),
    CellClass(4, "anthropized area", "#e5c100"),
    CellClass(5, "bare soil", "#ffebd1"),
    CellClass(6, "flooded bare soil", "#000000"),
    CellClass(7, "flooded anthropized area", "#a0a0a0"),
    CellClass(8, "migrated mangrove", "#9bff82"),
    CellClass(9, "flooded mangrove", "#ff7455"),
    CellClass(10, "flooded vegetation", "#5a5a5a"),
)
"""Land uses. The published colours, with 6, 7 and 10, all black or nearly so there, shaded apart.

4, 5, 8 and 9 are lighter or darker than published, so that every eye tells all apart
(`dissmodel.visualization.sight`).
"""

SOILS = (
    CellClass(0, "river channel", "#0000ff"),
    CellClass(1, "riverbed", "#484848"),
    CellClass(2, "podzolic", "#888888"),
    CellClass(3, "mangrove mud", "#005700"),
    CellClass(4, "other", "#c8c8c8"),
    CellClass(9, "migrated mangrove mud", "#228b22"),
)
"""Soils. The published colours, with 1, 2 and 4, one grey there, shaded apart, and 3 a little darker."""


def _members(codes: Iterable[int]) -> NDArray[np.bool_]:
    table = np.zeros(256, dtype=np.bool_)
    table[list(codes)] = True
    table.flags.writeable = False
    return table


def _mapping(pairs: Mapping[int, int]) -> NDArray[np.uint8]:
    table = np.arange(256, dtype=np.uint8)
    table[list(pairs)] = list(pairs.values())
    table.flags.writeable = False
    return table


LEGAL_USE = _members(c.code for c in LAND_USES)
LEGAL_SOIL = _members(c.code for c in SOILS)

MIGRATED_MANGROVE = 8
MIGRATED_MUD = 9

FLOODED = _members((3, 6, 7, 9, 10))
"""Land uses under water, the sea among them: what may send water on."""

FLOODED_LAND = _members((6, 7, 9, 10))
"""Land uses that a flood made."""

FLOODED_AS = _mapping({1: 9, 8: 9, 2: 10, 4: 7, 5: 6})
"""What a dry land use becomes when it is flooded; the others stay."""

MIGRATION_TARGET = _members((2, 5))
"""Land uses that mangrove may move into."""

MANGROVE_USE = _members((1, 8))
"""Land uses from which mangrove spreads."""

MANGROVE_SOIL = _members((3, 9))
"""Soils that carry mangrove."""

MUD_SOURCE = _members((0, 3, 9))
"""Soils from which mangrove mud spreads."""
