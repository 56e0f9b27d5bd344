"""Text and boxes on a picture; places and lengths are in inches, from its lower left corner."""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure
from matplotlib.patches import Rectangle


def plain(text: str, letters: int) -> str:
    r"""Return text as one line of at most `letters`, with ``?`` for what can't be drawn.

    >>> plain("a\nlong name", 7)
    'a?long…'
    """
    shown = "".join(one if one.isprintable() else "?" for one in text[: letters + 1])
    return shown if len(shown) <= letters else shown[: letters - 1] + "…"


def write(figure: Figure, left: float, bottom: float, text: str, **style: Any) -> None:
    """Write text at a place; it is taken as it is, a ``$`` too."""
    figure.text(
        left, bottom, text, transform=figure.dpi_scale_trans, parse_math=False, **{"size": 9, **style}
    )


def draw_box(figure: Figure, place: tuple[float, float], size: tuple[float, float], **style: Any) -> None:
    """Draw a filled rectangle, given its lower left corner and its width and height."""
    figure.add_artist(Rectangle(place, *size, transform=figure.dpi_scale_trans, **style))
