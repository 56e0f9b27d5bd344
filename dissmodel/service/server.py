"""The server: the HTTP API, the sync of registries and the workers, until somebody ends it."""

from __future__ import annotations

import contextlib
import functools
import logging
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType

import uvicorn

from dissmodel.config import load_settings
from dissmodel.errors import DissmodelError
from dissmodel.experiment.layout import outputs_place
from dissmodel.machine import is_loopback
from dissmodel.registry import plugins
from dissmodel.service.app import create_app
from dissmodel.service.models import Model
from dissmodel.service.parts import Parts
from dissmodel.service.queue.open import open_queue
from dissmodel.service.refusals import refused
from dissmodel.service.repeated import repeated
from dissmodel.service.service import Service
from dissmodel.service.settings import ServiceSettings
from dissmodel.service.syncing import Syncing
from dissmodel.service.truth import Truth
from dissmodel.storage.settings import StorageSettings

_FRESH_S, _LOOK_S = 10.0, 1.0
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 60.0
_GRACE_S, _STREAMS_S = 70.0, 10
_LOG = logging.getLogger(__name__)


def open_service(settings: ServiceSettings) -> Service:
    """Return the service that the settings say; no object store is asked yet.

    Raises
    ------
    DissmodelError
        If a place or the queue can't be opened.
    """
    storage = StorageSettings.of(load_settings())
    truth = Truth(outputs_place(settings.place, storage))
    return Service(settings, truth, open_queue(settings), outputs_place(settings.inputs, storage))


def serve(
    settings: ServiceSettings, *, host: str, port: int, workers: int, ready: Callable[[str], None]
) -> None:
    """Serve until SIGINT or SIGTERM; jobs that run then have some time to end.

    Parameters
    ----------
    settings : ServiceSettings
        What is set.
    host, port : str, int
        Where to listen; 0 is a free port.
    workers : int
        How many processes take jobs.
    ready : callable
        Called with the URL once requests are taken.

    Raises
    ------
    UsageError
        If others could reach a service without keys (code ``"keys_needed"``), or something listens there
        already (``"address_in_use"``).
    DissmodelError
        If a place, the queue or the keys can't be opened.
    """
    service = open_service(settings)
    syncing = Syncing(settings)
    app = create_app(service, syncing=syncing)
    if not app.state.keys.are_needed and not is_loopback(host):
        what = f"--host {host}: other machines could use this service, and it has no keys."
        raise refused("keys_needed", what)
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(_listener(host, port))
        stack.enter_context(syncing.running())
        stack.enter_context(app.state.parts.indexing.running())
        fresh = functools.partial(app.state.parts.board.refresh, ahead=True)
        stack.enter_context(repeated(fresh, lambda _took_s: _FRESH_S, bug="the list of jobs is old"))
        stack.enter_context(_workers(workers))
        threading.Thread(target=_learn, args=(service,), daemon=True).start()
        shown = f"[{host}]" if ":" in host else host
        ready(f"http://{shown}:{listener.getsockname()[1]}")
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=_STREAMS_S,
        )
        logging.getLogger("uvicorn").handlers = logging.getLogger("dissmodel").handlers  # JSON, no secrets
        _Server(config, app.state.parts).run(sockets=[listener])


class _Server(uvicorn.Server):
    """A server whose streams end when it is asked to end: it waits for open answers."""

    def __init__(self, config: uvicorn.Config, parts: Parts) -> None:
        super().__init__(config)
        self._parts = parts

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Note that the process is to end."""
        self._parts.streams.close()
        super().handle_exit(sig, frame)


def _listener(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.create_server((host, port), family=family, backlog=2048)
    except (OSError, OverflowError) as error:
        why = getattr(error, "strerror", None) or error
        what = f"--host {host} --port {port}: the service can't listen there: {why}."
        raise refused("address_in_use", what) from error
    # Connections have it from the listener; without it a body may wait 40 ms after its headers.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


@contextlib.contextmanager
def _workers(number: int) -> Iterator[None]:
    """Keep so many workers for the block; each has some time to end then."""
    ends = threading.Event()
    threads = [threading.Thread(target=_keep_worker, args=(ends,)) for _ in range(number)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ends.set()
        for thread in threads:
            thread.join()


def _keep_worker(ends: threading.Event) -> None:
    """Keep a worker: if it dies another one is started, later each time."""
    pause_s = _FIRST_PAUSE_S
    while not ends.is_set():
        began = time.monotonic()
        words = [sys.executable, "-m", "dissmodel.service.served"]
        # In a session of its own, so that Ctrl-C in a terminal does not reach it twice.
        with subprocess.Popen(words, stdin=subprocess.PIPE, start_new_session=True) as worker:  # noqa: S603
            while worker.poll() is None and not ends.wait(_LOOK_S):
                pass
            if ends.is_set():
                _end(worker)
                return
        pause_s = _FIRST_PAUSE_S if time.monotonic() - began > _LONGEST_PAUSE_S else pause_s
        _LOG.error("a worker ended with %s; another one is started in %g s", worker.returncode, pause_s)
        ends.wait(pause_s)
        pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)


def _end(worker: subprocess.Popen[bytes]) -> None:
    worker.terminate()
    try:
        worker.wait(_GRACE_S)
    except subprocess.TimeoutExpired:
        worker.kill()


def _learn(service: Service) -> None:
    """Look up what installed models are, before somebody asks."""
    with contextlib.suppress(DissmodelError):  # then whoever asks is told
        service.schemas.learn([Model(offer.name) for offer in plugins.offers()])
