"""A rule compiled with numba: the generated loop over all cells, on windows of a grid or on links."""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

import numba
import numpy as np
from numba import types
from numba.core.errors import NumbaError
from numba.core.event import Event, Listener, install_listener
from numba.extending import overload
from numpy.typing import NDArray

from dissmodel.cells import kernel_build, kernel_near
from dissmodel.cells.grids import Grid
from dissmodel.cells.kernel_build import Compiled, CompiledKernel, cache_folder, cut, inlined, kept
from dissmodel.cells.kernel_source import NearForm, Rule, loop_source
from dissmodel.cells.mistakes import ModelMistake, Place
from dissmodel.executor.config import settings

if TYPE_CHECKING:
    from dissmodel.cells.kernels import Given

Array = NDArray[Any]

# A division by zero is an error, as it is in Python.
OPTIONS = kernel_build.OPTIONS | {"error_model": "python"}

_FEWEST = 2**18  # cells that are worth a thread


@inlined
def fill(frame: Array, values: Array, runs: Any, first: int, last: int) -> None:
    """Copy rows of the map into a frame: row y to row y modulo its height; 0 where no cell is.

    The frame is as high as the window and wider than the map by a margin on both sides. `runs` are those of
    `Grid.runs`; with `in_place` at their end only windows that reach over an edge are read from the frame.
    """
    _, begin, end, place, starts, in_place = runs
    margin, rows = frame.shape[0] // 2, starts.size - 1
    slot = first % frame.shape[0]
    for y in range(first, last):
        line = frame[slot]
        slot = 0 if slot + 1 == frame.shape[0] else slot + 1
        runs_from, runs_to = (starts[y], starts[y + 1]) if 0 <= y < rows else (0, 0)
        if runs_from == runs_to or end[runs_from] - begin[runs_from] + 2 * margin != line.size:
            line[:] = 0  # the margins of a full row are 0 as they were
        for run in range(runs_from, runs_to):
            to = line[begin[run] + margin : end[run] + margin]
            of = values[place[run] : place[run] + to.size]
            if in_place and 2 * margin <= y < rows - 2 * margin and to.size > 4 * margin:
                for cell in range(2 * margin):
                    to[cell] = of[cell]
                    to[to.size - 1 - cell] = of[to.size - 1 - cell]
            else:
                for cell in range(to.size):
                    to[cell] = of[cell]


def _typed(accepted: tuple[Any, ...], number: Callable[[Any], Any]) -> Any:
    def result(value: Any) -> Any: ...

    def implemented(value):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202  (numba compares signatures)
        return (lambda value: number(value)) if isinstance(value, accepted) else None  # noqa: PLW0108  (as above)

    overload(result)(implemented)

    return result


AS = {
    "as_bool": _typed((types.Boolean,), np.uint8),
    "as_int": _typed((types.Boolean, types.Integer), np.int64),
    "as_float": _typed((types.Boolean, types.Integer, types.Float), np.float64),
}
"""Functions that take what a rule may return; anything else does not compile."""


