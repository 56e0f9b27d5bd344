"""Git for repositories that are not trusted: no prompt, no hook, no filter, no endless wait."""

from __future__ import annotations

import base64
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from dissmodel.errors import StorageError
from dissmodel.process import LARGEST, finished, installed_program
from dissmodel.record import git_reading
from dissmodel.record.known_secrets import learn
from dissmodel.record.redact import redact

ANSWER_S = 10.0
FETCH_S = 300.0

_SSH = "ssh -o BatchMode=yes -o ConnectTimeout=10 -o ServerAliveInterval=5 -o ServerAliveCountMax=2"
# Git's shell reads it, also on Windows; the path of the repository is added by git.
_SERVED = "--upload-pack=GIT_ALLOW_PROTOCOL=none GIT_NO_LAZY_FETCH=1 git-upload-pack"
_KEPT = ("GIT_CONFIG", "GIT_SSL_", "GIT_SSH", "GIT_PROXY", "GIT_HTTP")
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
# Git's exit code is the same for all of these, so its text is read, as git 2.39 writes it with LC_ALL=C; the
# first that is found stands.
_MEANINGS = (
    (
        "auth",
        "it asks for a user and a password, or a key",
        r"authentication failed|could not read (?:user|pass)|permission denied \(|error: 40[13]|host key ",
        "Give them to git: an ssh key, or git config --global credential.helper store.",
    ),
    (
        "unreachable",
        "it can't be reached",
        r"could(?: not|n't) (?:resolve|connect)|failed to connect|connection |unreachable|no route|ssl c",
        "Check the network and the URL; what was fetched before still works.",
    ),
    (
        "timeout",
        "it stopped answering",
        r"operation too slow|operation timed out",
        "Try again; what was fetched before still works.",
    ),
    (
        "missing",
        "there is no git repository",
        r"not found|does not appear to be a git repository|does not exist|no such file",
        "Check the URL: git ls-remote {url}",
    ),
)


