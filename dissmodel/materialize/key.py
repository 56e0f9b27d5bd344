"""The key that proves a scratch folder and a journal to be this user's own."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from dissmodel import locks

NAME = "journal.key"
_BYTES = 32
# Where no key can be kept, the proof holds as long as this process: what it began it can also undo.
_OF_THIS_PROCESS = os.urandom(_BYTES)
_known: dict[Path | None, bytes] = {}


def user_key(*, make: bool) -> bytes:
    """Return the user's key; if there is none and none can be kept, a key that only this process has.

    It is in the folder where this system keeps a user's state. Its owner has to be the user.

    `make`: a key may be made; a command that only looks makes none.
    """
    place = _place()
    if place not in _known:
        key = None
        if place is not None:
            key = _read(place) or (_made(place) if make else None)
        if key is None and not make:
            return _OF_THIS_PROCESS
        _known[place] = key or _OF_THIS_PROCESS
    return _known[place]


def _place() -> Path | None:
    import platformdirs  # noqa: PLC0415  (help and completion don't need it)

    folder = Path(platformdirs.user_state_dir("dissmodel", appauthor=False))
    # Relative to the current folder it would be whoever's folder that is.
    return folder / NAME if folder.is_absolute() else None


def _made(place: Path) -> bytes | None:
    try:
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        locks.create(place, os.urandom(_BYTES))
    except OSError:  # such as a read-only home
        return None
    return _read(place)


def _read(place: Path) -> bytes | None:
    try:
        with os.fdopen(os.open(place, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0)), "rb") as stream:
            state = os.fstat(stream.fileno())
            is_mine = not hasattr(os, "geteuid") or state.st_uid == os.geteuid()
            if not stat.S_ISREG(state.st_mode) or not is_mine:
                return None
            key = stream.read(_BYTES + 1)
    except OSError:
        return None
    return key if len(key) == _BYTES else None
