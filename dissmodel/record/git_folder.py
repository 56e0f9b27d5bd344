"""A git repository around a folder, read as files: where it is, whose it is and what its HEAD names.

Git is not started here. Whoever owns the folder wrote all of these files, so each is of a bounded size.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from dissmodel import bounded

_MAX_LINE = 4096
_MAX_REFS = 64 << 20
_MAX_TAG = 64 << 10
_MOST_LINKS = 5
_ID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_TAG = re.compile(rb"tag \d+\0object ([0-9a-f]{40}(?:[0-9a-f]{24})?)\ntype (?:commit|tag)\n")
_REF = re.compile(r"refs/(?!.*(?:\.\.|//|\\))[^\x00-\x20:?*\[~^\x7f]+")
_TRUE = {"1", "true", "yes", "on"}
# Each worktree has refs of its own below these; all others are common.
_OF_WORKTREE = ("refs/bisect/", "refs/rewritten/", "refs/worktree/")


@dataclass(frozen=True)
class GitFolder:
    """A checkout.

    `worktree` is the folder with ``.git`` in it, without symbolic links; `own` is the git directory with HEAD
    and index; `common` has objects, refs and configuration: that of a linked worktree is its main
    repository's.
    """

    worktree: Path
    own: Path
    common: Path

    def head(self) -> str | None:
        """Return the commit that HEAD names; None if there is none yet, or it can't be read."""
        return self._named("HEAD", follow=True)

    def commit(self, name: str) -> str | None:
        """Return the commit that a ref such as ``refs/tags/v1`` names; None if it can't be read.

        No symbolic link is followed. For an annotated tag that only a pack holds, it is the tag's own id.
        """
        found = self._named(name, follow=False)
        for _ in range(_MOST_LINKS):
            tag = _TAG.match(self._head_of_object(found)) if found else None
            if tag is None:
                break
            found = tag[1].decode()
        return found

    def _named(self, name: str, *, follow: bool) -> str | None:
        for _ in range(_MOST_LINKS + 1):
            is_head = name == "HEAD"
            if not is_head and not _REF.fullmatch(name):
                return None
            path = (self.own if is_head or name.startswith(_OF_WORKTREE) else self.common) / name
            if not follow and any(os.path.realpath(one) != str(one) for one in (path, self._packed_refs)):
                return None
            text = _line(path) or self._packed(name)
            if not text.startswith("ref:"):
                return text if _ID.fullmatch(text) else None
            name = text.removeprefix("ref:").strip()
        return None

    def _head_of_object(self, name: str) -> bytes:
        """Return the first bytes of an object that has a file of its own; nothing of a packed one."""
        packed = contents(self.common / "objects" / name[:2] / name[2:], _MAX_TAG)
        with contextlib.suppress(zlib.error):
            return zlib.decompressobj().decompress(packed, _MAX_LINE)
        return b""

    def owner_differs(self, trusted: Iterable[str]) -> bool:
        """Return whether git would call the ownership dubious.

        `trusted` are the values of ``safe.directory`` in the user's own configuration, in their order.

        Notes
        -----
        Python knows no owner of a folder on Windows; no folder counts as another user's there.
        """
        paths = [self.worktree, self.own, self.worktree / ".git"]
        # Git's own switch, by which its tests need no second user.
        pretended = os.environ.get("GIT_TEST_ASSUME_DIFFERENT_OWNER", "").lower() in _TRUE
        is_mine = not pretended and all(map(_is_mine, paths))
        return not is_mine and not _is_trusted(str(self.worktree), trusted)

    @property
    def has_reftable(self) -> bool:
        """Whether its refs are in a form that is not text."""
        return (self.common / "reftable").is_dir()

    @property
    def _packed_refs(self) -> Path:
        return self.common / "packed-refs"

    def _packed(self, name: str) -> str:
        """Return what ``packed-refs`` has for a ref: of an annotated tag, the commit in the line after it."""
        # Not line by line: of 64 MiB of empty lines each would be an object.
        data = contents(self._packed_refs, _MAX_REFS)
        wanted, at = os.fsencode(f" {name}"), -1
        while (at := data.find(wanted, at + 1)) >= 0:
            end = at + len(wanted)
            rest, _, after = data[end : end + _MAX_LINE].partition(b"\n")
            if rest.strip(b"\r"):  # a longer name
                continue
            commit = data[data.rfind(b"\n", 0, at) + 1 : at]
            if b" " not in commit:  # not a comment
                peeled = after.partition(b"\n")[0].rstrip(b"\r")
                return os.fsdecode(peeled[1:] if peeled.startswith(b"^") else commit)
        return ""


