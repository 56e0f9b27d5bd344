"""``dissmodel serve`` as a process."""

import contextlib
import re
import subprocess
import sys
import time


@contextlib.contextmanager
def serve(environ, *words, port=0):
    """Start the server, by default on a free port; give its process, its URL and its log."""
    command = [sys.executable, "-m", "dissmodel", "serve", "--port", str(port), *words]
    process = subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True, encoding="utf-8")
    log = []
    try:
        for line in process.stderr:
            log.append(line)
            found = re.search(r"Serving on (\S+)", line)
            if found:
                break
        else:
            raise AssertionError("".join(log))
        yield process, found[1], log
    finally:
        process.kill()
        log += process.stderr.readlines()
        process.wait()
        process.stderr.close()


def until(look, patience=60.0):
    late = time.monotonic() + patience
    while not (found := look()):
        assert time.monotonic() < late
        time.sleep(0.1)
    return found
