"""Tables and pairs of a name and a value that fit a terminal: what is longer goes on below."""

from __future__ import annotations

import itertools
import os
import shutil
import sys
import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence

Row = tuple[str, ...]

_GAP = "  "
_LEAST = 8  # no column of a table is cut to less
_LEAST_TEXT = 20  # no text goes on below in a column that is narrower
_DEEPER = 2


def terminal_width() -> int | None:
    """Return how many columns a line may have; None where whatever reads it has no width."""
    given = os.environ.get("COLUMNS", "")
    if sys.stdout.isatty() or (given.isdecimal() and int(given) > 0):
        return shutil.get_terminal_size().columns
    return None


def table(
    head: Row, rows: Sequence[Row], width: int | None, *, may_cut: Collection[int] = ()
) -> Iterator[str]:
    """Yield the lines of a table under its head.

    Where it is too wide, columns that may be cut are, the widest first; where none may, the text of the
    widest goes on below. Where that is not enough, each row becomes lines of a name and a value.

    - `head`: the names of the columns.
    - `rows`: their cells, without line breaks.
    - `width`: the most columns of a line; None: each column is as wide as it has to be.
    - `may_cut`: the columns that may be cut; of the last of them the end is kept.

    Examples
    --------
    >>> list(table(("a", "b"), [("1", "two words")], None))
    ['a  b', '1  two words']
    >>> list(table(("a", "b"), [("1", "two words")], 9))
    ['a  b', '1  two', '   words']
    >>> list(table(("a", "b"), [("1", "two words")], 7))
    ['a  1', 'b  two', '   word', '   s']
    """
    if width is not None:
        head, rows = _shown(head), [_shown(row) for row in rows]
    natural = [max(columns(row[number]) for row in (head, *rows)) for number in range(len(head))]
    if width is None or _total(natural) <= width:
        yield from (_line(row, natural) for row in (head, *rows))
        return
    by_column = zip(head, *rows, strict=True)
    bounds = [_LEAST if number in may_cut else _least(cells) for number, cells in enumerate(by_column)]
    least = {number: bounds[number] for number in may_cut or range(len(head))}
    widths = _narrowed(natural, least, width)
    if _total(widths) > width:
        for number, row in enumerate(rows):
            yield from [""] if number else []
            yield from pairs(
                [(name.strip(), cell.strip()) for name, cell in zip(head, row, strict=True)], width
            )
        return
    for row in (head, *rows):
        if may_cut:
            cells = [[_cut(cell, widths[n], keep_end=n == max(may_cut))] for n, cell in enumerate(row)]
        else:
            cells = [wrapped(cell, widths[n]) for n, cell in enumerate(row)]
        yield from (_line(line, widths) for line in itertools.zip_longest(*cells, fillvalue=""))


def pairs(rows: Sequence[tuple[str, str]], width: int | None, *, indent: int = 0) -> Iterator[str]:
    """Yield the lines of names with their values; a value that is too long goes on below itself.

    >>> list(pairs([("id", "1"), ("model", "coast of cells")], 16, indent=1))
    [' id     1', ' model  coast of', '        cells']
    """
    if width is not None:
        rows = [(_as_shown(name), _as_shown(value)) for name, value in rows]
    longest = max((columns(name) for name, _ in rows), default=0)
    start = indent + longest + (len(_GAP) if longest else 0)
    for name, value in rows:
        label = " " * indent + (f"{_filled(name, longest)}{_GAP}" if longest else "")
        if width is None or columns(label + value) <= width:
            yield f"{label}{value}".rstrip()
        elif start <= width // 2:
            first, *others = wrapped(value, width - start)
            yield f"{label}{first}".rstrip()
            yield from (" " * start + other for other in others)
        else:  # a long name has a line of its own
            deeper = min(indent + _DEEPER, width // 2)
            yield from (
                " " * min(indent, width // 2) + one for one in wrapped(name, width - min(indent, width // 2))
            )
            yield from (" " * deeper + one for one in wrapped(value, width - deeper) if value)


def text(line: str, width: int | None, *, indent: int = 0) -> Iterator[str]:
    """Yield the lines of a text, those below the first indented."""
    if width is None:
        yield line
        return
    deeper = min(indent, width // 2)
    line = _as_shown(line)
    first = wrapped(line, width)[0]
    yield first
    rest = line[len(first) :].lstrip()
    yield from (" " * deeper + one for one in wrapped(rest, width - deeper) if rest)


def wrapped(value: str, width: int) -> list[str]:
    """Return a text in lines of at most `width` columns; broken at a space where there is one.

    >>> wrapped("two words and averylongone", 9)
    ['two words', 'and', 'averylong', 'one']
    """
    lines: list[str] = []
    while columns(value) > width:
        end = _fitting(value, max(width, 1))
        space = value.rfind(" ", 1, end + 1)
        at = space if space > 0 and value[:space].strip() else end
        lines.append(value[:at].rstrip())
        value = value[at:].lstrip()
    return [*lines, value] if value or not lines else lines


def columns(value: str) -> int:
    """Return how many columns of a terminal a text takes.

    >>> columns("ilha"), columns("日本")
    (4, 4)
    """
    return len(value) if value.isascii() else sum(map(_column, value))


def _column(one: str) -> int:
    if unicodedata.category(one) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if unicodedata.east_asian_width(one) in {"W", "F"} else 1


def _fitting(value: str, width: int) -> int:
    """Return how many characters of a text fit, one at least."""
    taken = 0
    for number, one in enumerate(value):
        taken += _column(one)
        if taken > width:
            return max(number, 1)
    return len(value)


def _as_shown(value: str) -> str:
    """Return a text as the stream spells it out: what its encoding lacks takes more columns."""
    encoding = sys.stdout.encoding or "utf-8"
    if value.isascii():
        return value
    try:
        return value.encode(encoding, sys.stdout.errors or "strict").decode(encoding)
    except UnicodeError:
        return value


def _shown(row: Row) -> Row:
    return tuple(map(_as_shown, row))


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    return _GAP.join(_filled(cell, width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _filled(cell: str, width: int) -> str:
    return cell + " " * (width - columns(cell))


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + len(_GAP) * (len(widths) - 1)


def _least(cells: Sequence[str]) -> int:
    """Return how narrow a column may be whose text goes on below: no word of it is broken."""
    word = max((columns(one) for cell in cells for one in cell.split(" ")), default=0)
    return max(word, min(_LEAST_TEXT, max(map(columns, cells)) // 2))


def _narrowed(widths: Sequence[int], least: Mapping[int, int], width: int) -> list[int]:
    """Return widths of which some are narrower, the widest first, as far as they may be."""
    found = list(widths)
    while _total(found) > width:
        wide = [number for number, bound in least.items() if found[number] > bound]
        if not wide:
            break
        found[max(wide, key=found.__getitem__)] -= 1
    return found


def _cut(cell: str, width: int, *, keep_end: bool) -> str:
    """Return a cell, or a part of it with a mark where it is too wide."""
    if columns(cell) <= width:
        return cell
    mark = _as_shown("…")
    room = width - columns(mark)
    if keep_end:  # it tells paths apart better than the beginning
        return mark + cell[len(cell) - _fitting(cell[::-1], room) :]
    return cell[: _fitting(cell, room)] + mark
