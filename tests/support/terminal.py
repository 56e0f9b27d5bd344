"""Pseudo-terminals, which Windows doesn't have: what a process shows to a person."""

import os
import re
import struct
import subprocess


def open_terminal(width=100):
    """Return both ends of a terminal of some columns: ours, and that of the process."""
    import fcntl
    import pty
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
    return ours, theirs


def read_all(ours):
    """Return what the process shows until it ends, or closes its end."""
    shown = b""
    while True:
        try:
            some = os.read(ours, 100_000)
        except OSError:  # the terminal has no writer any more
            break
        if not some:
            break
        shown += some
    os.close(ours)
    return shown


def error_on_a_terminal(command, **how):
    """Run a process whose standard error is a terminal; return its output, and what the terminal shows."""
    ours, theirs = open_terminal()
    running = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=theirs,
        text=True,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "100", "LC_ALL": "C.UTF-8"},
        **how,
    )
    os.close(theirs)
    shown = read_all(ours).decode()
    out, _ = running.communicate()
    return out, re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown)
