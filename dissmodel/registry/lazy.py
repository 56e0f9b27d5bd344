"""The executors of a module that loads its classes only when they are asked for."""

from __future__ import annotations

import contextlib
import importlib
import pkgutil
from collections.abc import Iterable, Iterator
from types import ModuleType
from typing import TYPE_CHECKING

from dissmodel.registry.classes import ExecutorRegistry

if TYPE_CHECKING:
    from dissmodel.executor.model_executor import ModelExecutor

_MOST_MODULES = 500
# What runs, or needs what only a developer has.
_PASSED_OVER = frozenset({"__main__", "conftest", "setup", "test", "tests"})


def load_executor(module: str, name: str) -> type[ModelExecutor] | None:
    """Import a module and return the executor `name` that it, or another module of its package, defines.

    Importing a module registers the executors in it. Where that one is not among them, the names that the
    module resolves on access (``__getattr__``, PEP 562) are asked for, and then its submodules are imported,
    until the executor is there; a submodule that can't be imported is passed over.

    Raises
    ------
    Exception
        Whatever the module itself raises when it is imported.
    """
    package = module.partition(".")[0]
    imported = importlib.import_module(module)
    for _ in _steps(imported):
        found = ExecutorRegistry._executors.get(name)  # noqa: SLF001  (the published place)
        if found is not None and found.__module__.partition(".")[0] == package:
            return found
    return None


def _steps(module: ModuleType) -> Iterator[None]:
    """Load more of a module with each step; the first step is its import."""
    yield
    if hasattr(module, "__getattr__"):
        for name in dict.fromkeys([*_texts(getattr(module, "__all__", ())), *dir(module)]):
            if not name.startswith("__"):
                # An attribute that needs a missing package is not the executor that is looked for.
                with contextlib.suppress(Exception, SystemExit):
                    getattr(module, name)
                yield
    waiting = [module]
    for _ in range(_MOST_MODULES):
        if not waiting:
            return
        above = waiting.pop(0)
        for info in pkgutil.iter_modules(getattr(above, "__path__", ()), f"{above.__name__}."):
            if info.name.rpartition(".")[2] in _PASSED_OVER:
                continue
            with contextlib.suppress(Exception, SystemExit):  # as above
                waiting.append(importlib.import_module(info.name))
            yield


def _texts(values: object) -> Iterator[str]:
    if isinstance(values, Iterable):
        yield from (value for value in values if isinstance(value, str))
