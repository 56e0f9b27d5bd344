"""Signatures by the SSH keys that people have: `ssh-keygen -Y`, without a shell and without a wait."""

from __future__ import annotations

import base64
import binascii
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from dissmodel import bounded, temporary
from dissmodel.errors import InvalidInput, UsageError
from dissmodel.record import digest

RECORD = "dissmodel-record"
"""The namespace of a signature on a record: one that was made for something else does not count."""
STATEMENT = "dissmodel-attestation"
"""The namespace of a signature on a statement about a record."""
SUFFIX = ".sig"
MAX_BYTES = 1024 * 1024

_TIMEOUT_S = 60.0
# A person looks for a passphrase or a key to touch.
_PATIENCE_S = 300.0
_BEGIN, _END = b"-----BEGIN SSH SIGNATURE-----", b"-----END SSH SIGNATURE-----"
_MAGIC = b"SSHSIG\x00\x00\x00\x01"


@dataclass(frozen=True)
class PublicKey:
    """A public key by its fingerprint (``SHA256:…``), and the comment that its owner gave it."""

    fingerprint: str
    comment: str


@dataclass(frozen=True)
class Signer:
    """Who made a signature.

    `verdict` is ``good``: by one of the allowed signers, on these bytes; ``unknown``: by a key that is none
    of theirs; ``bad``: no signature, or not on these bytes, or made for something else. `principal` is the
    name that the list of allowed signers gives a good one, `fingerprint` that of the key, where the signature
    is one.
    """

    verdict: Literal["good", "unknown", "bad"]
    principal: str = ""
    fingerprint: str = ""


def signature_path(path: Path) -> Path:
    """Return where the signature of a file is: beside it.

    >>> signature_path(Path("out/flood.record.json")).as_posix()
    'out/flood.record.json.sig'
    """
    return path.with_name(f"{path.name}{SUFFIX}")


def sign(message: bytes, key: Path, namespace: str, *, may_ask: bool = False) -> bytes:
    """Return a signature of `message`, in the armoured form of ``ssh-keygen -Y sign``.

    `key` is a private key, or a public key whose private half an ssh-agent holds; `namespace` is what the
    signature is for; `may_ask`: a person can type a passphrase.

    Raises UsageError if there is no such key (code ``key_missing``), if it asks for a passphrase that nobody
    can type (``key_locked``), if it can't sign, or if OpenSSH isn't installed (``ssh_keygen_missing``).
    """
    _refuse_missing(key)
    told = _run("-Y", "sign", "-n", namespace, "-f", str(key), message=message, may_ask=may_ask)
    if told.returncode == 0 and _BEGIN in told.stdout:
        return told.stdout
    said = told.stderr.decode(errors="replace").strip()
    if "passphrase" in said:
        raise UsageError(
            f"{key}: this key is locked by a passphrase.",
            f"Unlock it for ssh-agent first: ssh-add {key}",
            code="key_locked",
        )
    raise UsageError(
        f"{key}: ssh-keygen can't sign with it: {said.splitlines()[-1] if said else 'without a reason'}.",
        "Give an SSH key of your own: --key ~/.ssh/id_ed25519",
        code="key_unusable",
    )


def verify(message: bytes, signature: bytes, allowed_signers: Path, namespace: str) -> Signer:
    """Return who made `signature` of `message`.

    Neither `message` nor `signature` is trusted. `allowed_signers` is who may sign, in the format that
    ``ssh-keygen`` and git read: a line ``NAME KEY-TYPE KEY`` each. `namespace` is what the signature has to
    be for.

    Raises UsageError if there is no such list, or if OpenSSH isn't installed.
    """
    _refuse_missing(allowed_signers, "list of allowed signers", "--allowed-signers")
    fingerprint = fingerprint_of(signature)
    if fingerprint is None:
        return Signer("bad")
    with temporary.new_folder() as folder:
        # A copy: what is beside a record may change, or be a pipe.
        copy = folder / "signature"
        copy.write_bytes(signature)
        where = ("-f", str(allowed_signers), "-s", str(copy))
        found = _run("-Y", "find-principals", *where, message=b"")
        if found.returncode != 0:
            return Signer("unknown", fingerprint=fingerprint)
        for principal in found.stdout.decode(errors="replace").splitlines():
            told = _run("-Y", "verify", "-n", namespace, "-I", principal, *where, message=message)
            if told.returncode == 0:
                return Signer("good", principal, fingerprint)
    return Signer("bad", fingerprint=fingerprint)


