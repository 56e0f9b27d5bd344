"""A proxy in front of a server that does to chosen requests what networks and servers do.

One request a connection, so that each can be counted. The n-th request is the n-th one that came, from 1.
"""

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

RESET = struct.pack("ii", 1, 0)
ANSWERS = {403: "Forbidden", 404: "Not Found", 500: "Internal Server Error", 503: "Service Unavailable"}
CODES = {403: "AccessDenied", 404: "NoSuchUpload", 500: "InternalError", 503: "SlowDown"}


@dataclass(frozen=True)
class Fault:
    """What happens to a request, after `call` was called.

    kind: ``cut_request`` (only `byte` bytes of its body go on), ``corrupt_request`` (that byte is another),
    ``lose_response`` (it is obeyed, and not answered), ``cut_response`` (only `byte` bytes of the answer's
    body come), ``corrupt_response``, ``stall`` (no answer, ever), ``drip`` (the answer's body stalls at
    `byte`), ``status`` (`status` is answered, and the server knows nothing of it), ``pass`` (nothing).
    """

    kind: str
    byte: int = 0
    status: int = 500
    call: Callable[[], object] | None = None


class Proxy:
    """Listens on loopback until it is closed; `delay_s` is added to each answer."""

    def __init__(self, port, delay_s=0.0):
        self.upstream = ("127.0.0.1", port)
        self.delay_s = delay_s
        self.requests = []
        self._faults = {}
        self._every = None
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self._listener.getsockname()[1]
        self.endpoint = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def at(self, number, kind, **more):
        """Do this to the n-th request from now on."""
        with self._lock:
            self._faults[len(self.requests) + number] = Fault(kind, **more)

    def always(self, kind, **more):
        """Do this to each request, or nothing where `kind` is None."""
        self._every = Fault(kind, **more) if kind else None

    def heal(self):
        """Do nothing more."""
        with self._lock:
            self._faults.clear()
        self._every = None

    def close(self):
        self._closed.set()
        self._listener.close()

    def _accept(self):
        while not self._closed.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        with contextlib.suppress(OSError, ValueError), client:
            stream = client.makefile("rb")
            head = _head(stream)
            if not head:
                return
            with self._lock:
                self.requests.append(head.partition(b" HTTP/")[0].decode())
                fault = self._faults.get(len(self.requests), self._every)
            self._treat(client, head, stream.read(_length(head)), fault)

    def _treat(self, client, head, body, fault):
        kind = fault.kind if fault else ""
        if fault and fault.call:
            fault.call()
        if kind == "stall":
            self._closed.wait()
            return
        if kind == "status":
            client.sendall(_answer(fault.status))
            return
        if kind == "corrupt_request" and body:
            body = _flipped(body, fault.byte)
        head = head.replace(b"\r\n", b"\r\nConnection: close\r\n", 1)
        with socket.create_connection(self.upstream) as server:
            if kind == "cut_request":
                server.sendall(head + body[: fault.byte])
                _reset(client)
                return
            server.sendall(head + body)
            stream = server.makefile("rb")
            answer_head, answer = _head(stream), stream.read()
        time.sleep(self.delay_s)
        if kind == "lose_response":
            _reset(client)
        elif kind in {"cut_response", "drip"}:
            client.sendall(answer_head + answer[: fault.byte])
            if kind == "drip":
                self._closed.wait()
        elif kind == "corrupt_response" and answer:
            client.sendall(answer_head + _flipped(answer, fault.byte))
        else:
            client.sendall(answer_head + answer)


def _head(stream):
    lines = []
    while line := stream.readline(1 << 16):
        lines.append(line)
        if line == b"\r\n":
            return b"".join(lines)
    return b""


def _length(head):
    lines = [line.partition(b":") for line in head.split(b"\r\n")]
    return next((int(value) for name, _, value in lines if name.lower() == b"content-length"), 0)


def _answer(status):
    body = f"<Error><Code>{CODES[status]}</Code><Message>so it is</Message></Error>".encode()
    head = f"HTTP/1.1 {status} {ANSWERS[status]}\r\nContent-Type: application/xml\r\nConnection: close\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def _flipped(body, at):
    at %= len(body)
    return body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]


def _reset(client):
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
