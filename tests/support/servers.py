"""S3 servers and web servers as real processes, or threads, on loopback."""

import contextlib
import http.server
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path

ACCESS, SECRET = "AKPLANTEDACCESSKEY", "planted-SECRET-0123456789abcdef"
WAIT_S = 30


@dataclass(frozen=True)
class Server:
    """An S3 server."""

    endpoint: str
    port: int
    access: str = ACCESS
    secret: str = SECRET
    certificate: str = ""

    def environ(self, **more):
        """What a client has to have in its environment."""
        told = {
            "MINIO_ENDPOINT": self.endpoint,
            "MINIO_ACCESS_KEY": self.access,
            "MINIO_SECRET_KEY": self.secret,
            "AWS_REGION": "us-east-1",
        }
        return {**told, **more}


def rclone_program():
    """Return the path of rclone, which the tests' requirements bring."""
    beside_python = Path(sys.executable).parent
    return shutil.which("rclone", path=f"{beside_python}{os.pathsep}{os.environ['PATH']}") or "rclone"


@contextlib.contextmanager
def rclone(folder, *, certificate=None, key=None):
    """Serve the folders in `folder` as buckets."""
    words = [rclone_program(), "serve", "s3", "--addr", "127.0.0.1:0", "--config", os.devnull, str(folder)]
    if certificate:
        words += ["--cert", str(certificate), "--key", str(key)]
    # By the environment, so that no process list has it.
    environ = {**os.environ, "RCLONE_AUTH_KEY": f'"{ACCESS},{SECRET}"'}
    with _process(words, environ) as process:
        port = _port_said(process)
        scheme = "https" if certificate else "http"
        yield Server(f"{scheme}://127.0.0.1:{port}", port, certificate=str(certificate or ""))


@contextlib.contextmanager
def moto():
    """Serve from memory, with authorisation turned on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    environ = {**os.environ, "MOTO_IAM_LOAD_MANAGED_POLICIES": "true"}
    words = [sys.executable, "-W", "ignore", "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with _process(words, environ, stderr=subprocess.DEVNULL):
        endpoint = f"http://127.0.0.1:{port}"
        _wait_for(port)
        access, secret = _user(endpoint, "writer", "AmazonS3FullAccess")
        yield Server(endpoint, port, access, secret)


def _user(endpoint, name, policy):
    """Make a user of moto's and return its key; from then on everybody is asked for one."""
    import boto3

    iam = boto3.client(
        "iam",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="first",
        aws_secret_access_key="first",
    )
    iam.create_user(UserName=name)
    iam.attach_user_policy(UserName=name, PolicyArn=f"arn:aws:iam::aws:policy/{policy}")
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return key["AccessKeyId"], key["SecretAccessKey"]


def reader_of(server):
    """Return a key of moto's that may read and not write, and turn authorisation on."""
    key = _user(server.endpoint, "reader", "AmazonS3ReadOnlyAccess")
    demand_rights(server, 0)
    return key


def demand_rights(server, after):
    """Let moto ask for rights after that many requests."""
    url = f"{server.endpoint}/moto-api/reset-auth"
    request = urllib.request.Request(url, str(after).encode(), {"Content-Type": "text/plain"})
    with urllib.request.urlopen(request, timeout=5) as answer:
        answer.read()


@contextlib.contextmanager
def _process(words, environ, stderr=subprocess.PIPE):
    process = subprocess.Popen(words, env=environ, stdout=subprocess.DEVNULL, stderr=stderr, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        if process.stderr:
            process.stderr.close()


def _port_said(process):
    for line in process.stderr:
        said = re.search(r"Starting s3 server on .*:(\d+)/", line)
        if said:
            threading.Thread(target=_drain, args=(process.stderr,), daemon=True).start()
            _wait_for(int(said[1]))
            return int(said[1])
    raise RuntimeError("rclone did not start")


def _drain(stream):
    with contextlib.suppress(ValueError):
        for _ in stream:
            pass


def _wait_for(port):
    until = time.monotonic() + WAIT_S
    while time.monotonic() < until:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise RuntimeError(f"nothing listens at {port}")


@contextlib.contextmanager
def web(handler):
    """Serve http by a handler's class."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Talking:
    """A server that says the same to everybody, whatever they say."""

    def __init__(self, answer):
        self.answer, self.heard = answer, []
        self._listener = socket.create_server(("127.0.0.1", 0))
        port = self._listener.getsockname()[1]
        self.endpoint = f"http://127.0.0.1:{port}"
        self.environ = Server(self.endpoint, port).environ
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                with client, contextlib.suppress(OSError):
                    client.settimeout(1)
                    self.heard.append(client.recv(65536))
                    self._say(client)

    def _say(self, client):
        client.sendall(self.answer)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._listener.close()


class Swallowing(Talking):
    """A server that takes nothing for a while, then 3 MB slowly, then the rest, and answers."""

    def __init__(self, size, answer):
        super().__init__(answer)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
        self.size = size

    def _say(self, client):
        got = len(self.heard[-1].partition(b"\r\n\r\n")[2])
        time.sleep(0.6)
        while got < self.size:
            got += len(client.recv(1 << 16))
            time.sleep(1 / 16 if got < 3_000_000 else 0)
        client.sendall(self.answer)
