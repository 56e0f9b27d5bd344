"""How far colours are apart for people who see all colours, and for those who do not.

The difference is CIEDE2000 (CIE 142-2001; the formulas of Sharma, Wu and Dalal, Color Research and
Application 30, 2005); what people without one kind of cones see is simulated as Machado, Oliveira and
Fernandes do (IEEE Transactions on Visualization and Computer Graphics 15, 2009, severity 1), on linear sRGB.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dissmodel.geo.legend import CellClass

Floats = npt.NDArray[np.float64]

LEAST = 10.0
"""So far apart two classes on a map should be at least."""
_SHADES = 21

SIGHTS = {
    "normal": np.eye(3),
    "protan": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deutan": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritan": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
"""What each sight makes of linear red, green and blue: a matrix for each."""

# IEC 61966-2-1, to XYZ by the white of D65.
_TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
_WHITE = _TO_XYZ.sum(axis=1)
_KINK = 6 / 29
_HALF = 180  # degrees


class Alike(NamedTuple):
    """Two classes whose colours are close for a sight, and how far apart they are (CIEDE2000)."""

    first: CellClass
    second: CellClass
    sight: str
    difference: float


def alike(legend: Sequence[CellClass], least: float = LEAST) -> Iterator[Alike]:
    """Yield each pair of classes that differ by less than `least` for some sight: where they are closest."""
    seen = {sight: seen_lab([one.colour for one in legend], sight) for sight in SIGHTS}
    for a, b in combinations(range(len(legend)), 2):
        apart = {sight: float(difference(lab[a], lab[b])) for sight, lab in seen.items()}
        sight = min(apart, key=apart.__getitem__)
        if apart[sight] < least:
            yield Alike(legend[a], legend[b], sight, apart[sight])


def set_apart(colours: Sequence[str], around: Sequence[str], least: float = LEAST) -> list[str]:
    """Return colours, darkened as little as makes each differ by `least` from those around and each other.

    A colour that no darkening sets apart is as far from them as it can be.
    """
    found = list(colours)
    for place, colour in enumerate(colours):
        rgb = np.array(tuple(bytes.fromhex(colour.removeprefix("#"))))
        shades = np.rint(rgb * np.linspace(1, 0, _SHADES)[:, np.newaxis]).astype(np.uint8)
        darker = [f"#{one.tobytes().hex()}" for one in shades]
        others = [*around, *found[:place], *found[place + 1 :]]
        nearest = np.full(_SHADES, np.inf)
        for sight in SIGHTS:
            ours, theirs = seen_lab(darker, sight), seen_lab(others, sight)
            nearest = np.minimum(nearest, difference(ours[:, None], theirs[None]).min(axis=1, initial=np.inf))
        enough = np.flatnonzero(nearest >= least)
        found[place] = darker[int(enough[0]) if enough.size else int(np.argmax(nearest))]
    return found


def seen_lab(colours: Sequence[str], sight: str = "normal") -> Floats:
    """Return colours (``#rrggbb``) as a sight has them: CIE L*a*b*, white of D65, shape (colours, 3)."""
    parts = [tuple(bytes.fromhex(colour.removeprefix("#"))) for colour in colours]
    rgb = np.array(parts, np.float64).reshape(-1, 3) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)  # noqa: PLR2004  (of sRGB)
    xyz = np.clip(linear @ SIGHTS[sight].T, 0, 1) @ _TO_XYZ.T / _WHITE
    f = np.where(xyz > _KINK**3, np.cbrt(xyz), xyz / (3 * _KINK**2) + 4 / 29)
    return np.stack(
        [116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], axis=-1
    )


def difference(one: Floats, other: Floats) -> Floats:
    """Return CIEDE2000 between colours in CIE L*a*b*, shape (…, 3), with all three weights 1."""
    one, other = np.broadcast_arrays(one, other)
    (l_1, a_1, b_1), (l_2, a_2, b_2) = np.moveaxis(one, -1, 0), np.moveaxis(other, -1, 0)
    mean = (np.hypot(a_1, b_1) + np.hypot(a_2, b_2)) / 2
    wider = 1.5 - 0.5 * _saturation(mean)
    chroma_1, chroma_2 = np.hypot(wider * a_1, b_1), np.hypot(wider * a_2, b_2)
    hue_1, hue_2 = (np.degrees(np.arctan2(b, wider * a)) % 360 for a, b in ((a_1, b_1), (a_2, b_2)))
    is_grey = chroma_1 * chroma_2 == 0
    turn = hue_2 - hue_1
    turn = np.where(is_grey, 0.0, turn - 360 * (turn > _HALF) + 360 * (turn < -_HALF))
    total = hue_1 + hue_2
    across = np.where(total < 2 * _HALF, total + 360, total - 360)
    hue = np.where(is_grey, total, np.where(np.abs(hue_1 - hue_2) > _HALF, across, total) / 2)
    light, chroma = (l_1 + l_2) / 2, (chroma_1 + chroma_2) / 2
    cosines = [np.cos(np.radians(angle)) for angle in (hue - 30, 2 * hue, 3 * hue + 6, 4 * hue - 63)]
    weight = 1 + np.tensordot([-0.17, 0.24, 0.32, -0.20], np.stack(cosines), 1)
    lightness = (l_2 - l_1) / (1 + 0.015 * (light - 50) ** 2 / np.sqrt(20 + (light - 50) ** 2))
    purity = (chroma_2 - chroma_1) / (1 + 0.045 * chroma)
    way = 2 * np.sqrt(chroma_1 * chroma_2) * np.sin(np.radians(turn) / 2)
    tone = way / (1 + 0.015 * chroma * weight)
    bend = np.sin(np.radians(60 * np.exp(-(((hue - 275) / 25) ** 2))))
    rotation = -2 * _saturation(chroma) * bend
    return np.asarray(np.sqrt(lightness**2 + purity**2 + tone**2 + rotation * purity * tone))


def _saturation(chroma: Floats) -> Floats:
    return np.asarray(np.sqrt(chroma**7 / (chroma**7 + 25.0**7)))