def find(folder: Path) -> GitFolder | None:
    """Return the checkout that a folder is in, as git would find it; None if it is in none."""
    start = Path(os.path.realpath(folder))
    device = start.stat().st_dev
    said = os.environ.get("GIT_CEILING_DIRECTORIES", "").split(os.pathsep)
    ceilings = {os.path.realpath(one) for one in said if one}
    for place in (start, *start.parents):
        if place != start and (str(place) in ceilings or place.stat().st_dev != device):
            return None
        entry = place / ".git"
        if entry.is_dir():
            found = _at(place, entry)
            if found is not None:
                return found
        elif entry.exists():
            return _linked(place, entry)
    return None


def served(path: Path) -> GitFolder | None:
    """Return the repository that git fetches from under a path, with files beside it or not; None if none.

    Raises OSError if a folder can't be looked at.
    """
    for place in (path, path.with_name(f"{path.name}.git")):
        entry = place / ".git"
        found = _linked(place, entry) if entry.is_file() else _at(place, entry) or _at(place, place)
        if found is not None:
            return found
    return None


def initialised(worktree: Path, name: str) -> GitFolder | None:
    """Return the checkout of a submodule, by its path; None if it has none, or if a link leads to it."""
    place = worktree / name
    if os.path.realpath(place) != str(worktree / name):
        return None
    entry = place / ".git"
    if entry.is_dir():
        return _at(place, entry)
    return _linked(place, entry) if entry.exists() else None


def contents(path: Path, limit: int) -> bytes:
    """Return what a regular file holds; nothing where there is none, or it has more bytes than `limit`."""
    try:
        return bounded.contents(path, limit)
    except OSError:
        return b""


def _linked(place: Path, entry: Path) -> GitFolder | None:
    """Return the checkout whose ``.git`` is a file that names the git directory."""
    said = _line(entry)
    if not said.startswith("gitdir:"):
        return None
    return _at(place, place / said.removeprefix("gitdir:").strip())


def _at(worktree: Path, own: Path) -> GitFolder | None:
    if _is_share(own) and not _is_share(worktree):  # Windows would tell its server who the user is
        return None
    own = Path(os.path.realpath(own))
    said = _line(own / "commondir")
    common = own / said if said else own
    if _is_share(common) and not _is_share(worktree):
        return None
    common = Path(os.path.realpath(common))
    has_head = os.path.lexists(own / "HEAD")
    is_whole = has_head and (common / "objects").is_dir() and (common / "refs").is_dir()
    return GitFolder(worktree, own, common) if is_whole else None


def _line(path: Path) -> str:
    """Return the first line of a file; nothing of a file with a NUL in it, which no path can have."""
    text = os.fsdecode(contents(path, _MAX_LINE)).partition("\n")[0].rstrip("\r ")
    return "" if "\0" in text else text


def _is_share(path: Path) -> bool:
    return path.drive.startswith("\\\\")


def _is_mine(path: Path) -> bool:
    if sys.platform == "win32":
        return True
    owner, user = os.lstat(path).st_uid, os.geteuid()
    if owner == user:
        return True
    # As git has it: under sudo, what belongs to whoever typed sudo.
    behind = os.environ.get("SUDO_UID", "")
    return user == 0 and behind.isdecimal() and owner == int(behind)


def _is_trusted(worktree: str, trusted: Iterable[str]) -> bool:
    found = False
    for one in map(os.path.expanduser, trusted):  # an empty text is not a path, and means something
        if not one:  # an empty value takes back those before it
            found = False
        elif one.endswith("/*"):
            found = found or worktree.startswith(one[:-1])
        else:
            found = found or one == "*" or os.path.realpath(one) == worktree
    return found
