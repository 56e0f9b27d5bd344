"""Which files of a result only say how it is drawn: no evidence of what it is."""

from __future__ import annotations

from pathlib import PurePosixPath

from dissmodel.record import MAIN

_DRAWN = frozenset({".qml", ".sld", ".png", ".jpg", ".jpeg", ".svg", ".pdf"})


def is_drawn(name: str, path: str) -> bool:
    """Tell whether a recorded file is a style or a picture; the main file is neither, whatever its suffix.

    >>> is_drawn("style", "flood.qml"), is_drawn("output", "map.png")
    (True, False)
    """
    return name != MAIN and PurePosixPath(path).suffix.lower() in _DRAWN