def fingerprint_of(signature: bytes) -> str | None:
    """Return the fingerprint of the key that a signature names; None if it is not an SSH signature.

    It proves nothing: a signature can name any key.

    >>> fingerprint_of(b"no signature") is None
    True
    """
    head, _, rest = signature.strip().partition(_BEGIN)
    body, end, _ = rest.partition(_END)
    if head or not end:
        return None
    try:
        blob = base64.b64decode(b"".join(body.split()), validate=True)
    except binascii.Error:
        return None
    size = int.from_bytes(blob[len(_MAGIC) : len(_MAGIC) + 4], "big")
    public = blob[len(_MAGIC) + 4 :][:size]
    if not blob.startswith(_MAGIC) or not public or len(public) != size:
        return None
    hashed = bytes.fromhex(digest.sha256_bytes(public))
    return f"SHA256:{base64.b64encode(hashed).decode().rstrip('=')}"


def key_of(key: Path) -> PublicKey:
    """Return the public part of a key."""
    _refuse_missing(key)
    told = _run("-l", "-f", str(key), message=b"")
    words = told.stdout.decode(errors="replace").split()
    if told.returncode != 0 or len(words) < 3:  # noqa: PLR2004  (bits, fingerprint, comment …, type)
        raise UsageError(f"{key}: this is not an SSH key.", "Give your own key: --key ~/.ssh/id_ed25519")
    return PublicKey(words[1], " ".join(words[2:-1]))


def read(path: Path) -> bytes | None:
    """Return what a signature's or a statement's file holds; None if there is none.

    Raises InvalidInput if it is larger than 1 MiB, no regular file, or can't be read.
    """
    try:
        return bounded.contents(path, MAX_BYTES)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InvalidInput(f"{path}: can't be read: {error.strerror or error}.") from error


def _refuse_missing(path: Path, what: str = "key", option: str = "--key") -> None:
    if not path.is_file():
        raise UsageError(
            f"{option} {path}: there is no such {what}.",
            "ssh-keygen -t ed25519 makes a key." if what == "key" else "Each line is: NAME KEY-TYPE KEY",
            code="key_missing" if what == "key" else "allowed_signers_missing",
        )


def _run(*words: str, message: bytes, may_ask: bool = False) -> subprocess.CompletedProcess[bytes]:
    program = shutil.which("ssh-keygen")
    if program is None:
        raise UsageError(
            "Signatures are made and checked by ssh-keygen, which is not installed.",
            "Install OpenSSH; on Debian and Ubuntu: apt install openssh-client",
            code="ssh_keygen_missing",
        )
    patience = _PATIENCE_S if may_ask else _TIMEOUT_S
    try:
        return subprocess.run(  # noqa: S603  (a list of arguments, no shell)
            [program, *words],
            input=message,
            capture_output=True,
            check=False,
            timeout=patience,
            # No window that asks where nobody looks. Outside the terminal's session a passphrase can only be
            # looked for in the message, where it is not.
            env={**os.environ, "SSH_ASKPASS_REQUIRE": "never", "LC_ALL": "C"},
            start_new_session=not may_ask,
        )
    except subprocess.TimeoutExpired as error:
        raise UsageError(
            f"ssh-keygen did not answer within {patience:.0f} s.",
            "A key in ssh-agent, or a key that must be touched, may be waiting for you.",
            code="ssh_keygen_waits",
        ) from error
