"""A task and its end, as bytes on their way to a worker and back."""

from __future__ import annotations

import pickle
import traceback
from collections.abc import Callable
from typing import Any

from dissmodel.engines.threads import limit_threads


def packed(task: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> bytes:
    """Return a call as bytes; raises what pickle raises."""
    return pickle.dumps((task, args, kwargs), pickle.HIGHEST_PROTOCOL)


def answer(call: bytes, threads: int | None = None) -> bytes:
    """Do a packed call, and return its result or its exception as bytes.

    `threads` limits the threads of a process that other people started.
    """
    try:
        if threads is not None:
            limit_threads(threads)
        task, args, kwargs = pickle.loads(call)  # noqa: S301  (of whoever started this worker)
        return pickle.dumps((task(*args, **kwargs), None), pickle.HIGHEST_PROTOCOL)
    except BaseException as error:  # noqa: BLE001  (whoever asks for the result gets it)
        text = "".join(traceback.format_exception(error))
        plain = RuntimeError(f"{type(error).__name__}: {error}")
        plain.add_note(text)
        if not isinstance(error, Exception):  # the end of a worker is not the end of who asks
            return pickle.dumps((None, plain))
        error.add_note(text)
        try:
            said = pickle.dumps((None, error))
            pickle.loads(said)  # noqa: S301  (our own; many exceptions can be packed and not unpacked)
        except Exception:  # noqa: BLE001  (an exception's own pickling may raise anything)
            return pickle.dumps((None, plain))
        return said


def result(said: bytes) -> Any:
    """Return the result of an answer, or raise its exception."""
    value, error = pickle.loads(said)  # noqa: S301  (from a worker of ours)
    if error is not None:
        raise error
    return value
