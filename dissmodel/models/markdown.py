"""Parts of a page of Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return the lines of a table."""
    ruler = ("---",) * len(head)
    return [f"| {' | '.join(row)} |" for row in (head, ruler, *rows)]


def code(text: str) -> str:
    """Return a literal text, with ``?`` for characters that would end it or can't be shown.

    >>> code("dune|beach")
    '`dune?beach`'
    """
    shown = "".join("?" if one in "`|" or not one.isprintable() else one for one in text)
    return f"`{shown}`"


def page(sections: Iterable[Sequence[str]]) -> str:
    """Return sections, each a list of lines, as one text."""
    return "\n\n".join("\n".join(section) for section in sections) + "\n"
