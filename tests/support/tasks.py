"""Tasks for engines; each can be sent to a process that has this folder's parent in its path."""

import os
import signal
import time
from pathlib import Path

import dissmodel


def pid():
    """Return the number of the worker's process."""
    return os.getpid()


def end_itself(name="SIGKILL"):
    """Be killed."""
    os.kill(os.getpid(), getattr(signal, name))


def end_itself_and_leave_a_copy():
    """Be killed while a copy by fork lives on."""
    if os.fork():
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(30)
    os._exit(0)


def return_twice():
    """Return in a copy by fork too, as a careless model does."""
    os.fork()
    return os.getpid()


def fail(error):
    """Raise an exception."""
    raise error


class Odd(Exception):
    """An exception that can be packed and not unpacked."""

    def __init__(self, first, second):
        super().__init__(first)


def fail_oddly():
    """Raise an exception that can't be unpacked."""
    raise Odd("the tide", 2)


def use_memory(size):
    """Allocate bytes and touch them."""
    held = bytearray(size)
    for place in range(0, size, 4096):
        held[place] = 1
    time.sleep(30)


def say(text):
    """Print, and write to the standard output itself."""
    print(text, flush=True)  # noqa: T201  (the test is about that)
    os.write(1, text.encode())


def variables(*names):
    """Return variables of the worker."""
    return [os.environ.get(name) for name in names]


def note(folder, name, seconds=0.0):
    """Write a file when begun and another when done."""
    begun = Path(folder, f"{name}.{time.time_ns()}.begun")
    begun.write_text(str(os.getpid()))
    time.sleep(seconds)
    begun.with_suffix(".done").touch()
    return name


def run_model(model, source, output, seed):
    """Run a model, and return the digests of its files."""
    record = dissmodel.run(model, input=source, output=output, seed=seed, threads=1).record
    return record.artifacts
