"""The source of a rule: what it may hold, and the loop that is generated round it."""

from __future__ import annotations

import ast
import builtins
import copy
import inspect
import textwrap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

import numpy as np

from dissmodel.cells.kernel_near import METHODS, NO_PLACE_NEEDED, WITH_CODE, number
from dissmodel.cells.mistakes import ModelMistake, Place
from dissmodel.errors import did_you_mean

_MOST_NARROW = 127
_RETURNS = ("bool", "int", "float")
_REFUSED = (
    *(
        ast.FunctionDef,
        ast.AsyncFunctionDef,
        ast.ClassDef,
        ast.Lambda,
        ast.Import,
        ast.ImportFrom,
        ast.Global,
    ),
    *(ast.Nonlocal, ast.List, ast.ListComp, ast.Dict, ast.DictComp, ast.Set, ast.SetComp, ast.GeneratorExp),
    *(ast.Yield, ast.YieldFrom, ast.Await, ast.Try, ast.With, ast.JoinedStr, ast.Delete),
)


class Rule:
    """A function of one cell, or one that it calls, read from its source.

    Raises
    ------
    ModelMistake
        If the source is not there, or shows that the function can't be computed.
    """

    def __init__(self, function: FunctionType, *, is_helper: bool = False) -> None:
        self.function, self.name = function, function.__name__
        self.place = Place(function.__code__.co_filename, function.__code__.co_firstlineno)
        try:
            tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
        except (OSError, SyntaxError) as error:
            raise self.mistake(f"The source of {self.name} can't be read.", "Write it in a file.") from error
        ast.increment_lineno(tree, self.place.line - 1)
        node = tree.body[0]
        if not isinstance(node, ast.FunctionDef):
            raise self.mistake(
                f"{self.name} is not written with def.", "def next_state(state: Value) -> int:"
            )
        node.decorator_list.clear()
        self.node, self.place = node, self.place._replace(line=node.lineno)
        given = node.args
        self.parameters = [one.arg for one in (*given.posonlyargs, *given.args)]
        if (
            given.vararg
            or given.kwarg
            or given.defaults
            or given.kwonlyargs
            or "__" in "".join(self.parameters)
        ):
            raise self.mistake(
                f"{self.name} has a parameter with *, a default, __ or a _ at its end.", "Use plain names."
            )
        self.returns = ast.unparse(node.returns).strip("'\"") if node.returns else ""
        if self.returns not in _RETURNS and not is_helper:
            raise self.mistake(
                f"{self.name} does not say what it returns.",
                f"def {self.name}({', '.join(self.parameters)}) -> bool: or -> int:, -> float:",
            )
        node.returns = None
        names = (one for one in ast.walk(node) if isinstance(one, ast.Name))
        self.own = {*self.parameters, *(one.id for one in names if isinstance(one.ctx, ast.Store))}
        for one in ast.walk(node):
            if isinstance(one, ast.arg | ast.AnnAssign):
                one.annotation = ast.Constant(None)  # names of types mean nothing to a compiled function
            elif isinstance(one, _REFUSED) and one is not node:
                raise self.mistake("A rule takes and makes numbers only.", "Use if, for and while.", one)
            elif isinstance(one, ast.Return) and ast.unparse(one) in {"return", "return None"}:
                raise self.mistake(f"{self.name} returns nothing here.", "return 0", one)
        ast.fix_missing_locations(tree)
        if not _returns(node.body):
            raise self.mistake(
                f"{self.name} can end without a return: then it returns nothing.",
                "Add a last line, such as return state",
            )

    def mistake(self, message: str, hint: str, node: ast.AST | None = None) -> ModelMistake:
        """Return the error of a line of the source, the function's first by default."""
        line = getattr(node, "lineno", self.place.line)
        return ModelMistake(message, hint, self.place._replace(line=line))

    def wrong_return(self, returned: str) -> ModelMistake:
        """Return the error of a rule that returned another type than it says."""
        said = f"{self.name} says -> {self.returns}, and returned {returned}."
        return self.mistake(said, f"{self.returns}(…), or another type after ->")

    def scope(self) -> dict[str, Any]:
        """Return what the names mean that the function does not define: numbers, modules, and other rules.

        Raises
        ------
        ModelMistake
            If a name means nothing, or something that a compiled rule can't hold.
        """
        cells = zip(self.function.__code__.co_freevars, self.function.__closure__ or (), strict=True)
        known = self.function.__globals__ | {name: cell.cell_contents for name, cell in cells}
        nodes = [one for one in ast.walk(self.node) if isinstance(one, ast.Name)]
        found: dict[str, Any] = {}
        for node in nodes:
            name = node.id
            if name in self.own or name in found or (name not in known and hasattr(builtins, name)):
                continue
            if name not in known:
                public = [one for one in (*self.parameters, *known) if not one.startswith("_")]
                raise self.mistake(f"{name} is not defined.", did_you_mean(name, public), node)
            value = getattr(known[name], "py_func", known[name])  # of a function that numba has
            if not _can_be_held(value):
                raise self.mistake(
                    f"{name} is of the type {type(value).__name__}, which a rule can't hold.",
                    f"A rule uses numbers and functions; give {name} as a parameter of {self.name}.",
                    node,
                )
            found[name] = value
            if isinstance(value, FunctionType) and value is not self.function:
                found[name] = Rule(value, is_helper=True)
                found[name].scope()
        for one in ast.walk(self.node):
            if isinstance(one, ast.Attribute) and one.attr == "random":
                raise self.mistake(
                    "Random numbers of NumPy differ from run to run in a rule.",
                    f"Give {self.name} a parameter, and cells.random() for it where it is called.",
                    one,
                )
        return found

    def rewritten(self, forms: Mapping[str, NearForm]) -> ast.FunctionDef:
        """Return the function with calls in place of its neighbours' methods, which are noted in `forms`.

        Raises
        ------
        ModelMistake
            If neighbours are used in another way, or what is no neighbours' as if it were.
        """
        rewritten: ast.FunctionDef = _Rewriter(self, forms).visit(copy.deepcopy(self.node))
        return ast.fix_missing_locations(rewritten)


