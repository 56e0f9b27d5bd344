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
    waiting: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
    done = [0]

    def read() -> None:
        """Take calls; that the parent is gone is seen in mid-task too."""
        received = 0
        while (call := receive(calls)) is not None:
            received += 1
            waiting.put(call)
        if received > done[0]:
            os._exit(1)
        waiting.put(None)

    threading.Thread(target=read, daemon=True).start()
    while (call := waiting.get()) is not None:
        send(answers, BEGUN)
        said = answer(call)
        if os.getpid() != process:  # a copy that the task made with fork: the answer is its parent's
            os._exit(0)
        send(answers, said)
        done[0] += 1


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
