"""How compiled kernels are built and run: options that keep every bit, a cache folder, threads."""

from __future__ import annotations

import hashlib
import inspect
import os
import sys
import tempfile
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path
from pickle import UnpicklingError
from types import ModuleType
from typing import Any, TypeVar, cast

import numba
from numba.core.event import Event, Listener, install_listener
from platformdirs import user_cache_dir

from dissmodel import progress
from dissmodel.workers import Workers

F = TypeVar("F", bound=Callable[..., Any])
Announce = Callable[[str], None]
Compiled = Callable[..., None]

COMPILING = "Compiling the fast kernel; this happens once on this machine and takes some seconds."

# Without fastmath a sum is added up as it is written. Without _nrt no references are counted: the functions
# make no arrays, their caller holds all of them, and counting took longer than computing.
OPTIONS: dict[str, Any] = {"fastmath": False, "error_model": "numpy", "nogil": True, "_nrt": False}


def inlined(function: F) -> F:
    """Compile a function that only compiled ones call."""
    return cast("F", numba.njit(**OPTIONS)(function))


def cached(*modules: ModuleType) -> Callable[[F], F]:
    """Compile a function and keep the code on disk for the next process, where the disk lets us.

    Parameters
    ----------
    *modules : module
        What the code depends on besides the function's own module, to which alone numba looks.
    """
    return lambda function: kept(function, cache_folder(*map(inspect.getsource, modules)), OPTIONS)


def kept(function: F, folder: Path | None, options: Mapping[str, Any]) -> F:
    """Compile a function and keep the code in a folder, if there is one; the function's file must exist."""
    config: Any = numba.config
    theirs = config.CACHE_DIR
    # numba reads this when it makes a function and at no other time; other packages keep their folder.
    config.CACHE_DIR = str(folder or "")
    try:
        return cast("F", numba.njit(cache=folder is not None, **options)(function))
    finally:
        config.CACHE_DIR = theirs


def cache_folder(*sources: str) -> Path | None:
    """Return the folder for code that depends on `sources`, made if need be; None if it can't be written.

    It is in ``NUMBA_CACHE_DIR`` where the user has set that, else in the user's cache of this package.
    """
    base = os.environ.get("NUMBA_CACHE_DIR") or Path(user_cache_dir("dissmodel", appauthor=False)) / "numba"
    try:
        text = "\0".join([inspect.getsource(sys.modules[__name__]), *sources])
        folder = Path(base) / f"dissmodel-{hashlib.sha256(text.encode()).hexdigest()[:16]}"
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError:
        return None
    return folder


class _CompileListener(Listener):
    """Calls `announce` when `function` is being compiled."""

    def __init__(self, function: Any, announce: Callable[[], None]) -> None:
        self._function = function
        self._announce = announce

    def on_start(self, event: Event) -> None:
        if event.data["dispatcher"].py_func is self._function:
            self._announce()

    def on_end(self, event: Event) -> None:
        pass


def make_ready(function: Any, arguments: tuple[Any, ...], announce: Callable[[], None]) -> Any:
    """Return `function` ready for `arguments`, from the cache or compiled; a compile is announced.

    A cache that can't be read or written any more is passed over.
    """
    typeof: Any = numba.typeof
    types = tuple(typeof(argument) for argument in arguments)
    if types not in function.overloads:
        with install_listener("numba:compile", _CompileListener(function.py_func, announce)):
            try:
                function.compile(types)
            except (OSError, EOFError, UnpicklingError):
                if types not in function.overloads:
                    function = inlined(function.py_func)
                    function.compile(types)
    return function


class CompiledKernel:
    """A kernel that numba compiles; its bits don't depend on the number of threads.

    Parameters
    ----------
    threads : int, optional
        How many threads to use; all that this process may use by default.
    announce : callable, optional
        Called with a sentence before a compile; by default the current reporter warns.
    """

    name = "numba"

    def __init__(self, threads: int | None = None, announce: Announce | None = None) -> None:
        self.threads = usable_threads() if threads is None else threads
        self._announce = announce
        self._ready: dict[Any, tuple[Compiled, ...]] = {}

    def _prepare(self, kind: Any, functions: tuple[Any, ...], arguments: Any) -> tuple[Compiled, ...]:
        """Return functions ready for arguments of this kind; a compile is announced once."""
        if kind not in self._ready:
            told: list[str] = []

            def announce() -> None:
                if not told:
                    told.append(COMPILING)
                    (self._announce or progress.current().warn)(COMPILING)

            self._ready[kind] = tuple(make_ready(function, arguments, announce) for function in functions)
        return self._ready[kind]

    def _run(self, passes: tuple[Compiled, ...], parts: list[tuple[Any, ...]]) -> None:
        """Call one function after the other with the arguments of every part, on the kernel's threads."""
        if len(parts) == 1:
            for function in passes:
                function(*parts[0])
            return
        with Workers(min(self.threads, len(parts))) as pool:
            for function in passes:
                for done in [pool.submit(function, *arguments) for arguments in parts]:
                    done.result()


def usable_threads() -> int:
    """Return how many threads can run at once in this process.

    >>> usable_threads() >= 1
    True
    """
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def cut(size: int, parts: int) -> list[tuple[int, int]]:
    """Return the begin and the end of `parts` ranges of nearly one length.

    >>> cut(5, 2)
    [(0, 2), (2, 5)]
    """
    return list(pairwise(size * number // parts for number in range(parts + 1)))