@dataclass
class NearForm:
    """How a loop finds the neighbours of a cell, and what a rule asks of them.

    `reach` is that of the window on a grid, for each row how far it goes to both sides; None: numbers of the
    neighbours. `kind` is ``"b"``, ``"i"`` or ``"f"``. `own`: parameters that hold the cell's own one of the
    values. `masked`: the rule asks something for which a place without a cell must not look like a 0.
    `asked`: functions of `kernel_near`, by their names in the rule.
    """

    name: str
    kind: str
    reach: dict[int, int] | None
    weighted: bool
    limits: tuple[float, float]
    own: tuple[str, ...] = ()
    masked: bool = False
    asked: dict[str, Callable[..., Any]] = field(default_factory=dict)

    def rows(self) -> list[str]:
        """Return the names of the rows of values, and of the rows that say where cells are."""
        parts, reach = ("", "__mask")[: self.masked + 1], self.reach or {}
        return [f"{self.name}{part}__{down + max(reach)}" for part in parts for down in reach]

    def given(self) -> str:
        """Return the loop's expression of a cell's neighbours."""
        if self.reach is not None:
            return f"({', '.join(self.rows())}, j)"
        ends = f"{self.name}__offsets[i], {self.name}__offsets[i + 1]"
        return f"({self.name}__all, {self.name}__numbers, {self.name}__weights, {ends})"

    def functions(self, margin: int) -> str:
        """Return the source of the functions that `kernel_near` sees the neighbours through."""
        cast = {"b": "{} != 0", "i": "np.int64({})", "f": "{}"}[self.kind]
        limits = "-np.inf, np.inf" if self.kind == "f" else f"{self.limits[0] + 1} - 1, {self.limits[1]}"
        zero = "0.0" if self.weighted or self.kind == "f" else "0"
        if self.reach is None:
            head, count = "values, numbers, weights, start, end", "end - start"
            bodies = {
                "has": ["return True"],
                "at": [f"return {cast.format('values[numbers[start + k]]')}"],
                "weight": [f"return {'weights[start + k]' if self.weighted else '1'}"],
            }
        else:
            head, at, has, before = f"{', '.join(self.rows())}, j", [], [], 0
            for down, left, right in _segments(self.reach):
                row = f"__{down + max(self.reach)}[j + k + {margin + left - before}]"
                before += right - left + 1
                at.append(f"if k < {before}:\n    return {cast.format(self.name + row)}")
                has.append(f"if k < {before}:\n    return {self.name}__mask{row} != 0")
            at.append(f"return {cast.format('0')}")
            count = str(before)
            has = [*has, "return False"] if self.masked else ["return True"]
            bodies = {"has": has, "at": at, "weight": ["return 1"]}
        bodies |= {"places": [f"return {count}"], "zero": [f"return {zero}"], "limits": [f"return {limits}"]}
        is_small = self.reach is not None and int(count) <= _MOST_NARROW
        bodies["narrow"] = [f"return np.{'int8' if is_small else 'int64'}(k)"]
        return "\n".join(
            f"def {self.name}__{name}(near{', k' if name in {'has', 'at', 'weight', 'narrow'} else ''}):\n"
            + textwrap.indent("\n".join([f"({head}) = near", *body]), "    ")
            for name, body in bodies.items()
        )


