"""What a git checkout says about the code in it; nothing where git is absent or doesn't know it."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import tempfile
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dissmodel.process import installed_program
from dissmodel.record import git_folder
from dissmodel.record.digest import new, sha256_file
from dissmodel.record.git_folder import GitFolder
from dissmodel.record.git_reading import Reading, Unreadable
from dissmodel.record.redact import redact

_PIECE = 1 << 20
_MOST_SUBMODULES = 64
_SHOWN = 3
_LINK_TO_COMMIT = "160000"
_FILES = ("100644", "100755")
_REFTABLE = "{}: its commit is unknown: dissmodel can't read refs in a reftable."
_NOT_MINE = "{}: git calls its ownership dubious, because another user owns it; its commit is unknown."
_TRUST = "If you trust it: git config --global --add safe.directory {}"
# The values of an attribute that name no program.
_NO_FILTER = {"unspecified", "unset", "set"}

# The same changes give the same text. A submodule is compared by its commit; git would look into it with the
# submodule's own settings.
_DIFF = (
    *("diff", "--no-ext-diff", "--no-textconv", "--no-color", "--no-renames", "--full-index"),
    *(
        "--ignore-submodules=dirty",
        "--src-prefix=a/",
        "--dst-prefix=b/",
        "--diff-algorithm=myers",
        "--unified=3",
    ),
)


@dataclass(frozen=True)
class Checkout:
    """The state of a checkout.

    - `commit`: what its HEAD names; None if git would not look at it.
    - `repository`: the URL of its remote ``origin``, without credentials.
    - `dirty`: whether a tracked file changed, or whether the package has ``.py`` files that git doesn't track
      (a result that a run left in the checkout doesn't make its code another). None where that is unknown.
    - `diff_digest`: the sha256 of both: the text of ``git diff HEAD``, with that of each submodule after its
      path, then a line (name, NUL, sha256, newline) for each of those files. None where a part of it is
      unknown.
    - `problem`, `hint`: why something of it is unknown, and the command that helps, if one does.
    """

    commit: str | None
    repository: str | None = None
    dirty: bool | None = None
    diff_digest: str | None = None
    problem: str = ""
    hint: str = ""

    @property
    def name(self) -> str | None:
        """The commit, with ``-dirty`` if it has changes and ``-unknown`` if nobody knows whether it has."""
        return None if self.commit is None else f"{self.commit}{suffix(self.dirty)}"


def checkout_of(path: Path) -> Checkout | None:
    """Return the checkout that tracks `path`, a file or a package's folder; None if none does.

    Git runs without a shell, a prompt, a lock and a remote, and with nothing of the repository's
    configuration but how it converts the ends of lines: it starts no program that the repository names. Where
    a file needs such a program to be compared, ``dirty`` is None.
    """
    folder = path if path.is_dir() else path.parent
    try:
        found, program = git_folder.find(folder), installed_program("git")
        if found is None or program is None:
            return None
        commit = found.head()
        if commit is None:
            return Checkout(None, problem=_REFTABLE.format(found.worktree)) if found.has_reftable else None
        with _opened(found, program) as reading:
            return _looked_at(path, folder, reading, commit)
    except Unreadable as error:
        return Checkout(None, problem=f"{folder}: its commit is unknown: {error}.")
    except (OSError, ValueError):
        return None


def head_of(folder: Path) -> str | None:
    """Return the HEAD of the checkout around a folder; None if there is none.

    Git is not started, whoever the folder belongs to: this is for code that the user has not consented to
    run.
    """
    try:
        found = git_folder.find(folder)
        return found.head() if found is not None else None
    except OSError:
        return None


def suffix(dirty: bool | None) -> str:  # noqa: FBT001  (it is what it is about)
    """Return what follows a commit in a name of the code's state."""
    if dirty is None:
        return "-unknown"
    return "-dirty" if dirty else ""


def without_credentials(url: str) -> str:
    """Return a repository's URL without the user and the password in it.

    >>> without_credentials("https://ana:t0ken@example.org/coast.git")
    'https://example.org/coast.git'
    >>> without_credentials("git@example.org:coast.git")
    'git@example.org:coast.git'
    """
    return re.sub(r"(?<=://)\*\*\*@", "", redact(url))


@contextlib.contextmanager
def _opened(folder: GitFolder, program: str) -> Iterator[Reading]:
    with tempfile.TemporaryDirectory(prefix="dissmodel-git-", ignore_cleanup_errors=True) as scratch:
        yield Reading(folder, Path(scratch), program)


def _looked_at(path: Path, folder: Path, reading: Reading, commit: str) -> Checkout | None:
    """Return the state of a checkout, if it tracks `path`."""
    top = reading.folder.worktree
    if reading.folder.owner_differs(reading.trusted):
        return Checkout(None, problem=_NOT_MINE.format(top), hint=_TRUST.format(top))
    reading.open()
    entries = _entries(reading)
    if not _tracks(entries, path, folder, top):
        return None
    remote = without_credentials(reading.remote.strip()) if reading.remote else None
    digest = new()
    try:
        has_changes, unknown = _changes(reading, commit, entries, digest)
        others = [] if folder != path else _untracked(reading, Path(os.path.realpath(folder)))
    except Unreadable as error:
        return Checkout(commit, remote, problem=f"{top}: whether it has changes is unknown: {error}.")
    if unknown:
        return Checkout(
            commit, remote, True if has_changes or others else None, problem=_not_filtered(top, unknown)
        )
    if not has_changes and not others:
        return Checkout(commit, remote, dirty=False)
    for name in others:
        try:
            digest.update(f"{name}\0{sha256_file(folder / name)}\n".encode("utf-8", "surrogateescape"))
        except OSError:
            return Checkout(commit, remote, dirty=True)
    return Checkout(commit, remote, dirty=True, diff_digest=digest.hexdigest())


@dataclass(frozen=True)
class _Entry:
    """One file of an index; its tag is S or s where it need not be there, small if it is not compared."""

    tag: str
    mode: str
    name: str


def _entries(reading: Reading) -> list[_Entry]:
    listing = os.fsdecode(reading.run("ls-files", "--cached", "--stage", "-v", "-z"))
    found = []
    for line in listing.split("\0")[:-1]:
        told, _, name = line.partition("\t")
        tag, mode, *_ = told.split(" ")
        found.append(_Entry(tag, mode, name))
    return found


def _tracks(entries: list[_Entry], path: Path, folder: Path, top: Path) -> bool:
    place = Path(os.path.realpath(folder))
    name = (place if path == folder else place / path.name).relative_to(top).as_posix()
    # The system may take several spellings for one name; a file that is not tracked has none of them.
    wanted = _folded(name)
    below = "" if name == "." else f"{wanted}/"
    return any(one == wanted or one.startswith(below) for one in (_folded(entry.name) for entry in entries))


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", os.path.normcase(name).replace("\\", "/"))


def _changes(
    reading: Reading, commit: str, entries: list[_Entry], digest: hashlib._Hash
) -> tuple[bool, list[str]]:
    """Return whether tracked files differ from a commit, and what can't be compared; add how to `digest`."""
    top = reading.folder.worktree
    filtered = dict(_filtered(reading, [one.name for one in entries if one.mode in _FILES]))
    # What git was told not to look at is looked at; what it can't compare without a program is not.
    unseen = [one.name for one in entries if one.tag.islower() and one.name not in filtered]
    hidden = [one.name for one in entries if one.tag in "Ss" and os.path.lexists(top / one.name)]
    for option, names in (
        ("--no-skip-worktree", hidden),
        ("--no-assume-unchanged", unseen),
        ("--assume-unchanged", [*filtered]),
    ):
        if names:
            reading.run("update-index", option, "-z", "--stdin", given=names)
    has_changes = False
    with reading.answer(*_DIFF, commit, "--") as text:
        while piece := text.read(_PIECE):
            has_changes = True
            digest.update(piece)
    unknown = [f"{name} (filter={value})" for name, value in filtered.items()]
    for name, inner in _submodules(top, entries):
        with _opened(inner, reading.program) as one:
            changed, others = _inside(one, name, digest)
        has_changes = has_changes or changed
        unknown += [f"{name}/{one}" for one in others]
    return has_changes, unknown


def _filtered(reading: Reading, names: list[str]) -> Iterator[tuple[str, str]]:
    """Yield the files whose attribute names a filter, and which; there need not be such a program."""
    said = os.fsdecode(reading.run("check-attr", "-z", "--stdin", "filter", given=names)).split("\0")
    for name, value in zip(said[0::3], said[2::3], strict=False):
        if value not in _NO_FILTER:
            yield name, value


def _submodules(top: Path, entries: list[_Entry]) -> Iterator[tuple[str, GitFolder]]:
    names = [one.name for one in entries if one.mode == _LINK_TO_COMMIT]
    found = [(name, inner) for name in names if (inner := git_folder.initialised(top, name)) is not None]
    if len(found) > _MOST_SUBMODULES:
        raise Unreadable(f"it has more than {_MOST_SUBMODULES} submodules")
    yield from found


def _inside(reading: Reading, name: str, digest: hashlib._Hash) -> tuple[bool, list[str]]:
    """Return whether a submodule differs from the commit that it is at, as `_changes` does for a checkout."""
    commit = reading.folder.head()
    if commit is None:
        raise Unreadable(f"the submodule {name} has no commit")
    if reading.folder.owner_differs(reading.trusted):
        raise Unreadable(f"the submodule {name} belongs to another user")
    reading.open()
    inner = new()
    changed, unknown = _changes(reading, commit, _entries(reading), inner)
    if changed:
        digest.update(f"{name}\0{inner.hexdigest()}\n".encode("utf-8", "surrogateescape"))
    return changed, unknown


def _untracked(reading: Reading, folder: Path) -> list[str]:
    """Return the modules in a package's folder that git doesn't track and isn't told to ignore."""
    said = reading.run("ls-files", "--others", "--exclude-standard", "-z", "--", ".", folder=folder)
    return sorted(name for name in os.fsdecode(said).split("\0") if name.endswith(".py"))


def _not_filtered(top: Path, files: list[str]) -> str:
    more = f" and {len(files) - _SHOWN} more" if len(files) > _SHOWN else ""
    return (
        f"{top}: whether it has changes is unknown: git compares {', '.join(files[:_SHOWN])}{more} with the "
        "help of a program that the repository names, and dissmodel does not start it."
    )
