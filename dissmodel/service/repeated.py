"""What a process does again and again beside its work."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator

from dissmodel.errors import DissmodelError

_LOG = logging.getLogger(__name__)


@contextlib.contextmanager
def repeated(
    action: Callable[[], object], pause: Callable[[float], float], *, bug: str, is_awaited: bool = False
) -> Iterator[None]:
    """Do an action now and again and again, in a thread, for the block; an error is logged, and ends nothing.

    Parameters
    ----------
    action : callable
        What to do.
    pause : callable
        Returns after how many seconds it is done again; it gets how many it took.
    bug : str
        What the log says of an error that is a bug, with its traceback.
    is_awaited : bool
        Whether the block ends only after an action that is under way.
    """
    ends = threading.Event()

    def run() -> None:
        while not ends.is_set():
            began = time.monotonic()
            try:
                action()
            except DissmodelError as error:
                _LOG.warning("%s", error.message, extra={"code": error.code})
            except Exception:  # noqa: BLE001  (a bug must not end all later ones)
                _LOG.exception(bug)
            ends.wait(pause(time.monotonic() - began))

    thread = threading.Thread(target=run, name=bug, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ends.set()
        if is_awaited:
            thread.join()
