"""Git that reads somebody's repository and starts nothing that it names.

Git never sees the repository's own configuration, hooks or remotes: it works in a repository of ours, made
for the purpose, with a copy of the index, the objects where they are, and those settings that decide how a
file's bytes are compared. So no filter, file-system monitor, promisor remote, external diff or include acts,
in any version of git.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO

from dissmodel.process import LARGEST
from dissmodel.record.git_folder import GitFolder, contents

_TIMEOUT_S = 10.0
_MAX_CONFIG = 1 << 20
_MAX_INDEX = 256 << 20
_MOST_SHARED = 4
# What decides whether a file's bytes are those of the commit. No program can be named by any of them.
_FLAGS = (
    *("autocrlf", "checkroundtripencoding", "checkstat", "eol", "filemode", "ignorecase"),
    *("precomposeunicode", "symlinks", "trustctime"),
)
_FILES = {"attributesfile": "attributes", "excludesfile": "ignore"}
_HASHES = {"sha1", "sha256"}


class Unreadable(Exception):
    """Git could not tell; the text says why."""


class Reading:
    """One checkout, read with git.

    `scratch` is a folder for this reading alone. `remote` is the URL of the remote ``origin``, as it stands
    there; `trusted` is what the user's own configuration has for ``safe.directory``.

    Raises
    ------
    Unreadable
        From each method, where git fails or the repository is of a kind that it can't read.
    """

    def __init__(self, folder: GitFolder, scratch: Path, program: str) -> None:
        self.folder = folder
        self.program = program
        self._scratch = scratch
        for name in ("objects", "refs", "info"):
            (scratch / name).mkdir()
        (scratch / "HEAD").write_text("ref: refs/heads/none\n", encoding="ascii")
        (scratch / "config").write_text("[core]\n\trepositoryFormatVersion = 0\n", encoding="ascii")
        mine = self._settings("config", "--includes", "--list", "-z", user=True)
        self.trusted = tuple(mine.get("safe.directory", ()))
        self._mine = {name: values[-1] for name, values in mine.items()}
        self.remote: str | None = None

    def open(self) -> None:
        """Copy the index and take over what decides how files are compared."""
        theirs = self._their_settings()
        self.remote = theirs.get("remote.origin.url")
        core = theirs.get("core.worktree")
        if core is not None and os.path.realpath(self.folder.own / core) != str(self.folder.worktree):
            raise Unreadable("core.worktree names another folder")
        form = theirs.get("extensions.objectformat", "sha1").lower()
        storage = theirs.get("extensions.refstorage", "files").lower()
        if form not in _HASHES or storage != "files":
            raise Unreadable(f"its format is not known ({form}, {storage})")
        self._write_config(form, theirs)
        if (self.folder.own / "index").exists():
            _copy(self.folder.own / "index", self._scratch / "index")
        # Of a split index; git leaves earlier ones for a while, and touches the one that it uses.
        shared_indexes = sorted(self.folder.own.glob("sharedindex.*"), key=lambda one: one.lstat().st_mtime)
        for shared in shared_indexes[-_MOST_SHARED:]:
            _copy(shared, self._scratch / shared.name)
        for name in ("attributes", "exclude"):
            data = contents(self.folder.common / "info" / name, _MAX_CONFIG)
            (self._scratch / "info" / name).write_bytes(data)

    def run(self, *words: str, given: Iterable[str] = (), folder: Path | None = None) -> bytes:
        """Return the output of git in the worktree or a folder of it; `given` are names for git's input."""
        said = b"".join(os.fsencode(name) + b"\0" for name in given)
        with self.answer(*words, said=said, folder=folder) as stream:
            data = stream.read(LARGEST + 1)
        if len(data) > LARGEST:
            raise Unreadable("it is too large")
        return data

    @contextlib.contextmanager
    def answer(
        self, *words: str, said: bytes = b"", folder: Path | None = None, user: bool = False
    ) -> Iterator[IO[bytes]]:
        """Give what git says as a file, for the block; `user`: with the user's own settings alone."""
        with tempfile.TemporaryFile(dir=self._scratch) as out:
            try:
                done = subprocess.run(  # noqa: S603  (no shell; fixed words and names that follow `--` or come by a pipe)
                    [self.program, *words],
                    input=said,
                    stdout=out,
                    stderr=subprocess.PIPE,
                    timeout=_TIMEOUT_S,
                    check=False,
                    cwd=folder or self.folder.worktree,
                    env=self._environment(user=user),
                )
            except subprocess.TimeoutExpired:
                raise Unreadable(f"git gave no answer in {_TIMEOUT_S:.0f} seconds") from None
            except (OSError, subprocess.SubprocessError) as error:
                raise Unreadable(f"git can't be started: {error}") from error
            if done.returncode != 0:
                lines = os.fsdecode(done.stderr[:_MAX_CONFIG]).strip().splitlines()
                raise Unreadable(f"git: {lines[-1][:200]}" if lines else "git failed")
            out.seek(0)
            yield out

    def _environment(self, *, user: bool = False) -> dict[str, str]:
        """Return git's variables: none leads to another repository, nor, unless `user`, to other settings."""
        found = environment("GIT_CONFIG") if user else environment()
        found |= {
            "GIT_ALLOW_PROTOCOL": "none",
            "GIT_DIR": str(self._scratch),
            "GIT_NO_LAZY_FETCH": "1",
            "GIT_NO_REPLACE_OBJECTS": "1",
        }
        if not user:
            found |= {
                "GIT_CONFIG_GLOBAL": os.devnull,
                "GIT_CONFIG_NOSYSTEM": "1",
                "GIT_OBJECT_DIRECTORY": str(self.folder.common / "objects"),
                "GIT_WORK_TREE": str(self.folder.worktree),
                # For a git that does not know GIT_CONFIG_GLOBAL (before 2.32).
                "HOME": str(self._scratch),
                "XDG_CONFIG_HOME": str(self._scratch),
            }
        return found

    def _settings(self, *words: str, said: bytes = b"", user: bool = False) -> dict[str, list[str]]:
        with self.answer(*words, said=said, folder=self._scratch, user=user) as stream:
            text = os.fsdecode(stream.read(_MAX_CONFIG))
        found: dict[str, list[str]] = {}
        for entry in text.split("\0")[:-1]:
            name, is_given, value = entry.partition("\n")
            found.setdefault(name, []).append(value if is_given else "true")
        return found

    def _their_settings(self) -> dict[str, str]:
        """Return the repository's own settings, without what they include: data, of which little is used."""
        # A linked worktree, and a sparse checkout, has some of its own.
        files = (self.folder.common / "config", self.folder.own / "config.worktree")
        text = b"\n".join(contents(path, _MAX_CONFIG) for path in files)
        found = self._settings("config", "--file", "-", "--no-includes", "--list", "-z", said=text)
        return {name: values[-1] for name, values in found.items()}

    def _write_config(self, form: str, theirs: Mapping[str, str]) -> None:
        settings = {**self._mine, **theirs}
        core = {name: settings[f"core.{name}"] for name in _FLAGS if f"core.{name}" in settings}
        for name, default in _FILES.items():
            path = _regular(settings.get(f"core.{name}"), default, self.folder.worktree)
            if path is not None:
                core[name] = path
        lines = [
            "[core]",
            f"\trepositoryFormatVersion = {int(form != 'sha1')}",
            "\tbare = false",
            "\tfsmonitor = false",
            f"\thooksPath = {_quoted(os.devnull)}",
            "\tsafecrlf = false",
            *(f"\t{name} = {_quoted(value)}" for name, value in core.items()),
            # A git that is older than other hashes does not know the section.
            *(["[extensions]", f"\tobjectFormat = {form}"] if form != "sha1" else []),
            "[protocol]",
            "\tallow = never",
        ]
        text = "\n".join(lines) + "\n"
        (self._scratch / "config").write_bytes(os.fsencode(text))


def environment(*kept: str) -> dict[str, str]:
    """Return the variables for a git that asks nobody; of git's own only those that begin as `kept` say."""
    found = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("GIT_") or name.startswith(kept)
    }
    return found | {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}


def _regular(said: str | None, default: str, worktree: Path) -> str | None:
    """Return the path of a file that a setting names, or of git's default, where it is a regular file."""
    if said is None:
        said = str(Path(os.environ.get("XDG_CONFIG_HOME") or "~/.config") / "git" / default)
    path = worktree / os.path.expanduser(said)  # noqa: PTH111  (it may name nobody)
    try:
        looked = path.stat()
    except (OSError, ValueError):
        return None
    return str(path) if stat.S_ISREG(looked.st_mode) and looked.st_size <= _MAX_CONFIG else None


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _copy(source: Path, target: Path) -> None:
    try:
        looked = source.stat()
        if not stat.S_ISREG(looked.st_mode) or looked.st_size > _MAX_INDEX:
            raise Unreadable(f"{source} is not a file of git")
        # With its time: git looks again at files that changed in the second in which the index was written.
        shutil.copy2(source, target)
    except OSError as error:
        raise Unreadable(f"{source}: {error.strerror or error}") from error