class _Rewriter(ast.NodeTransformer):
    """Puts calls of functions in place of what a rule asks of its neighbours."""

    def __init__(self, rule: Rule, forms: Mapping[str, NearForm]) -> None:
        self._rule, self._forms = rule, forms

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """Rewrite ``near.method(…)`` and ``len(near)``."""
        function = node.func
        if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name):
            near, method = function.value, function.attr
            form = self._forms.get(near.id)
            codes = [*node.args, *(one.value for one in node.keywords if one.arg == "code")]
            asked = (WITH_CODE if codes else METHODS[form.kind] if form else {}).get(method)
            if form and (asked is None or len(codes) != len({*node.args, *node.keywords}) or len(codes) > 1):
                raise self._rule.mistake(
                    f"Neighbours have no {ast.unparse(node).removeprefix(near.id)}.",
                    f"{did_you_mean(method, METHODS['b'])} {near.id}.count(1), {near.id}.sum()",
                    node,
                )
            if form and asked:
                return self._asked(near, asked, f"{method}{len(codes)}", [self.visit(one) for one in codes])
            if near.id in self._rule.parameters and method in METHODS["b"]:
                raise self._rule.mistake(
                    f"{near.id} is a value of the cell, or a parameter; .{method}() is of neighbours.",
                    f"Where {self._rule.name} is called: cells.neighbors(…)",
                    node,
                )
        if isinstance(function, ast.Name) and function.id == "len" and len(node.args) == 1:
            of = node.args[0]
            if isinstance(of, ast.Name) and of.id in self._forms:
                return self._asked(of, number, "len", [])
        return self.generic_visit(node)

    def visit_For(self, node: ast.For) -> ast.AST:
        """Rewrite ``for value in near``."""
        near = node.iter
        if not isinstance(near, ast.Name) or near.id not in self._forms:
            return self.generic_visit(node)
        self._forms[near.id].masked |= self._forms[near.id].reach is not None
        loop: ast.For = ast.parse(
            f"for k__{node.lineno} in range({near.id}__places({near.id})):\n"
            f"    if {near.id}__has({near.id}, k__{node.lineno}):\n"
            f"        {ast.unparse(node.target)} = {near.id}__at({near.id}, k__{node.lineno})"
        ).body[0]  # type: ignore[assignment]
        for one in ast.walk(loop):
            ast.copy_location(one, node)
        loop.body[0].body += [self.visit(one) for one in node.body]  # type: ignore[attr-defined]
        loop.orelse = [self.visit(one) for one in node.orelse]
        return loop

    def visit_Name(self, node: ast.Name) -> ast.AST:
        """Refuse the neighbours as a value."""
        if node.id in self._forms:
            raise self._rule.mistake(
                f"{node.id} holds the values of the neighbours, and is used as a single value.",
                f"{node.id}.count(1), {node.id}.sum(), or: for value in {node.id}:",
                node,
            )
        return node

    def _asked(self, near: ast.Name, function: Any, name: str, arguments: list[ast.expr]) -> ast.Call:
        form = self._forms[near.id]
        form.asked[f"{near.id}__{name}"] = function
        if form.reach is not None and function not in NO_PLACE_NEEDED:
            form.masked |= not (arguments and self._is_not_0(arguments[0]))
        call = ast.Call(ast.Name(f"{near.id}__{name}", ast.Load()), [near, *arguments], [])
        return ast.copy_location(call, near)

    def _is_not_0(self, node: ast.expr) -> bool:
        """Tell whether a code is a number other than 0 that the source shows."""
        value = node.value if isinstance(node, ast.Constant) else None
        if isinstance(node, ast.Name) and node.id not in self._rule.own:
            value = self._rule.function.__globals__.get(node.id)
        return isinstance(value, int) and value != 0