class Repository:
    """An empty repository of our own, in which a remote is asked and fetched.

    Git is started in it, so that no settings of a repository around the current folder are read. Nothing is
    checked out: files are read from git's objects, so no filter, link or submodule of the remote's acts.

    It is made in `folder`. The URL holds no secret; `secret` is ``user:password`` or a token for it. `kind`
    is how the errors' codes begin, such as ``"registry"``.

    Raises
    ------
    StorageError
        From each method, if git can't do it; the code's end says why: ``"_auth"``, ``"_unreachable"``,
        ``"_timeout"``, ``"_missing"``, ``"_too_large"`` or ``"_git"``; ``"git_missing"`` if there is no git.
    """

    def __init__(
        self, folder: Path, url: str, secret: str | None = None, *, kind: str = "repository"
    ) -> None:
        self.url = url
        self._folder = folder
        self._secret = secret
        self._kind = kind
        learn((secret or "").rpartition(":")[2])
        self._run("init", "--quiet", "--bare", "--template=", "--", str(folder))

    def refs(self, *patterns: str) -> dict[str, str]:
        """Ask the remote which commits it has under names such as ``HEAD`` and ``refs/heads/*``."""
        listing = self._run(
            "ls-remote", "--quiet", *self._served(), "--", self.url, *patterns, asks_remote=True
        )
        lines = (line.partition("\t") for line in listing.decode("utf-8", "replace").splitlines())
        return {name: commit for commit, _, name in lines}

    def fetch(self, refspec: str, *, largest: int, past: bool = False) -> None:
        """Fetch what a refspec names, without its past by default.

        A file larger than `largest` bytes is left out where the remote knows how to.
        """
        options = ("--quiet", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head")
        depth = () if past else ("--depth=1",)
        limit = f"--filter=blob:limit={largest + 1}"
        words = ("fetch", *options, *depth, limit, *self._served(), "--", self.url, refspec)
        self._run(*words, seconds=FETCH_S, asks_remote=True)

    def commit(self, name: str) -> str:
        """Return the commit that was fetched under a name."""
        return self._run("rev-parse", "--verify", "--end-of-options", f"{name}^{{commit}}").decode().strip()

    def tree(self, commit: str, path: str) -> Iterator[tuple[str, str, str]]:
        """Yield mode, object and path of a file, or of every file below a folder, as a commit has them."""
        listing = self._run("ls-tree", "-r", "-z", "--full-tree", commit, "--", path)
        for line in os.fsdecode(listing).split("\0")[:-1]:
            told, _, name = line.partition("\t")
            mode, _, blob = told.split(" ")
            yield mode, blob, name

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
            "cat-file", "--batch", "--buffer", said="".join(f"{name}\n" for name in names).encode()
        )
        found, at = {}, 0
        for name in names:
            end = told.index(b"\n", at)
            size = int(told[at:end].split()[2])
            found[name] = told[end + 1 : end + 1 + size]
            at = end + 2 + size
        return found

    def _served(self) -> tuple[str, ...]:
        """Return the option by which a repository on this machine is served, where it is one.

        Git serves it with its own configuration; a promise in it that a remote has what is missing would be
        redeemed by a program that the configuration names, so the server may ask no remote.
        """
        return (_SERVED,) if self.url.startswith("file:") else ()

    def _run(
        self, *words: str, seconds: float | None = None, said: bytes = b"", asks_remote: bool = False
    ) -> bytes:
        seconds = ANSWER_S if seconds is None else seconds
        settings = [word for name, value in _SETTINGS.items() for word in ("-c", f"{name}={value}")]
        where = () if words[0] == "init" else (f"--git-dir={self._folder}",)
        # A file that was left out must not be fetched after all.
        protocols = "file:http:https:ssh" if asks_remote else "none"
        env = {**_environment(), "GIT_ALLOW_PROTOCOL": protocols}
        if asks_remote and self._secret is not None:
            env |= _with_secret(env, self.url, self._secret)
        command = [_git(), *settings, *where, *words]
        try:
            ended = finished(command, env=env, patience=seconds, folder=self._folder.parent, said=said)
        except subprocess.TimeoutExpired:
            raise StorageError(
                f"{self.url}: no answer in {seconds:.0f} seconds.",
                "Try again; what was fetched before still works.",
                code=f"{self._kind}_timeout",
            ) from None
        if len(ended.out) > LARGEST:
            raise StorageError(f"{self.url}: it is too large.", code=f"{self._kind}_too_large")
        if ended.code != 0:
            raise self._failed(ended.err)
        return ended.out

    def _failed(self, errors: str) -> StorageError:
        said = redact(errors).strip()
        lines = [line for line in said.splitlines() if line.startswith(("fatal:", "error:"))]
        lines = lines or said.splitlines()
        last = lines[0].partition(": ")[2] if lines and ": " in lines[0] else (lines or ["git failed"])[0]
        last = last[:300].rstrip(".")
        for kind, meaning, signs, hint in _MEANINGS:
            if re.search(signs, said, re.IGNORECASE):
                return StorageError(
                    f"{self.url}: {meaning} (git: {last}).",
                    hint.format(url=self.url),
                    code=f"{self._kind}_{kind}",
                )
        return StorageError(
            f"{self.url}: git failed: {last}.",
            f"See the error: git ls-remote {self.url}",
            code=f"{self._kind}_git",
        )


def _git() -> str:
    program = installed_program("git")
    if program is None:
        raise StorageError(
            "There is no git on this machine, and repositories are fetched with it.",
            "Install it: https://git-scm.com/downloads",
            code="git_missing",
        )
    return program


def _environment() -> dict[str, str]:
    found = git_reading.environment(*_KEPT)
    found |= {
        "GCM_INTERACTIVE": "never",
        "GIT_ASKPASS": "",
        "SSH_ASKPASS": "",
        "SSH_ASKPASS_REQUIRE": "never",
    }
    if "GIT_SSH" not in found:
        found.setdefault("GIT_SSH_COMMAND", _SSH)
    return found


def _with_secret(environment: dict[str, str], url: str, secret: str) -> dict[str, str]:
    """Return the variables that tell git a secret: every user of the machine can read a command line."""
    user = secret if ":" in secret else f"{secret}:"
    header = f"Authorization: Basic {base64.b64encode(user.encode()).decode()}"
    given = environment.get("GIT_CONFIG_COUNT", "")
    count = int(given) if given.isdecimal() else 0
    # With a secret no redirect is followed: its target would get the secret.
    pairs = ((f"http.{url}.extraHeader", header), ("http.followRedirects", "false"))
    found = {"GIT_CONFIG_COUNT": str(count + len(pairs))}
    for number, (name, value) in enumerate(pairs, count):
        found[f"GIT_CONFIG_KEY_{number}"] = name
        found[f"GIT_CONFIG_VALUE_{number}"] = value
    return found
