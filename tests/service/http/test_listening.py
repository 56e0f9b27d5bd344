"""How the service listens."""

import socket

from dissmodel.service.server import _listener


def test_an_answer_does_not_wait_for_the_one_before():
    with _listener("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname()):
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
