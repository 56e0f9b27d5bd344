"""What a git repository elsewhere has, looked at without running anything of it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from dissmodel.environments.process import finished
from dissmodel.errors import DissmodelError, RunFailed, StorageError, UsageError
from dissmodel.record.redact import redact

COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
MAX_PYPROJECT = 1 << 20

_LOOK_S = 15.0
_FETCH_S = 300.0
_SETTINGS = (
    *("-c", "core.fsmonitor=false", "-c", f"core.hooksPath={os.devnull}", "-c", "core.symlinks=false"),
    *("-c", "fetch.recurseSubmodules=no", "-c", "http.lowSpeedLimit=1", "-c", "http.lowSpeedTime=15"),
    *("-c", "protocol.ext.allow=never", "-c", "gc.auto=0"),
)


@dataclass(frozen=True)
class Project:
    """What a ``pyproject.toml`` says of itself; the version is None where it is only known once built."""

    name: str | None
    version: str | None


def commit_of(url: str, ref: str | None) -> str:
    """Return the commit that a repository has under a tag or a branch now.

    A full commit is returned as it is, without asking.

    Raises
    ------
    StorageError
        If the repository can't be reached within 15 seconds.
    UsageError
        If it has no such tag or branch.
    """
    if ref is not None and COMMIT.fullmatch(ref):
        return ref
    patterns = [f"refs/tags/{ref}^{{}}", f"refs/tags/{ref}", f"refs/heads/{ref}"] if ref else ["HEAD"]
    said = _git("ls-remote", "--quiet", "--", url, *patterns, url=url, patience=_LOOK_S)
    lines = (line.partition("\t") for line in said.splitlines())
    found = {name: commit for commit, _, name in lines}
    for name in patterns:
        if COMMIT.fullmatch(found.get(name, "")):
            return found[name]
    if ref is None:
        raise UsageError(f"{url} has no commit yet.", "Push one.", code="no_such_ref")
    near = "A short commit is not enough: give all 40 digits." if re.fullmatch(r"[0-9a-f]{7,39}", ref) else ""
    raise UsageError(
        f"{url} has no tag and no branch {ref!r}.",
        near or f"See what it has: git ls-remote {url}",
        code="no_such_ref",
    )


def project_at(url: str, ref: str | None, commit: str, subdirectory: str | None) -> Project:
    """Return what the ``pyproject.toml`` of a commit says; it is fetched, not checked out and not run.

    Raises
    ------
    StorageError
        If the repository can't be reached.
    RunFailed
        If it doesn't give the commit, or has no such file.
    """
    with tempfile.TemporaryDirectory(prefix="dissmodel-git-") as folder:
        where = ("--git-dir", folder)
        _git(*where, "init", "--quiet", "--bare", url=url, patience=_LOOK_S)
        wanted = ref or "HEAD"
        fetch = ("fetch", "--quiet", "--depth=1", "--no-tags", "--no-write-fetch-head", "--", url)
        try:
            _git(*where, *fetch, wanted, url=url, patience=_FETCH_S)
            data = _blob(where, commit, subdirectory, url)
        except RunFailed:  # the ref has moved on, or the host gives no commit by its name: all of it then
            _git(*where, *fetch[:2], *fetch[3:], "+refs/*:refs/fetched/*", url=url, patience=_FETCH_S)
            data = _blob(where, commit, subdirectory, url)
    return project_in(data, f"pyproject.toml of {url}")


def project_in(data: bytes, place: str) -> Project:
    r"""Return what the text of a ``pyproject.toml`` says.

    >>> project_in(b'[project]\nname = "Coastal_Flood"', "pyproject.toml")
    Project(name='coastal-flood', version=None)

    Raises
    ------
    UsageError
        If it is no TOML.
    """
    try:
        document = tomllib.loads(data.decode())
    except (ValueError, RecursionError) as error:
        raise UsageError(
            f"{place} is no valid TOML: {error or 'it is nested too deeply'}.",
            "Mend it.",
            code="bad_pyproject",
        ) from error
    tool = document.get("tool")
    poetry = tool.get("poetry") if isinstance(tool, dict) else None
    tables: list[Any] = [document.get("project"), poetry]
    for table in tables:
        if isinstance(table, dict) and isinstance(table.get("name"), str):
            version = table.get("version")
            return Project(canonicalize_name(table["name"]), version if isinstance(version, str) else None)
    return Project(None, None)


def _blob(where: tuple[str, str], commit: str, subdirectory: str | None, url: str) -> bytes:
    name = f"{subdirectory}/pyproject.toml" if subdirectory else "pyproject.toml"
    spec = f"{commit}:{name}"
    _git(*where, "cat-file", "-e", f"{commit}^{{commit}}", url=url, patience=_LOOK_S)
    listed = _git(*where, "ls-tree", "-l", commit, "--", name, url=url, patience=_LOOK_S).split()
    if len(listed) < 4 or not listed[0].startswith("100"):  # noqa: PLR2004  (mode, type, id, size, name)
        raise UsageError(
            f"{url} has no {name} at commit {commit[:12]}.",
            "A model's package has one; where it lies deeper, add #subdirectory=FOLDER.",
            code="no_pyproject",
        )
    if not listed[3].isdigit() or int(listed[3]) > MAX_PYPROJECT:
        raise UsageError(f"{name} of {url} is larger than 1 MiB.", "Mend the package.", code="bad_pyproject")
    return _git(*where, "cat-file", "blob", spec, url=url, patience=_LOOK_S).encode(
        "utf-8", "surrogateescape"
    )


def _git(*words: str, url: str, patience: float) -> str:
    program = shutil.which("git")
    if program is None:
        raise DissmodelError(
            f"{url}: there is no git to get it with.", "Install git: https://git-scm.com", code="no_git"
        )
    kept = ("GIT_CONFIG", "GIT_SSL", "GIT_SSH", "GIT_ASKPASS", "GIT_PROXY", "GIT_HTTP")
    env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_") or
           name.startswith(kept)}  # fmt: skip
    env.setdefault("GIT_SSH_COMMAND", "ssh -oBatchMode=yes")
    quiet = {"GIT_TERMINAL_PROMPT": "0", "GCM_INTERACTIVE": "never", "LC_ALL": "C"}
    quiet["GIT_ALLOW_PROTOCOL"] = "https:http:ssh:file"
    try:
        done = finished(
            [program, *_SETTINGS, *words],
            env={**env, **quiet},
            patience=patience,
            folder=Path(tempfile.gettempdir()),
        )
    except subprocess.TimeoutExpired:
        raise StorageError(
            f"{url} did not answer within {patience:.0f} s.",
            "Check the network and the URL, and try again.",
            code="repository_unreachable",
        ) from None
    except OSError as error:
        raise DissmodelError(f"git can't be started: {error}.", "Install git.", code="no_git") from error
    if done.code != 0:
        said = redact(" ".join(done.err.split())[-600:])
        kind, code = (
            (StorageError, "repository_unreachable") if "ls-remote" in words else (RunFailed, "fetch_failed")
        )
        raise kind(f"{url}: git says: {said}", "Check the URL, and that git may read it.", code=code)
    return done.out.decode("utf-8", "surrogateescape")