def loop_source(
    kinds: Mapping[str, str], forms: Mapping[str, NearForm], margin: int, returns: str
) -> tuple[str, list[str]]:
    """Return the source of the loop over all cells, and the names of its arguments before ``out``.

    `kinds` has for each parameter of the rule ``"b"``, ``"i"`` or ``"f"``, values of cells, or
    ``"parameter"``; `margin` is how far the windows reach, `returns` the name of the type that is returned.
    """
    on_grid = any(form.reach is not None for form in forms.values())
    names, given, fills, own, direct, framed = [], [], [], [], [], []
    for name, kind in kinds.items():
        names.append(f"{name}__all")
        form = forms.get(name)
        if form is not None:
            given.append(form.given())
            if form.reach is None:
                names += [f"{name}__numbers", f"{name}__weights", f"{name}__offsets"]
                continue
            for part in (name, f"{name}__mask")[: form.masked + 1]:
                names += [f"{part}__all", f"{part}__frame"]
                fills.append(f"fill({part}__frame, {part}__all, runs, done, y + {margin} + 1)")
            for row, down in zip(form.rows(), [*form.reach] * 2, strict=False):
                part = row.rpartition("__")[0]
                at = f"low + {down} * wide"
                direct.append(f"{row} = {part}__all[{at} - {margin} : {at} + size + {margin}]")
                line = f"{part}__frame[(y + {down}) % {2 * margin + 1}"
                framed.append(f"{row} = {line}, begin[run] : end[run] + {2 * margin}]")
        elif kind == "parameter":
            given.append(f"{name}__all")
        else:
            # The middle of a window is in the processor's cache.
            windows = [one for one in forms.values() if one.reach is not None and name in one.own]
            middles = [f"{one.name}__{max(one.reach or ())}[{margin} : {margin} + size]" for one in windows]
            own.append(f"{name}__own = {[*middles, f'{name}__all[low : low + size]'][0]}")
            one = f"{name}__own[j]" if on_grid else f"{name}__all[i]"
            given.append({"b": f"{one} != 0", "i": f"np.int64({one})", "f": one}[kind])
    names = [*dict.fromkeys(names)]
    cell = [f"r = as_{returns}(rule({', '.join(given)}))", "o[j] = r" if on_grid else "out[i] = r"]
    if returns == "int":
        cell.append("beyond |= r >> 8")
    blocks = {"FILLS": fills, "FRAMED": framed, "DIRECT": direct, "OWN": own, "CELL": cell}
    source = _filled(_GRID if on_grid else _LINKS, blocks)
    return source.format(arguments=", ".join(names), margin=margin), names


def _filled(template: str, blocks: Mapping[str, list[str]]) -> str:
    """Return a text with lines in place of each line that is the name of a block."""
    lines = []
    for line in template.splitlines():
        indent = " " * (len(line) - len(line.lstrip()))
        lines += [indent + one for one in blocks.get(line.strip(), [line.strip()])]
    return "\n".join(lines)


# `high` notes an integer that has no place in a byte. With `in_place` the windows of a row are read from the
# values themselves, but for those that reach over an edge.
_GRID = """\
def loop(runs, first, last, {arguments}, out, high):
    row, begin, end, place, starts, in_place = runs
    beyond = np.int64(0)
    done = row[first] - {margin}
    for run in range(first, last):
        y, wide = row[run], end[run] - begin[run]
        if done <= y + {margin}:
            done = max(done, y - {margin})
            FILLS
            done = y + {margin} + 1
        low, size = place[run], wide
        FRAMED
        OWN
        o = out[low : low + size]
        if in_place and {margin} <= y < starts.size - 1 - {margin} and wide > {margin} * 2:
            for edge in range({margin} * 2):
                j = edge if edge < {margin} else wide - {margin} * 2 + edge
                CELL
            low, size = low + {margin}, wide - {margin} * 2
            DIRECT
            OWN
            o = out[low : low + size]
        for j in range(size):
            CELL
    high[0] = beyond
"""
_LINKS = """\
def loop(runs, first, last, {arguments}, out, high):
    beyond = np.int64(0)
    for i in range(first, last):
        CELL
    high[0] = beyond
"""


def _segments(reach: Mapping[int, int]) -> Iterator[tuple[int, int, int]]:
    """Yield row, first and last column of a window's parts, relative to the cell and without it."""
    for down, wide in reach.items():
        if down:
            yield down, -wide, wide
        elif wide:
            yield from ((0, -wide, -1), (0, 1, wide))


def _returns(body: list[ast.stmt]) -> bool:
    """Tell whether these statements end with a return, whatever happens."""
    last = body[-1]
    if isinstance(last, ast.If):
        return _returns(last.body) and bool(last.orelse) and _returns(last.orelse)
    return isinstance(last, ast.Return | ast.Raise)


def _can_be_held(value: Any) -> bool:
    if isinstance(value, ModuleType):
        return value.__name__ in {"math", "numpy"}
    if isinstance(value, BuiltinFunctionType):
        return value.__module__ in {"math", "builtins"}
    return isinstance(value, bool | int | float | np.number | np.bool_ | np.ufunc | FunctionType)
