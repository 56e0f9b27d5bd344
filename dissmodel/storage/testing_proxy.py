"""A proxy in front of a server that does to chosen requests what networks and servers do.

One request a connection, so that each can be counted. The n-th request is the n-th one that came, from 1.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, BinaryIO

_RESET = struct.pack("ii", 1, 0)
_ANSWERS = {
    403: ("Forbidden", "AccessDenied"),
    404: ("Not Found", "NoSuchUpload"),
    500: ("Internal Server Error", "InternalError"),
    503: ("Service Unavailable", "SlowDown"),
}


@dataclass(frozen=True)
class Fault:
    """What happens to a request, after `call` was called.

    kind: ``cut_request`` (only `byte` bytes of its body go on), ``corrupt_request`` (that byte is changed),
    ``lose_response`` (it is obeyed, and not answered), ``cut_response`` (only `byte` bytes of the answer's
    body come), ``corrupt_response``, ``stall`` (no answer, ever), ``drip`` (the answer's body stalls at
    `byte`), ``status`` (`status` is answered, and the server knows nothing of it), ``pass`` (nothing).
    """

    kind: str
    byte: int = 0
    status: int = 500
    call: Callable[[], object] = lambda: None


class Proxy:
    """Listens on loopback until it is closed; `delay_s` is added to each answer.

    Attributes
    ----------
    endpoint : str
        Its URL.
    requests : list of str
        Method and path of each request that came.
    """

    def __init__(self, port: int, delay_s: float = 0.0) -> None:
        self.requests: list[str] = []
        self._upstream, self._delay_s = ("127.0.0.1", port), delay_s
        self._faults: dict[int, Fault] = {}
        self._every = Fault("pass")
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        self.endpoint = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def at(self, number: int, kind: str, **more: Any) -> None:
        """Do this to the n-th request from now on; `more` is the `Fault`'s."""
        with self._lock:
            self._faults[len(self.requests) + number] = Fault(kind, **more)

    def always(self, kind: str, **more: Any) -> None:
        """Do this to each request."""
        self._every = Fault(kind, **more)

    def heal(self) -> None:
        """Do nothing more."""
        with self._lock:
            self._faults.clear()
        self._every = Fault("pass")

    def close(self) -> None:
        """End it."""
        self._closed.set()
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while not self._closed.is_set():
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError), client:
            stream = client.makefile("rb")
            head = _head(stream)
            if not head:
                return
            with self._lock:
                self.requests.append(head.partition(b" HTTP/")[0].decode())
                fault = self._faults.get(len(self.requests), self._every)
            self._treat(client, head, stream.read(_length(head)), fault)

    def _treat(self, client: socket.socket, head: bytes, body: bytes, fault: Fault) -> None:
        fault.call()
        match fault.kind:
            case "stall":
                self._closed.wait()
                return
            case "status":
                client.sendall(_answer(fault.status))
                return
            case "corrupt_request" if body:
                body = _flipped(body, fault.byte)
        head = head.replace(b"\r\n", b"\r\nConnection: close\r\n", 1)
        with socket.create_connection(self._upstream) as server:
            if fault.kind == "cut_request":
                server.sendall(head + body[: fault.byte])
                _reset(client)
                return
            server.sendall(head + body)
            stream = server.makefile("rb")
            answer_head, answer = _head(stream), stream.read()
        time.sleep(self._delay_s)
        match fault.kind:
            case "lose_response":
                _reset(client)
                return
            case "cut_response" | "drip":
                answer = answer[: fault.byte]
            case "corrupt_response" if answer:
                answer = _flipped(answer, fault.byte)
        client.sendall(answer_head + answer)
        if fault.kind == "drip":
            self._closed.wait()


def _head(stream: BinaryIO) -> bytes:
    lines = []
    while line := stream.readline(1 << 16):
        lines.append(line)
        if line == b"\r\n":
            return b"".join(lines)
    return b""


def _length(head: bytes) -> int:
    lines = [line.partition(b":") for line in head.split(b"\r\n")]
    return next((int(value) for name, _, value in lines if name.lower() == b"content-length"), 0)


def _answer(status: int) -> bytes:
    phrase, code = _ANSWERS[status]
    body = f"<Error><Code>{code}</Code><Message>so it is</Message></Error>".encode()
    head = f"HTTP/1.1 {status} {phrase}\r\nContent-Type: application/xml\r\nConnection: close\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def _flipped(body: bytes, at: int) -> bytes:
    at %= len(body)
    return body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]


def _reset(client: socket.socket) -> None:
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
