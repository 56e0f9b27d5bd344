"""Git, as a user with a name but no settings runs it, and as a web server serves it."""

import os
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

OPTIONS = (
    *("-c", "user.name=Ana", "-c", "user.email=ana@example.org", "-c", "commit.gpgsign=false"),
    *("-c", "init.defaultBranch=main", "-c", "protocol.file.allow=always"),
)


def git(folder, *words, **how):
    """Run git in a folder; return what it prints."""
    command = ["git", "-C", str(folder), *OPTIONS, *words]
    return subprocess.run(command, check=True, capture_output=True, text=True, **how).stdout.strip()


class GitServer(ThreadingHTTPServer):
    """A web server over a folder: what it was asked, and whether it stalled until it was over."""

    def __init__(self, handler, root, name):
        super().__init__(("127.0.0.1", 0), handler)
        self.root, self.asked = root, []
        self.stalled, self.over = threading.Event(), threading.Event()
        self.host = f"127.0.0.1:{self.server_port}"
        self.url = f"http://{self.host}/{name}/.git"


class Backend(BaseHTTPRequestHandler):
    """Git's own smart HTTP, as a web server starts it."""

    server: GitServer
    password = None
    stalls = ""

    def log_message(self, *args):
        """Say nothing."""

    def do_GET(self):
        self._serve(b"")

    def do_POST(self):
        self._serve(self.rfile.read(int(self.headers.get("Content-Length") or 0)))

    def _serve(self, body):
        path, _, query = self.path.partition("?")
        self.server.asked.append(path)
        if self.password is not None and self.headers.get("Authorization") != self.password:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="models"')
            self.end_headers()
            return
        # Protocol 2 asks for the list of branches by POST too.
        if self.stalls and path.endswith(self.stalls) and b"command=fetch" in body:
            self.server.stalled.set()
            self.server.over.wait(60)
            return
        environment = {
            **os.environ,
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_PROJECT_ROOT": str(self.server.root),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
        }
        done = subprocess.run(
            ["git", "http-backend"], input=body, env=environment, capture_output=True, check=False
        )
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if line)
        self.send_response(int(headers.pop("Status", "200").split()[0]))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)
