"""From what a user typed to an executor class: an installed model, or one in a ``.py`` file."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import inspect
import os
import pkgutil
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib.machinery import SourceFileLoader
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import CodeType, ModuleType
from typing import TYPE_CHECKING, Any

from dissmodel.errors import DissmodelError, UsageError, did_you_mean, extra_hint
from dissmodel.record import observed
from dissmodel.registry.classes import ExecutorRegistry

if TYPE_CHECKING:
    from dissmodel.executor.model_executor import ModelExecutor

GROUP = "dissmodel.executors"
BUILTIN = "builtin"
ALIASES = "dissmodel.aliases"
"""Published names of built-in models, which give way to a package's own model of that name."""

_MOST_MODULES = 500
# What runs, or needs what only a developer has.
_PASSED_OVER = frozenset({"__main__", "conftest", "setup", "test", "tests"})


@dataclass(frozen=True)
class Offer:
    """A model that an installed package offers, not loaded yet."""

    name: str
    origin: str
    distribution: str
    entry_point: EntryPoint

    @property
    def qualified(self) -> str:
        """The name that nothing else has, such as ``builtin/coastal_raster``."""
        return f"{self.origin}/{self.name}"

    def load(self) -> LoadedModel:
        """Import it.

        Raises UsageError if it can't be imported or is not an executor of that name.
        """
        try:
            found: Any = self.entry_point.load()
        except (Exception, SystemExit) as error:  # a plugin is foreign code: whatever it raises is its own
            raise _broken(self, f"{type(error).__name__}: {error}", extra_hint(error)) from error
        if isinstance(found, ModuleType):  # importing it registered what it defines
            registered = ExecutorRegistry._executors.get(self.name)  # noqa: SLF001  (the published place)
            found = registered or load_executor(found.__name__, self.name)
        if not _is_executor(found):
            raise _broken(self, f"{self.entry_point.value} is not an executor")
        if found.name != self.name:
            raise _broken(self, f"the name of its executor is {found.name!r}")
        return LoadedModel(found, self.origin, self.distribution)


@dataclass(frozen=True)
class LoadedModel:
    """An executor class and where it came from: ``builtin``, a distribution or a file."""

    executor: type[ModelExecutor]
    origin: str
    distribution: str | None = None


def offers() -> tuple[Offer, ...]:
    """Return every model that an installed package offers, by name; nothing is imported."""
    return observed.once(offers, lambda: _offers(tuple((place, _changed(place)) for place in sys.path)))


def aliases() -> tuple[str, ...]:
    """Return the published names of built-in models."""
    return tuple(point.name for point in entry_points(group=ALIASES))


@lru_cache(maxsize=1)  # a service asks again and again, and to read what is installed takes long
def _offers(_installed: tuple[tuple[str, int], ...]) -> tuple[Offer, ...]:
    found: dict[tuple[str, str], Offer] = {}
    for point in entry_points(group=GROUP):
        distribution = point.dist.name if point.dist is not None else "unknown"
        origin = BUILTIN if distribution == "dissmodel" else distribution
        found.setdefault((origin, point.name), Offer(point.name, origin, distribution, point))
    return tuple(sorted(found.values(), key=lambda offer: (offer.name, offer.origin)))


def _changed(place: str) -> int:
    """Return when a folder of packages was changed last: when one was installed, or removed."""
    try:
        return os.stat(place or os.curdir).st_mtime_ns  # noqa: PTH116  (a text, many times)
    except (OSError, ValueError):
        return 0


def find(text: str, module: str | None = None) -> LoadedModel:
    """Return the model that `text` names: ``name``, ``origin/name``, ``file.py`` or ``file.py:name``.

    `module` is imported where no package offers the name; importing it registers its executors.

    Raises UsageError if there is no such model, two packages offer it, or it can't be loaded.
    """
    if text.endswith(".py") or ".py:" in text:
        path, _, name = text.partition(".py:") if ".py:" in text else (text.removesuffix(".py"), "", "")
        return _from_file(Path(path + ".py"), name)
    known = offers()
    matching = [offer for offer in known if text in {offer.name, offer.qualified}]
    if len(matching) > 1:
        names = ", ".join(offer.qualified for offer in matching)
        raise UsageError(
            f"{text}: more than one package offers this model: {names}.",
            f"Choose one: dissmodel run {matching[0].qualified} ...",
            code="ambiguous_model",
        )
    if matching:
        return matching[0].load()
    if module:
        install = "Install the package that the spec names into this environment."
        problem = f"The model {text!r} needs the module {module}"
        found = _load_from(module, text, problem, lambda error: extra_hint(error) or install)
        if found is not None:
            return LoadedModel(found, found.__module__)
    registered = ExecutorRegistry._executors.get(text)  # noqa: SLF001  (the published place)
    if registered is not None:
        return LoadedModel(registered, registered.__module__)
    for alias in entry_points(group=ALIASES, name=text):  # any model of that name was found above
        return find(f"{BUILTIN}/{alias.value}")
    hint = did_you_mean(text, [offer.name for offer in known])
    raise UsageError(
        f"There is no model {text!r}.", f"{hint} List them: dissmodel show".strip(), code="unknown_model"
    )


