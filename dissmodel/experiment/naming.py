"""What a path becomes in an error: the name that a user knows, not that of a temporary file."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping

from dissmodel.errors import DissmodelError


def renamed(text: str, names: Mapping[str, str]) -> str:
    """Return a text with each name replaced, the longest first.

    >>> renamed("scratch/input/a.tif is gone", {"scratch": "b.zip"})
    'b.zip/input/a.tif is gone'
    """
    for here in sorted(names, key=len, reverse=True):
        text = text.replace(here, names[here])
    return text


@contextlib.contextmanager
def naming(names: Mapping[str, str]) -> Iterator[None]:
    """Let the errors of the block use the names that a user knows: name here → name that is known."""
    try:
        yield
    except DissmodelError as error:
        error.message, error.hint = renamed(error.message, names), renamed(error.hint, names)
        error.args = (error.message,)
        raise
