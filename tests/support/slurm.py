"""A Slurm of one node on loopback, with a key and ports of its own."""

import contextlib
import getpass
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scancel", "sinfo")
_TEMPLATE = Path(__file__).with_name("slurm.conf")
_PATH = f"{os.environ['PATH']}:/usr/local/sbin:/usr/sbin:/sbin"
_WAIT_S = 120


def missing_programs():
    """Return the programs that this machine lacks."""
    return [name for name in PROGRAMS if shutil.which(name, path=_PATH) is None]


@contextlib.contextmanager
def one_node(folder):
    """Run Slurm's daemons with their files in `folder`; gives the variables that its programs need."""
    host = socket.gethostname().partition(".")[0]
    for name in ("state", "spool"):
        (folder / name).mkdir()
    folder.chmod(0o755)  # munge refuses a folder that others may write to
    key = folder / "munge.key"
    key.write_bytes(os.urandom(128))
    key.chmod(0o400)
    ports = {"controller_port": _free_port(), "node_port": _free_port()}
    text = _TEMPLATE.read_text().format(folder=folder, host=host, user=getpass.getuser(), **ports)
    (folder / "slurm.conf").write_text(text)
    environ = {**os.environ, "PATH": _PATH, "SLURM_CONF": str(folder / "slurm.conf")}
    files = {"key-file": "munge.key", "socket": "munge.sock", "pid-file": "munge.pid", "seed-file": "seed"}
    munge = [f"--{name}={folder / file}" for name, file in files.items()]
    with contextlib.ExitStack() as stack:
        stack.enter_context(_daemon(folder, environ, "munged", "--foreground", "--force", *munge))
        _wait((folder / "munge.sock").exists)
        stack.enter_context(_daemon(folder, environ, "slurmctld", "-D", "-i", "-c"))
        stack.enter_context(_daemon(folder, environ, "slurmd", "-D", "-N", host))
        stack.callback(_end_jobs, environ)
        _wait(lambda: _said(environ, "sinfo", "--noheader", "--format=%t") == "idle")
        yield environ


def jobs(environ):
    """Return the ids of the jobs that wait or run, an element of an array each."""
    return _said(environ, "squeue", "--noheader", "--array", "--format=%i").split()


def _end_jobs(environ):
    subprocess.run(["scancel", "--state=PENDING"], env=environ, check=False)
    subprocess.run(["scancel", "--signal=KILL", f"--user={getpass.getuser()}"], env=environ, check=False)
    with contextlib.suppress(TimeoutError):
        _wait(lambda: not jobs(environ))


@contextlib.contextmanager
def _daemon(folder, environ, name, *words):
    program = shutil.which(name, path=_PATH)
    with (folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen([program, *words], env=environ, stdout=log, stderr=log)
        try:
            yield
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _said(environ, *words):
    return subprocess.run(words, env=environ, capture_output=True, text=True, check=False).stdout.strip()


def _wait(is_so):
    until = time.monotonic() + _WAIT_S
    while not is_so():
        if time.monotonic() > until:
            raise TimeoutError
        time.sleep(0.1)


def _free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]
