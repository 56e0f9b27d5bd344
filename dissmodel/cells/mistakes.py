"""An error in the code of a model's author: where it is in that code, and what to type in its place."""

from __future__ import annotations

import ast
import contextlib
import linecache
import sys
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from types import FrameType, TracebackType
from typing import NamedTuple

from dissmodel.errors import DissmodelError, RunFailed, StorageError, UsageError, did_you_mean

_KIT = str(Path(__file__).parent)
_LONGEST = 200


class Place(NamedTuple):
    """A line of a file."""

    path: str
    line: int

    def __str__(self) -> str:
        """Return the file, the line's number and its text."""
        source = linecache.getline(self.path, self.line).strip()
        return f"{self.short}{f' ({source[:_LONGEST]})' if source else ''}"

    @property
    def short(self) -> str:
        """The file and the line's number."""
        path = Path(self.path)
        with contextlib.suppress(ValueError, OSError):
            path = path.relative_to(Path.cwd())
        return f"{path}, line {self.line}"


def place_of(method: Callable[..., object]) -> Place:
    """Return the line where a method begins."""
    code = method.__code__
    return Place(code.co_filename, code.co_firstlineno)


def calling_place() -> Place:
    """Return the line, outside the kit, that called it."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001  (inspect.stack reads the source of every frame)
    while frame is not None and frame.f_code.co_filename.startswith(_KIT):
        frame = frame.f_back
    return Place("", 0) if frame is None else Place(frame.f_code.co_filename, frame.f_lineno)


class ModelMistake(RunFailed):
    """The code of a model breaks a rule of the kit; the message gets the place in that code."""

    code = "model_mistake"

    def __init__(self, message: str, hint: str = "", place: Place | None = None) -> None:
        super().__init__(message if place is None else f"{place}: {message}", hint)
        self.place = place


@contextlib.contextmanager
def author_errors(method: Callable[..., object], fields: Collection[str]) -> Iterator[None]:
    """Name the author's file, line and source text in every error that their code causes in the block.

    `method` is the method of the model that the block calls. Its frames come first in the traceback.
    """
    try:
        yield
    except (MemoryError, StorageError):
        raise
    except (Exception, SystemExit) as error:
        if isinstance(error, ModelMistake) and error.place is not None:
            raise
        found = innermost(error.__traceback__, method.__code__.co_filename)
        told_before = isinstance(error, ModelMistake | UsageError)
        if found is None or (isinstance(error, DissmodelError) and not told_before):
            raise
        first, place = found
        if isinstance(error, ModelMistake | UsageError):
            told = ModelMistake(error.message, error.hint, place)
        else:
            told = ModelMistake(*_told(error, fields, place), place)
        # Their frames stand before ours, and are the last ones, too.
        raise told.with_traceback(first) from error.with_traceback(first)


def _told(error: BaseException, fields: Collection[str], place: Place) -> tuple[str, str]:
    """Return what is wrong with a line of the author's, and what to type."""
    said = f"{type(error).__name__}: {str(error) or 'without a message'}"
    if isinstance(error, AttributeError) and error.obj is not None and hasattr(type(error.obj), "fields"):
        near = did_you_mean(error.name or "", fields)
        declared = f"A field is declared in the class: {error.name} = Classes({{…}}) or Numbers()"
        return said, f"{near} {declared}".strip()
    if isinstance(error, ValueError):
        statement = _statement(place)
        for array in _written_in(statement):
            if isinstance(array, ast.Attribute) and array.attr in fields:
                what = f"self.{array.attr} is the state at the start of the step, which is read-only."
                return what, f"self.next.{array.attr}[…] = …"
        if any(isinstance(node, ast.BoolOp | ast.Not | ast.If | ast.IfExp) for node in ast.walk(statement)):
            return said, (
                "For each cell: (self.a == 1) & ~(self.b > 3), with & | ~ in place of and, or, not; "
                "np.where(…) in place of if."
            )
    return said, ""


def innermost(trace: TracebackType | None, path: str) -> tuple[TracebackType, Place] | None:
    """Return the first traceback of the author's code, and the last line of that code that ran."""
    folder = str(Path(path).parent)
    first = place = None
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename
        own = name == path or (
            name.startswith(folder) and not name.startswith(_KIT) and "site-packages" not in name
        )
        if own:
            first = first or trace
            place = Place(name, trace.tb_lineno)
        trace = trace.tb_next
    return None if first is None or place is None else (first, place)


def tree_of(path: str) -> ast.Module:
    """Return the syntax tree of a file; an empty one where its text is not known, as at a prompt."""
    try:
        return ast.parse("".join(linecache.getlines(path)))
    except SyntaxError:
        return ast.Module([], [])


def _statement(place: Place) -> ast.AST:
    """Return the innermost statement of a line; one without content if there is none."""
    found: ast.AST = ast.Pass()
    for node in ast.walk(tree_of(place.path)):  # from outside to inside
        if isinstance(node, ast.stmt) and node.lineno <= place.line <= (node.end_lineno or node.lineno):
            found = node
    return found


def _written_in(statement: ast.AST) -> Iterator[ast.AST]:
    """Yield the arrays that a statement writes to, but those of ``self.next``."""
    targets: list[ast.AST] = []
    if isinstance(statement, ast.Assign | ast.AugAssign):
        targets += statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):  # self.NAME.sort()
        targets.append(getattr(statement.value.func, "value", statement))
    targets += [
        node.value for node in ast.walk(statement) if isinstance(node, ast.keyword) and node.arg == "out"
    ]
    for target in targets:
        array = target
        while isinstance(array, ast.Subscript):
            array = array.value
        if getattr(getattr(array, "value", None), "attr", "") != "next":
            yield array


def counted(cells: int) -> str:
    """Return a number of cells, for people."""
    return f"{cells} cell{'' if cells == 1 else 's'}"
