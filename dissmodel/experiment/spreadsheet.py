"""Tables as CSV that a spreadsheet opens: a text in a cell stays a text, because records are not trusted."""

from __future__ import annotations

import csv
import io
import os
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from dissmodel.errors import UsageError

# What a spreadsheet begins to compute at, also in the wide forms of East Asian keyboards.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")

# Control and format characters, halves of surrogate pairs, line and paragraph separators.
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def refuse_taken(path: Path, *, overwrite: bool) -> None:
    """Refuse to write a table where a folder, a pipe or a link to nothing is, or a file that has to stay.

    Raises
    ------
    UsageError
        If it is.
    """
    is_folder = os.path.isdir(path)  # noqa: PTH112  (Path.is_dir raises for a name that is too long)
    is_file = os.path.isfile(path)  # noqa: PTH113  (as above)
    if os.path.lexists(path) and not (overwrite and is_file):
        what = "this is a folder" if is_folder else "it exists already"
        hint = "Give another name, or --overwrite to replace it." if is_file else "Give another name."
        raise UsageError(f"--csv {path}: {what}.", hint, code="output_exists")


def as_csv(rows: Iterable[Iterable[object]]) -> str:
    """Return rows as CSV, a line each: numbers with every digit, a text that begins a formula after ``'``.

    >>> print(as_csv([("name", "rise"), ("=1+1", -0.5)]), end="")
    name,rise
    '=1+1,-0.5
    """
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows([_cell(one) for one in row] for row in rows)
    return stream.getvalue()


def _cell(value: object) -> object:
    if not isinstance(value, str):
        return value
    text = f"'{value}" if value.startswith(_FORMULA) else value
    # Most texts are printable; to look at each character takes a hundred times as long.
    return text if text.isprintable() else "".join(_shown(one) for one in text)


def _shown(character: str) -> str:
    is_hidden = unicodedata.category(character) in _HIDDEN
    return character.encode("unicode_escape").decode() if is_hidden else character
