"""The seed of a run: that of the global generators of Python and NumPy, and of what a model draws by it."""

from __future__ import annotations

import ast
import importlib.util
import itertools
import os
import random
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from dissmodel import progress

_DRAWN_BYTES = 4  # a seed that people can type
_NUMPY = "numpy.random"
_INSTALLED = ("site-packages", "dist-packages")


class RunSeed:
    """The seed of a run; `used` says whether a result may depend on it.

    Parameters
    ----------
    given : int or None
        What the user gave; None: it is drawn, and said as soon as it is used.
    """

    def __init__(self, given: int | None) -> None:
        self.is_drawn = given is None
        self.value = int.from_bytes(os.urandom(_DRAWN_BYTES)) if given is None else given
        self.used = False
        self._reporter = progress.current()

    def use(self) -> int:
        """Return the seed; the record will have it."""
        if self.is_drawn and not self.used:
            self._reporter.output(
                f"The model draws random numbers; its seed was drawn: {self.value}. "
                f"The same again: --seed {self.value}"
            )
        self.used = True
        return self.value


_current: ContextVar[RunSeed | None] = ContextVar("dissmodel_run_seed", default=None)


def current() -> RunSeed | None:
    """Return the seed of the run that is going on; None where a lifecycle is run by itself."""
    return _current.get()


def given_seed(seed: int | None, parameters: Mapping[str, Any]) -> int | None:
    """Return the seed that a run was given, as ``--seed`` or as a parameter `seed`."""
    named = parameters.get("seed")
    if seed is None and isinstance(named, int) and not isinstance(named, bool) and named >= 0:
        return named
    return seed


@contextmanager
def seeded(seed: RunSeed, model: type) -> Iterator[None]:
    """In the block, the global generators of Python and NumPy have the seed; then they are what they were.

    So has each ``numpy.random.default_rng()`` without a seed: those that are called in the block, and those
    that a module or a class of the code of `model` keeps. NumPy's are seeded once they are loaded.
    """
    token = _current.set(seed)
    before = random.getstate()
    random.seed(seed.value)
    begun = random.getstate()
    numpy = _NumPy(seed, model)
    try:
        yield
    finally:
        if random.getstate() != begun:
            seed.use()
        random.setstate(before)
        numpy.end()
        _current.reset(token)


class _NumPy(MetaPathFinder):
    """Seeds NumPy's generators, at once or when they are imported."""

    def __init__(self, seed: RunSeed, model: type) -> None:
        self._seed = seed
        self._undo: list[Callable[[], object]] = []
        self._ended = False
        if _NUMPY in sys.modules:
            self._begin(sys.modules[_NUMPY], _own_modules(model))
        else:
            sys.meta_path.insert(0, self)

    def find_spec(self, name: str, _path: Any, _target: ModuleType | None = None) -> ModuleSpec | None:
        """Have the module seeded as soon as it is loaded."""
        if name != _NUMPY:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            load = spec.loader.exec_module

            def load_and_begin(module: ModuleType) -> None:
                load(module)
                self._begin(module, [])

            spec.loader.exec_module = load_and_begin  # type: ignore[method-assign]
        return spec

    def end(self) -> None:
        """Look whether they were used, and undo all."""
        self._ended = True
        if self in sys.meta_path:
            sys.meta_path.remove(self)
        for undo in reversed(self._undo):
            undo()

    def _begin(self, numpy_random: Any, own: list[ModuleType]) -> None:
        kept = numpy_random.get_bit_generator()  # the caller's stays as it is

        def begin() -> None:
            numpy_random.set_bit_generator(numpy_random.MT19937())
            numpy_random.seed(self._seed.value % 2**32)

        self._watch(
            lambda: numpy_random.get_bit_generator().state,
            lambda _: numpy_random.set_bit_generator(kept),
            begin,
        )
        original, numbers = numpy_random.default_rng, itertools.count()

        def new() -> Any:
            return original(numpy_random.SeedSequence(self._seed.value, spawn_key=(next(numbers),)))

        def default_rng(seed: Any = None) -> Any:
            if seed is not None or self._ended:  # a module that was imported in the run keeps this function
                return original(seed)
            self._seed.use()
            return new()

        default_rng.original = original  # type: ignore[attr-defined]
        for module in (numpy_random, *own):
            for name, value in list(vars(module).items()):
                stale = isinstance(value, FunctionType) and getattr(value, "original", None) is original
                if stale or value is original:
                    self._undo.append(partial(setattr, module, name, value))
                    setattr(module, name, default_rng)
        for place, generator in _kept_generators(own):
            if isinstance(generator, numpy_random.Generator):
                bits = generator.bit_generator
                move = partial(setattr, bits, "state")
                self._watch(partial(getattr, bits, "state"), move, partial(move, new().bit_generator.state))
            else:
                progress.current().warn(
                    f"{place}: the generator of default_rng() has no seed, and --seed does not reach it. "
                    "Call default_rng() in a method of the model."
                )

    def _watch(
        self, state: Callable[[], Any], restore: Callable[[Any], object], begin: Callable[[], object]
    ) -> None:
        """Begin; at the end look whether the state is another one, and restore the one of before."""
        import pickle  # noqa: PLC0415  (NumPy has loaded it)

        before = state()
        begin()
        begun = pickle.dumps(state())

        def end() -> None:
            if pickle.dumps(state()) != begun:
                self._seed.use()
            restore(before)

        self._undo.append(end)


