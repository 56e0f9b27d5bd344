"""The git that fetches other people's repositories: no prompt, no hook, no filter, no end without a limit."""

from __future__ import annotations

import base64
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dissmodel.config import Remote
from dissmodel.errors import StorageError, did_you_mean
from dissmodel.record.redact import redact
from dissmodel.registry.bounded import LARGEST, Answer, answer_of

ANSWER_S = 10.0
FETCH_S = 300.0

_SSH = "ssh -o BatchMode=yes -o ConnectTimeout=10 -o ServerAliveInterval=5 -o ServerAliveCountMax=2"
_KEPT = ("GIT_CONFIG", "GIT_SSL_", "GIT_SSH")
_SETTINGS = {
    "core.hooksPath": os.devnull,
    "core.fsmonitor": "false",
    "core.symlinks": "false",
    "credential.interactive": "false",
    "fetch.recurseSubmodules": "false",
    "gc.auto": "0",
    "http.lowSpeedLimit": "100",
    "http.lowSpeedTime": "8",
    "maintenance.auto": "false",
    "protocol.ext.allow": "never",
    "submodule.recurse": "false",
}
# What git says, in the order in which it is looked for, and what it means.
_MEANINGS = (
    (
        "registry_auth",
        "it asks for a user and a password, or a key",
        r"authentication failed|could not read (?:user|pass)|permission denied \(|error: 40[13]|host key ",
    ),
    (
        "registry_unreachable",
        "it can't be reached",
        r"could(?: not|n't) (?:resolve|connect)|failed to connect|connection |unreachable|no route|ssl c",
    ),
    ("registry_timeout", "it stopped answering", r"operation too slow|operation timed out"),
    (
        "registry_missing",
        "there is no git repository",
        r"not found|does not appear to be a git repository|does not exist|no such file",
    ),
)
_HINTS = {
    "registry_auth": "Let git know them: an ssh key, or git config --global credential.helper store. "
    "For one sync: dissmodel registry sync --repo https://TOKEN@...",
    "registry_unreachable": "Look at the network and the URL; what was synced before still works.",
    "registry_timeout": "Try again; what was synced before still works.",
    "registry_missing": "Look at the URL: git ls-remote {url}",
}


@dataclass(frozen=True)
class Head:
    """What a remote has at the end of a branch."""

    ref: str
    commit: str


