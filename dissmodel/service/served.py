"""``python -m dissmodel.service.served``: a worker that ends with the server that started it."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading

from dissmodel.errors import DissmodelError
from dissmodel.service.logs import log_to
from dissmodel.service.settings import ServiceSettings
from dissmodel.service.worker import work


def main() -> None:
    """Work until a signal comes, or standard input ends: the server holds its other end."""
    threading.Thread(target=_watch, args=(sys.stdin.fileno(),), daemon=True).start()
    log_to()
    try:
        work(ServiceSettings.load())
    except DissmodelError as error:
        logging.getLogger(__name__).error("%s %s", error.message, error.hint, extra={"code": error.code})  # noqa: TRY400  (no bug)
        sys.exit(error.exit_code)


def _watch(descriptor: int) -> None:
    while os.read(descriptor, 1):  # not buffered: a buffered read aborts at exit
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
