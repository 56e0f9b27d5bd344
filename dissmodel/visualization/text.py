"""Text on a picture: names that anyone may have chosen, put where nothing else is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plain(text: str, letters: int) -> str:
    r"""Return text as one line of at most `letters`, with ``?`` for what can't be drawn.

    >>> plain("a\nlong name", 7)
    'a?long…'
    """
    shown = "".join(one if one.isprintable() else "?" for one in text[: letters + 1])
    return shown if len(shown) <= letters else shown[: letters - 1] + "…"


def write(figure: Figure, left: float, bottom: float, text: str, **style: Any) -> None:
    """Write text at a place in inches; it is taken as it is, a ``$`` too."""
    figure.text(
        left, bottom, text, transform=figure.dpi_scale_trans, parse_math=False, **{"size": 9, **style}
    )