def find_in(name: str, module: str | None, distribution: str | None) -> LoadedModel:
    """Return the model `name` that one package defines, whatever others offer under that name.

    By default `module` is what the distribution's entry points say, else its package of that name.

    Raises UsageError if the package can't be imported or defines no such model.
    """
    if module is None:
        wanted = (distribution or "").replace("_", "-").lower()
        for offer in offers():
            if offer.name == name and wanted in {"", offer.distribution.replace("_", "-").lower()}:
                return offer.load()
        module = (distribution or name).replace("-", "_")
    before = dict(ExecutorRegistry._executors)  # noqa: SLF001  (the published place)
    package = distribution or name
    publish = "Ask the publisher of the model: its executor_module must be importable."
    found = _load_from(module, name, f"{package}: {module} can't be imported", lambda _: publish)
    if found is not None:
        return LoadedModel(found, distribution or module, distribution)
    now = ExecutorRegistry._executors  # noqa: SLF001  (as above)
    new = sorted(executor for executor in now if now[executor] is not before.get(executor))
    others = f"only {', '.join(new)}" if new else "nothing"
    raise UsageError(
        f"{package}: {module} registers {others}, no model {name!r}.",
        "Ask the publisher of the model: class and the executor's name must be the same.",
        code="model_unloadable",
    )


def _load_from(
    module: str, name: str, problem: str, hint: Callable[[BaseException], str]
) -> type[ModelExecutor] | None:
    try:
        return load_executor(module, name)
    except (Exception, SystemExit) as error:  # foreign code: whatever it raises is its own
        why = f"{type(error).__name__}: {error}"
        raise UsageError(f"{problem}: {why}.", hint(error), code="model_unloadable") from error


def _from_file(path: Path, name: str) -> LoadedModel:
    if not path.is_file():
        raise UsageError(
            f"{path}: there is no such file.", "Give the path of a Python file.", code="unknown_model"
        )
    module = _import_file(path)
    own = [value for value in vars(module).values() if getattr(value, "__module__", "") == module.__name__]
    found = [value for value in own if _is_executor(value)]
    named = [cls for cls in found if cls.name == name] if name else found
    if len(named) == 1:
        return LoadedModel(named[0], str(path))
    if not found:
        half = [
            f"{value.__name__} lacks {_missing_in(value)}"
            for value in own
            if inspect.isclass(value) and (inspect.isabstract(value) or _has_steps(value))
        ]
        raise UsageError(
            f"{path} defines no executor{': ' if half else ''}{'; '.join(half)}.",
            "Define a subclass of dissmodel.executor.ModelExecutor with a name and load, run and save.",
            code="model_unloadable",
        )
    names = ", ".join(cls.name for cls in found)
    raise UsageError(
        f"{path} has {'no executor ' + repr(name) if name else 'several executors'}: {names}.",
        f"Choose one: {path}:{found[0].name}",
        code="ambiguous_model",
    )


def _import_file(path: Path) -> ModuleType:
    full = path.resolve()
    root = full.parent
    while (root / "__init__.py").is_file():
        root = root.parent
    # A file of a package is imported as such, for it may import its neighbours by the package's name.
    inside = ".".join(full.relative_to(root).with_suffix("").parts)
    name = inside if "." in inside else f"dissmodel_file_{full.stem}"
    spec = importlib.util.spec_from_file_location(name, full)
    if spec is None or spec.loader is None:
        raise UsageError(
            f"{path} can't be imported as Python.", "Give the path of a .py file.", code="model_unloadable"
        )
    if isinstance(spec.loader, SourceFileLoader):
        spec.loader = _Uncached(name, str(full))
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    # As `python file.py` does, so that the file finds its neighbours, also those it imports later.
    places = dict.fromkeys([str(root), str(full.parent)])
    sys.path[:] = [*places, *(place for place in sys.path if place not in places)]
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # a user's file: whatever it raises is its own
        del sys.modules[name]
        # Python's own text of it repeats the file's name and the line.
        line, said = "", str(error)
        if isinstance(error, SyntaxError) and error.lineno is not None:
            line, said = f", line {error.lineno}", error.msg
        if isinstance(error, DissmodelError):  # a declaration that a class of ours refused
            lines = [
                one.lineno for one in traceback.extract_tb(error.__traceback__) if one.filename == str(full)
            ]
            line = f", line {lines[-1]}" if lines else ""
            raise UsageError(
                f"{path}{line} can't be loaded: {said}", error.hint, code="model_unloadable"
            ) from error
        raise UsageError(
            f"{path}{line} can't be loaded: {type(error).__name__}: {said}",
            extra_hint(error) or f"See the error: python {path}",
            code="model_unloadable",
        ) from error
    return module


class _Uncached(SourceFileLoader):
    """Compiles what the file says now, and leaves nothing beside it.

    Python takes what it compiled before for a file of the same size and second, so a quick edit could run as
    the code that it replaced.
    """

    def get_code(self, fullname: str) -> CodeType:  # noqa: ARG002  (the loader's own signature)
        """Compile the source."""
        code: CodeType = self.source_to_code(self.get_data(self.path), self.path)
        return code


def _is_executor(value: object) -> bool:
    """Tell whether it is a class that a run can use (the contract itself lives a layer above)."""
    return (
        isinstance(value, type)
        and isinstance(getattr(value, "name", None), str)
        and _has_steps(value)
        and not inspect.isabstract(value)
    )


def _missing_in(half: type) -> str:
    return ", ".join(sorted(getattr(half, "__abstractmethods__", ()))) or "a name"


def _has_steps(value: type) -> bool:
    return all(callable(getattr(value, step, None)) for step in ("validate", "load", "run", "save"))


def _broken(offer: Offer, why: str, hint: str = "") -> UsageError:
    return UsageError(
        f"The model {offer.qualified} can't be loaded: {why}.",
        hint or f"Fix or remove the package: pip uninstall {offer.distribution}",
        code="model_unloadable",
    )


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
