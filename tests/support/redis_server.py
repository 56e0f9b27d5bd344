"""A Redis on loopback, as a real process that can be killed and started again."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time

import pytest
import redis

WAIT_S = 30


class RedisServer:
    """A server on a free port, with its files in a folder; `keeps` whether it writes each change down."""

    def __init__(self, folder, *, keeps=False, words=()):
        program = shutil.which("redis-server")
        if program is None:
            pytest.skip("this machine has no redis-server")
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._words = [program, "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(folder)]
        self._words += ["--save", "", "--appendonly", "yes" if keeps else "no", *words]
        self.process = None
        self.start()

    def start(self):
        self.process = subprocess.Popen(self._words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until = time.monotonic() + WAIT_S
        while time.monotonic() < until:
            # Whatever it answers: a password may be asked for.
            with contextlib.suppress(redis.ConnectionError), self.client() as client:
                with contextlib.suppress(redis.AuthenticationError):
                    client.ping()
                return
            time.sleep(0.02)
        raise RuntimeError("redis-server did not start")

    def stop(self):
        self.process.terminate()
        self.process.wait()

    def kill(self):
        self.process.kill()
        self.process.wait()

    def freeze(self):
        """Let it hear and answer nothing, until `thaw`."""
        os.kill(self.process.pid, signal.SIGSTOP)

    def thaw(self):
        os.kill(self.process.pid, signal.SIGCONT)

    def client(self):
        """Return a client of its own, to look behind the queue."""
        return redis.Redis(port=self.port, decode_responses=True, socket_timeout=5)


@contextlib.contextmanager
def running(folder, **how):
    server = RedisServer(folder, **how)
    try:
        yield server
    finally:
        server.kill()
