"""A worker's process: it does one task after another, and ends when its parent does."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import threading
from typing import IO

from dissmodel.engines.calls import answer

_SIZE = 8
BEGUN = b"begun"


def serve() -> None:
    """Answer the calls that come on standard input until it ends.

    What tasks print goes to standard error.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's affair
    calls = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    process = os.getpid()
    if hasattr(os, "register_at_fork"):  # a copy that outlives this process would keep the pipe open
        os.register_at_fork(after_in_child=lambda: os.close(answers.fileno()))
    # The thread that reads sees in mid-task, too, that the parent is gone.
    waiting: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
    is_idle = threading.Event()
    threading.Thread(target=_read, args=(calls, waiting, is_idle), daemon=True).start()
    is_idle.set()
    while (call := waiting.get()) is not None:
        send(answers, BEGUN)
        said = answer(call)
        if os.getpid() != process:  # a copy that the task made with fork: the answer is its parent's
            os._exit(0)
        send(answers, said)
        is_idle.set()


def _read(calls: IO[bytes], waiting: queue.SimpleQueue[bytes | None], is_idle: threading.Event) -> None:
    while (call := receive(calls)) is not None:
        is_idle.clear()
        waiting.put(call)
    if not is_idle.is_set():
        os._exit(1)
    waiting.put(None)


def send(stream: IO[bytes], message: bytes) -> None:
    """Write a message, after its size.

    Raises OSError if the process at the end of the pipe is gone.
    """
    stream.write(len(message).to_bytes(_SIZE, "little") + message)
    stream.flush()


def receive(stream: IO[bytes]) -> bytes | None:
    """Return the next message; None if the process at the end of the pipe is gone."""
    with contextlib.suppress(OSError):
        head = stream.read(_SIZE)
        size = int.from_bytes(head, "little")
        message = stream.read(size)
        if len(head) == _SIZE and len(message) == size:
            return message
    return None
