"""Runs of dissmodel that are killed with SIGKILL, each in a process of its own.

Prints what they left, as JSON.

Usage: killing.py FOLDER steps|times COUNT

Each trial forks this process, so that the libraries are loaded once. ``steps`` kills a run before its first
and then before each COUNT-th operation on a file in its folder or in that of the user's key (as Python's
audit hooks see it), until one gets through; ``times`` kills COUNT runs at instants spread evenly over the
time that a run takes.
"""

import contextlib
import io
import json
import os
import shutil
import signal
import sys
import time
from pathlib import Path

from dissmodel import materialize
from dissmodel.cli.app import main
from dissmodel.experiment.verify import verify
from dissmodel.materialize import key
from dissmodel.record.digest import sha256_file

RUN = ["run", "coastal_raster", "--input", "../grid.zip", "--output", "r.tif"]
OLD = [*RUN, "--param", "end_time=1"]
NEW = [*RUN, "--param", "end_time=3", "--overwrite"]


def dissmodel(*words):
    sys.argv = ["dissmodel", *words]
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        try:
            main()
        except SystemExit as ended:
            return ended.code or 0
    return 0


def run_and_die(folder, at=0, after=None):
    """Run in a child that is killed before its `at`-th step or `after` seconds; return what it did."""
    reader, writer = os.pipe()
    began = time.perf_counter()
    child = os.fork()
    if child == 0:
        os.close(reader)
        os.chdir(folder)
        steps = []

        def step(event, arguments):
            paths = [str(one) for one in arguments if isinstance(one, str | os.PathLike)]
            inside = [path for path in paths if path.startswith((str(folder), state_folder()))]
            inside += [path for path in paths if ".dissmodel-" in path and path not in inside]
            if not inside or event not in {
                "open",
                "os.rename",
                "os.remove",
                "os.mkdir",
                "os.rmdir",
                "shutil.copyfile",
            }:
                return
            steps.append(event)
            os.write(writer, f"{event} {Path(inside[-1]).name}\n".encode())
            if len(steps) == at:
                os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(step)
        os._exit(dissmodel(*NEW))
    os.close(writer)
    if after is not None:
        time.sleep(after)
        os.kill(child, signal.SIGKILL)
    with os.fdopen(reader) as stream:
        steps = stream.read().splitlines()
    status = os.waitpid(child, 0)[1]
    return {
        "steps": steps,
        "killed": os.WIFSIGNALED(status),
        "code": status >> 8,
        "took": time.perf_counter() - began,
    }


def state_folder():
    return os.environ["XDG_STATE_HOME"]


def state(folder):
    """What lies in a folder: the digest of the result, and whether a record vouches for it and holds."""
    record = folder / "r.record.json"
    names = sorted(path.name for path in folder.iterdir())
    status = json.loads(record.read_text())["status"] if record.exists() else None
    return {
        "names": names,
        "output": sha256_file(folder / "r.tif") if (folder / "r.tif").exists() else None,
        "status": status,
        "holds": verify((record,)).ok if status == "completed" else None,
    }


def tree(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


def trial(root, template, **how):
    folder = root / "trial"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(template, folder)
    # Each run is the first of its user, who has no key yet.
    shutil.rmtree(state_folder(), ignore_errors=True)
    key._known.clear()
    killed = run_and_die(folder, **how)
    after_kill = state(folder)
    os.chdir(folder)
    before = tree(folder)
    shown = dissmodel("record", "show", "r.record.json")
    verified = dissmodel("record", "verify", "r.record.json")
    listed = dissmodel("record", "list", ".")
    is_unchanged = before == tree(folder)
    materialize.settle(folder / "r.record.json")
    after_settle = state(folder)
    again = dissmodel(*NEW)
    return {
        **killed,
        "after_kill": after_kill,
        "looked": [shown, verified, listed],
        "is_unchanged": is_unchanged,
        "after_settle": after_settle,
        "again": again,
        "after_run": state(folder),
    }


def whole(root, name, command):
    folder = root / name
    folder.mkdir()
    os.chdir(folder)
    if command:
        assert dissmodel(*command) == 0
    return folder


def trials(root, kind, count):
    templates = {"nothing": whole(root, "nothing", None), "a pair": whole(root, "pair", OLD)}
    new = state(whole(root, "new", NEW))["output"]
    known = {"old": state(templates["a pair"])["output"], "new": new}
    found = []
    for over, template in templates.items():
        if kind == "steps":
            at, killed = 1, True
            while killed:
                found.append({"over": over, **trial(root, template, at=at)})
                at, killed = at + count, found[-1]["killed"]
        else:
            whole_time = min(trial(root, template)["took"] for _ in range(3))
            instants = [whole_time * (number + 0.5) / count for number in range(count)]
            found += [{"over": over, **trial(root, template, after=instant)} for instant in instants]
    return {"known": known, "trials": found}


if __name__ == "__main__":
    root = Path(sys.argv[1]).resolve()
    os.environ["XDG_STATE_HOME"] = str(root / "state")
    result = trials(root, sys.argv[2], int(sys.argv[3]))
    sys.stdout.write(json.dumps(result))
