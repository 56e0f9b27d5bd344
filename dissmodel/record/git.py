"""What a git checkout says about the code in it; nothing where git is absent or doesn't know it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from dissmodel.record.digest import new, sha256_file
from dissmodel.record.redact import redact

_TIMEOUT_S = 10.0

# The same changes give the same text, whatever the user's settings; nothing that they name is started.
_DIFF = (
    *("diff", "HEAD", "--no-ext-diff", "--no-textconv", "--no-color", "--no-renames", "--full-index"),
    *("--src-prefix=a/", "--dst-prefix=b/", "--diff-algorithm=myers", "--unified=3"),
)


@dataclass(frozen=True)
class Checkout:
    """The state of a checkout.

    ``dirty`` tells whether a tracked file changed, or whether the package has ``.py`` files that git doesn't
    track (a result that a run left in the checkout doesn't make its code another). ``diff_digest`` is the
    sha256 of both: the text of ``git diff HEAD``, then a line (name, NUL, sha256, newline) for each of those
    files. Both are None where git couldn't say.
    """

    commit: str
    repository: str | None
    dirty: bool | None
    diff_digest: str | None


def checkout_of(path: Path) -> Checkout | None:
    """Return the checkout that tracks `path`, a file or a package's folder; None if none does.

    Git runs without a shell, a prompt, a hook, a lock or a file-system monitor, and not for long.
    """
    folder = path if path.is_dir() else path.parent
    commit = commit_of(path)
    if commit is None:
        return None
    remote = _git(folder, "config", "--get", "remote.origin.url")
    dirty, digest = _changes(path, folder)
    return Checkout(
        commit=commit,
        repository=without_credentials(os.fsdecode(remote).strip()) if remote else None,
        dirty=dirty,
        diff_digest=digest,
    )


def commit_of(path: Path) -> str | None:
    """Return the commit of the checkout that tracks `path`; None if none does.

    Unlike `checkout_of` it compares no file, for which git would start the filters that a repository's own
    configuration names: this is for code that nobody has agreed to run.
    """
    folder = path if path.is_dir() else path.parent
    if _git(folder, "ls-files", "--error-unmatch", "--", str(path)) is None:
        return None
    commit = _git(folder, "rev-parse", "--verify", "HEAD")
    return commit.decode().strip() if commit is not None else None


def without_credentials(url: str) -> str:
    """Return a repository's URL without the user and the password in it.

    >>> without_credentials("https://ana:t0ken@example.org/coast.git")
    'https://example.org/coast.git'
    >>> without_credentials("git@example.org:coast.git")
    'git@example.org:coast.git'
    """
    return re.sub(r"(?<=://)\*\*\*@", "", redact(url))


def _changes(path: Path, folder: Path) -> tuple[bool | None, str | None]:
    diff = _git(folder, *_DIFF)
    others = _git(folder, "ls-files", "--others", "--exclude-standard", "-z", "--", str(path))
    if diff is None or others is None:
        return None, None
    untracked = sorted(name for name in os.fsdecode(others).split("\0") if name.endswith(".py"))
    if not diff and not untracked:
        return False, None
    digest = new()
    digest.update(diff)
    for name in untracked:
        try:
            file_digest = sha256_file(folder / name)
        except OSError:
            return True, None
        digest.update(f"{name}\0{file_digest}\n".encode("utf-8", "surrogateescape"))
    return True, digest.hexdigest()


def _git(folder: Path, *arguments: str) -> bytes | None:
    program = shutil.which("git")
    if program is None:
        return None
    # A hook's GIT_DIR would lead to another repository; what a user allows in GIT_CONFIG_* stays.
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("GIT_") or name.startswith(("GIT_CONFIG", "GIT_CEILING_"))
    }
    settings = ("-c", "core.fsmonitor=false", "-c", f"core.hooksPath={os.devnull}")
    try:
        done = subprocess.run(  # noqa: S603  (no shell; fixed arguments and one path after `--`)
            [program, "-C", str(folder), *settings, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_TIMEOUT_S,
            check=False,
            env={**environment, "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"},
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout if done.returncode == 0 else None
