"""The pages in the browser of whoever started the server."""

from __future__ import annotations

import os
import sys
import threading
import time
import urllib.request
import webbrowser
from collections.abc import Callable

_EVERY_S, _PATIENCE_S = 0.3, 600.0
_SCREENS = ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY")


def open_when_ready(url: str, tell: Callable[[str], None]) -> None:
    """Open the pages of a server in a browser, in a thread, once it is ready.

    Parameters
    ----------
    url : str
        Where the server listens.
    tell : callable
        Called with the address of the pages, if no browser could be opened.
    """
    threading.Thread(target=_open, args=(f"{_reachable(url)}/ui", tell), daemon=True).start()


def _open(pages: str, tell: Callable[[str], None]) -> None:
    until = time.monotonic() + _PATIENCE_S
    while not _is_ready(pages.removesuffix("/ui")) and time.monotonic() < until:
        time.sleep(_EVERY_S)
    # Without a screen, webbrowser would open one in the terminal.
    has_screen = sys.platform in {"darwin", "win32"} or any(map(os.environ.get, _SCREENS))
    try:
        is_open = has_screen and webbrowser.open(pages)
    except webbrowser.Error:
        is_open = False
    if not is_open:
        tell(pages)


def _is_ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/ready", timeout=10):  # noqa: S310  (our own server)
            return True
    except OSError:
        return False


def _reachable(url: str) -> str:
    """Return the address at which this machine reaches a server that listens everywhere.

    >>> _reachable("http://0.0.0.0:8000"), _reachable("http://[::]:8000"), _reachable("http://127.0.0.1:80")
    ('http://127.0.0.1:8000', 'http://[::1]:8000', 'http://127.0.0.1:80')
    """
    return url.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:")