class Repository:
    """An empty repository of our own, in which a remote is asked and fetched.

    Git is started in it, so that no settings of a repository around the current folder are read. Nothing is
    checked out: files are read from git's objects, so no filter, link or submodule of the remote's acts.
    """

    def __init__(self, folder: Path, remote: Remote) -> None:
        self._folder = folder
        self._remote = remote
        self._run("init", "--quiet", "--bare", "--template=", "--", str(folder))

    def head(self, branch: str | None) -> Head:
        """Ask the remote for the end of a branch; None: of its own default.

        Raises
        ------
        StorageError
            If it can't be asked, doesn't answer in 10 seconds, or has no such branch.
        """
        url = self._remote.url
        listing = self._run("ls-remote", "--", url, "HEAD", "refs/heads/*", asks_remote=True)
        heads = {}
        for line in listing.decode("utf-8", "replace").splitlines():
            commit, _, ref = line.partition("\t")
            heads[ref] = commit
        ref = "HEAD" if branch is None else f"refs/heads/{branch}"
        if (
            branch is None and ref not in heads and len(heads) == 1
        ):  # its HEAD names a branch that nobody made
            (ref,) = heads
        if ref not in heads:
            names = [one.removeprefix("refs/heads/") for one in heads if one != "HEAD"]
            what = "has no commit yet" if branch is None else f"has no branch {branch!r}"
            hint = did_you_mean(branch or "main", names)
            raise StorageError(
                f"{url} {what}.", hint or "Commit the models there, and push.", code="registry_branch"
            )
        return Head(ref, heads[ref])

    def fetch(self, head: Head, largest: int) -> str:
        """Fetch the end of a branch without its past, and return its commit.

        A file larger than `largest` bytes is left out where the remote knows how to.
        """
        options = ("--quiet", "--depth=1", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head")
        limit = f"--filter=blob:limit={largest + 1}"
        refspec = f"+{head.ref}:refs/heads/fetched"
        words = ("fetch", *options, limit, "--", self._remote.url, refspec)
        self._run(*words, seconds=FETCH_S, asks_remote=True)
        return self._run("rev-parse", "--verify", "refs/heads/fetched^{commit}").decode().strip()

    def tree(self, folder: str) -> Iterator[tuple[str, str, str]]:
        """Yield mode, object and path of every file below `folder`, as the fetched commit has them."""
        listing = self._run("ls-tree", "-r", "-z", "--full-tree", "refs/heads/fetched", "--", folder)
        for line in os.fsdecode(listing).split("\0")[:-1]:
            told, _, path = line.partition("\t")
            mode, _, name = told.split(" ")
            yield mode, name, path

    def sizes(self) -> dict[str, int]:
        """Return the size of every object that was fetched."""
        form = "--batch-check=%(objectname) %(objectsize)"
        listing = self._run("cat-file", form, "--batch-all-objects", "--unordered", "--buffer")
        return {name.decode(): int(size) for name, size in map(bytes.split, listing.splitlines())}

    def blobs(self, names: list[str]) -> dict[str, bytes]:
        """Return the content of files, by the names of their objects."""
        if not names:
            return {}
        told = self._run(
            "cat-file", "--batch", "--buffer", said="".join(f"{one}\n" for one in names).encode()
        )
        found, at = {}, 0
        for name in names:
            end = told.index(b"\n", at)
            size = int(told[at:end].split()[2])
            found[name] = told[end + 1 : end + 1 + size]
            at = end + 2 + size
        return found

    def _run(
        self, *words: str, seconds: float = ANSWER_S, said: bytes = b"", asks_remote: bool = False
    ) -> bytes:
        settings = [word for name, value in _SETTINGS.items() for word in ("-c", f"{name}={value}")]
        where = () if words[0] == "init" else (f"--git-dir={self._folder}",)
        command = [_git(), *settings, *where, *words]
        # A file that was left out must not be fetched after all.
        protocols = "file:http:https:ssh" if asks_remote else "none"
        environment = {**_environment(self._remote if asks_remote else None), "GIT_ALLOW_PROTOCOL": protocols}
        answer = answer_of(command, environment, self._folder.parent, seconds=seconds, said=said)
        if answer.expired:
            raise StorageError(
                f"{self._remote.url}: no answer in {seconds:.0f} seconds.",
                _HINTS["registry_timeout"],
                code="registry_timeout",
            )
        if answer.code != 0 or len(answer.output) > LARGEST:
            raise _failed(self._remote.url, answer)
        return answer.output


def _git() -> str:
    program = shutil.which("git")
    if program is None:
        raise StorageError(
            "There is no git on this machine, and a registry is fetched with it.",
            "Install it (https://git-scm.com/downloads), or take a folder as a registry.",
            code="git_missing",
        )
    return program


def _environment(remote: Remote | None) -> dict[str, str]:
    """Return git's environment; a secret goes there, for a command line can be seen by others."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("GIT_") or name.startswith(_KEPT)
    }
    environment |= {
        "GCM_INTERACTIVE": "never",
        "GIT_ASKPASS": "",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
        "LC_ALL": "C",
        "SSH_ASKPASS": "",
        "SSH_ASKPASS_REQUIRE": "never",
    }
    if "GIT_SSH" not in environment:
        environment.setdefault("GIT_SSH_COMMAND", _SSH)
    if remote is not None and remote.secret is not None:
        user = remote.secret if ":" in remote.secret else f"{remote.secret}:"
        header = f"Authorization: Basic {base64.b64encode(user.encode()).decode()}"
        given = environment.get("GIT_CONFIG_COUNT", "")
        count = int(given) if given.isdecimal() else 0
        # With a secret no redirect is followed: it would be told to whoever it leads to.
        for name, value in ((f"http.{remote.url}.extraHeader", header), ("http.followRedirects", "false")):
            environment[f"GIT_CONFIG_KEY_{count}"] = name
            environment[f"GIT_CONFIG_VALUE_{count}"] = value
            count += 1
        environment["GIT_CONFIG_COUNT"] = str(count)
    return environment


def _failed(url: str, answer: Answer) -> StorageError:
    if len(answer.output) > LARGEST:
        return StorageError(f"{url}: it is larger than a registry may be.", code="registry_too_large")
    said = redact(answer.errors).strip()
    lines = [line for line in said.splitlines() if line.startswith(("fatal:", "error:"))] or said.splitlines()
    last = lines[0].partition(": ")[2] if lines and ": " in lines[0] else (lines or ["git failed"])[0]
    for code, meaning, signs in _MEANINGS:
        if re.search(signs, said, re.IGNORECASE):
            return StorageError(
                f"{url}: {meaning} (git: {last[:300].rstrip('.')}).", _HINTS[code].format(url=url), code=code
            )
    return StorageError(
        f"{url}: git failed: {last[:300].rstrip('.')}.",
        f"Look at it: git ls-remote {url}",
        code="registry_git",
    )
