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
    except Exception as error:
        found = innermost(error.__traceback__, method.__code__.co_filename)
        told_before = isinstance(error, ModelMistake | UsageError)
        if found is None or (isinstance(error, DissmodelError) and not told_before):
            raise
        first, place = found
        if isinstance(error, ModelMistake | UsageError):
            told = ModelMistake(error.message, error.hint, place)
        else:
            written = _written_to(place) if isinstance(error, ValueError) else None
            if written is not None and written in {f"self.{name}" for name in fields}:
                what = f"{written} is the state at the start of the step, which is read-only."
                told = ModelMistake(what, f"self.next.{written.removeprefix('self.')}[…] = …", place)
            else:
                text = str(error) or "without a message"
                told = ModelMistake(f"{type(error).__name__}: {text}", _hint(error, fields), place)
        raise told from error.with_traceback(first)


def _hint(error: Exception, fields: Collection[str]) -> str:
    if isinstance(error, AttributeError) and error.obj is not None and hasattr(type(error.obj), "fields"):
        near = did_you_mean(error.name or "", fields)
        return f"{near} A field is declared in the class: {error.name} = Classes({{…}}) or Numbers()".strip()
    return ""


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


def _written_to(place: Place) -> str | None:
    """Return the text of the array that the statement of a line writes to, such as ``self.built``."""
    try:
        tree = ast.parse("".join(linecache.getlines(place.path)))
    except SyntaxError:
        return None
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign | ast.AugAssign):
            if not node.lineno <= place.line <= (node.end_lineno or node.lineno):
                continue
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            while isinstance(target, ast.Subscript):
                target = target.value
            return ast.unparse(target)
    return None