class Loop(CompiledKernel):
    """A rule's loop over all cells, for arguments of certain kinds.

    Parameters
    ----------
    rule : Rule
    node : ast.FunctionDef
        The rule as `Rule.rewritten` returns it.
    kinds : mapping of str to str
        Of each parameter, as `kernel_source.loop_source` takes them.
    forms : mapping of str to NearForm
        Of the parameters that are neighbours.
    """

    def __init__(
        self, rule: Rule, node: ast.FunctionDef, kinds: Mapping[str, str], forms: dict[str, NearForm]
    ) -> None:
        super().__init__(settings.threads)
        self._rule, self._forms = rule, forms
        self._margin = max((max(form.reach.values()) for form in forms.values() if form.reach), default=0)
        loop, self._names = loop_source(kinds, forms, self._margin, rule.returns)
        source = "\n".join(
            ["import numpy as np\n", *(form.functions(self._margin) for form in forms.values()), loop]
        )
        scope: dict[str, Any] = {}
        said = _held(rule, scope)
        kit = [inspect.getsource(sys.modules[name]) for name in (__name__, kernel_near.__name__)]
        folder = cache_folder(*kit, numba.__version__, source, ast.unparse(node), *said)
        path = "<kernel>" if folder is None else str(folder / f"{rule.name}.py")
        try:  # numba keeps what comes from a file that exists
            if folder is not None and not Path(path).exists():
                Path(path).write_text(source, encoding="utf-8")
        except OSError:
            folder = None
        module = ModuleType(f"dissmodel_kernel_{rule.name}_{folder and folder.name}")
        sys.modules[module.__name__] = module  # numba looks it up
        names = vars(module)
        exec(compile(source, path, "exec"), names)  # noqa: S102  (it was written above)
        scope |= {name: numba.njit(**OPTIONS)(names[name]) for name in names if name.split("__")[0] in forms}
        for form in forms.values():
            scope |= _functions(form, scope)
        self._compiled_rule = _compiled(node, rule, scope)
        names |= AS | {"fill": fill, "rule": self._compiled_rule}
        self._loop = kept(names["loop"], folder, OPTIONS)

    def run(self, given: Mapping[str, Given], out: Array) -> bool:
        """Write the results to `out`; return whether they fit it."""
        found = {f"{name}__all": one.values for name, one in given.items()}
        runs: tuple[Any, ...] = ()
        size, shape = len(out), (0, 0)
        for name, form in self._forms.items():
            topology = given[name].topology
            assert topology is not None
            if form.reach is not None and isinstance(topology, Grid):
                size = len(topology.runs[0])
                runs = *topology.runs, len(out) == topology.inside.size
                shape = 2 * self._margin + 1, topology.inside.shape[1] + 2 * self._margin
                found[f"{name}__mask__all"] = np.ones(len(out) if form.masked else 0, np.uint8)
                continue
            links = topology.as_links()
            numbers = links.neighborhood.neighbors
            # As unsigned numbers: an index that can be negative costs a test.
            found[f"{name}__numbers"] = numbers.view(f"u{numbers.itemsize}")
            found[f"{name}__offsets"], found[f"{name}__weights"] = (
                links.neighborhood.offsets,
                given[name].weights,
            )
        frames = [name for name in self._names if name.endswith("__frame")]
        parts = []
        for first, last in cut(size, max(1, min(self.threads, len(out) // _FEWEST))):
            found |= {name: np.zeros(shape, found[name[: -len("frame")] + "all"].dtype) for name in frames}
            arguments = [found[name] for name in self._names]
            parts.append((runs, first, last, *arguments, out, np.zeros(1, np.int64)))
        self._run(self._ready_for(out.dtype, parts[0]), parts)
        return out.dtype != np.uint8 or not any(part[-1][0] for part in parts)

    def _ready_for(self, dtype: np.dtype[Any], arguments: tuple[Any, ...]) -> tuple[Compiled, ...]:
        """Return the compiled loop; raise `ModelMistake` with the author's line that can't be compiled."""
        tried: list[tuple[Any, Any]] = []
        try:
            with install_listener("numba:compile", _Noting(tried)):
                return self._prepare(dtype, (self._loop,), arguments)
        except NumbaError as error:
            for function, kinds in tried:  # the innermost comes first
                code = function.py_func.__code__
                if code.co_filename != self._rule.place.path:
                    continue
                try:
                    function.compile(kinds)
                except NumbaError as cause:
                    raise _not_compiled(cause, Place(code.co_filename, code.co_firstlineno)) from error
            if self._compiled_rule.signatures:  # it compiled, and the loop takes no such result
                returned = self._compiled_rule.nopython_signatures[0].return_type
                raise self._rule.wrong_return(str(returned)) from error
            raise


class _Noting(Listener):
    """Notes the functions that were compiled or could not be, and the types of their arguments."""

    def __init__(self, tried: list[tuple[Any, Any]]) -> None:
        self._tried = tried

    def on_start(self, event: Event) -> None:
        pass

    def on_end(self, event: Event) -> None:
        self._tried.append((event.data["dispatcher"], event.data["args"]))


def _not_compiled(cause: NumbaError, first: Place) -> ModelMistake:
    """Return the error of an author's line that numba does not compile, or of a function's first line."""
    loc = getattr(cause, "loc", None)
    place = first if loc is None else Place(loc.filename, loc.line)
    lines = [line.strip() for line in str(cause).splitlines() if line.strip()]
    return ModelMistake(
        f"This can't be compiled: {' '.join(lines[1:3]) or lines[0]}",
        "A rule takes numbers, if, for, while, and the functions of math; it makes no lists and no texts.",
        place,
    )


def _held(rule: Rule, scope: dict[str, Any]) -> list[str]:
    """Add what the rule's names mean to `scope`; return texts that differ where their meaning does."""
    said = []
    for name, value in rule.scope().items():
        scope[name] = value
        said.append(f"{name} = {value!r}")
        if isinstance(value, Rule):
            inner: dict[str, Any] = {}
            said[-1] = f"{name}: {ast.unparse(value.node)} {_held(value, inner)}"
            scope[name] = _compiled(value.node, value, inner)
    return said


def _functions(form: NearForm, scope: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a rule asks of neighbours, compiled: `kernel_near` with the functions of the loop."""
    prefix = f"{form.name}__"
    seen = {name.removeprefix(prefix): value for name, value in scope.items() if name.startswith(prefix)}
    own: dict[str, Any] = {}
    for name, function in vars(kernel_near).items():
        own[name] = seen.get(name, function)
        if isinstance(function, FunctionType) and name not in seen:
            own[name] = numba.njit(**OPTIONS)(FunctionType(function.__code__, own, name))
    return {name: own[function.__name__] for name, function in form.asked.items()}


def _compiled(node: ast.FunctionDef, rule: Rule, scope: dict[str, Any]) -> Any:
    """Return a function, compiled, with the file and lines of its author."""
    exec(compile(ast.Module([node], []), rule.place.path, "exec"), scope)  # noqa: S102  (it runs anyway)
    return numba.njit(**OPTIONS)(scope[node.name])