def _own_modules(model: type) -> list[ModuleType]:
    """Return the module of a model and those beside it and below, but no installed packages."""
    source = getattr(sys.modules.get(model.__module__), "__file__", None)
    if source is None:
        return []
    folder = os.path.dirname(os.path.abspath(source))  # noqa: PTH100, PTH120  (as a text, hundreds of times)
    found = []
    for module in list(sys.modules.values()):
        path = str(getattr(module, "__file__", None))
        beside = path.startswith(folder + os.sep) and not folder.endswith(_INSTALLED)
        if path == source or (beside and not any(part in path[len(folder) :] for part in _INSTALLED)):
            found.append(module)
    return found


def _kept_generators(modules: list[ModuleType]) -> Iterator[tuple[str, Any]]:
    """Yield where a module calls ``default_rng()`` while it is loaded, and the generator; None: not known."""
    for module in modules:
        path = Path(str(module.__file__))
        try:
            text = path.read_text(encoding="utf-8")
            tree = ast.parse(text) if "default_rng" in text else ast.Module([], [])
        except (OSError, ValueError, SyntaxError):  # no source: a compiled module
            continue
        names = {
            id(node.value): target.id
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign | ast.AnnAssign)
            for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
            if isinstance(target, ast.Name)
        }
        classes = [one for one in vars(module).values() if isinstance(one, type)]
        owners = [*(one for one in classes if one.__module__ == module.__name__), module]
        kept = {name: value for owner in owners for name, value in vars(owner).items()}
        for call in _calls_when_loaded(tree):
            yield f"{path.name}, line {call.lineno}", kept.get(names.get(id(call), ""))


def _calls_when_loaded(node: ast.AST) -> Iterator[ast.Call]:
    """Yield the calls of ``default_rng()`` without a seed that are outside of functions."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        inner: list[ast.AST] = [*node.decorator_list, node.args]
    elif isinstance(node, ast.Lambda):
        inner = [node.args]
    elif isinstance(node, ast.If) and "__name__" in ast.unparse(node.test):  # it is run as a program only
        inner = [*node.orelse]
    else:
        inner = list(ast.iter_child_nodes(node))
        called = ast.unparse(node.func).rpartition(".")[2] if isinstance(node, ast.Call) else ""
        if isinstance(node, ast.Call) and called == "default_rng":
            seeds = [*node.args, *(word.value for word in node.keywords)]
            if all(isinstance(one, ast.Constant) and one.value is None for one in seeds):
                yield node
    for one in inner:
        yield from _calls_when_loaded(one)
