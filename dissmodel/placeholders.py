"""Files that stand for data which is elsewhere: pointers of Git LFS and git-annex, links to nothing."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from dissmodel.errors import InvalidInput

HEAD_BYTES = 512
"""How many of a file's first bytes tell whether it is a pointer."""

_LFS = re.compile(rb"version https?://(git-lfs\.github\.com|git-media\.io|hawser\.github\.com)/\S*\s")
_LFS_SHA256 = re.compile(rb"^oid sha256:([0-9a-f]{64})\s*$", re.MULTILINE)
# The pointer of an unlocked file; or a link, where git may not make links and writes their target as text.
_ANNEX = re.compile(rb"(?:(?:\.\./)*\.git)?/annex/objects/[\w-]")
_ANNEX_LINK = re.compile(r"\.git[/\\]annex[/\\]objects[/\\]")


class Placeholder(NamedTuple):
    """A pointer to another file: its kind, the command that fetches the file, and its sha256 if known."""

    what: str
    fetch: str
    sha256: str = ""


def pointer_in(head: bytes) -> Placeholder | None:
    r"""Return which pointer a file is by its first bytes, None if it is not a pointer.

    >>> pointer_in(b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n").fetch
    'git lfs pull'
    >>> pointer_in(b"/annex/objects/MD5E-s12--900150983cd24fb0d6963f7d28e17f72.tif\n").fetch
    'git annex get'
    """
    if _LFS.match(head):
        found = _LFS_SHA256.search(head)
        return Placeholder("a pointer of Git LFS", "git lfs pull", found[1].decode() if found else "")
    if _ANNEX.match(head):
        return Placeholder("a pointer of git-annex", "git annex get")
    return None


def link_to_nothing(path: Path) -> Placeholder | None:
    """Return what a symbolic link is whose target is missing; None if `path` is no such link."""
    try:
        if not path.is_symlink() or path.exists():
            return None
        target = path.readlink()
    except OSError:
        return None
    if _ANNEX_LINK.search(str(target)):
        return Placeholder("a link of git-annex", "git annex get")
    return Placeholder(f"a link to {target}, which does not exist", "")


def refuse_pointer(head: bytes, path: Path, shown: str = "") -> None:
    """Raise `InvalidInput` if a file that begins with `head` is a pointer.

    `head` has the first `HEAD_BYTES` bytes or more. The error calls the file `shown`, by default its path.
    """
    pointer = pointer_in(head)
    if pointer is not None:
        raise not_fetched(pointer, path, shown)


def not_fetched(pointer: Placeholder, path: Path, shown: str = "") -> InvalidInput:
    """Return the error about a pointer in place of the data, with the command that fetches the data."""
    message = f"{shown or path}: this is {pointer.what}"
    if not pointer.fetch:
        return InvalidInput(f"{message}.", "Check the target of the link.", code="input_missing")
    return InvalidInput(
        f"{message}; the data itself is not on this machine.",
        f"Fetch it, in the folder of its repository: {pointer.fetch} {_argument(pointer, path)}",
        code="input_not_fetched",
    )


def _argument(pointer: Placeholder, path: Path) -> str:
    return f'--include="{path.name}"' if pointer.fetch == "git lfs pull" else f'"{path.name}"'
