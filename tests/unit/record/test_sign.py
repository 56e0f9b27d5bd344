"""Signatures by SSH keys, made and checked with keys of every kind that people have."""

import os
import shutil
import subprocess
import sys
import time

import pytest

from dissmodel.errors import InvalidInput, UsageError
from dissmodel.record import sign

pytestmark = pytest.mark.skipif(not shutil.which("ssh-keygen"), reason="OpenSSH is not installed")

MESSAGE = '{"experiment_id":"1a2b","água":1}'.encode()


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    """Return the path of a key, which is made when it is first asked for."""
    folder = tmp_path_factory.mktemp("keys")

    def key(name, kind="ed25519", passphrase=""):
        if not (folder / name).exists():
            words = ["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-C", f"{name} of coast", "-f", name]
            subprocess.run(words, cwd=folder, check=True)
        return folder / name

    return key


@pytest.fixture
def allowed(keys, tmp_path):
    def line(*names, options=""):
        path = tmp_path / "allowed"
        path.write_text(
            "".join(
                f"{name}@example.org {options} {keys(name).with_suffix('.pub').read_text()}" for name in names
            )
        )
        return path

    return line


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
def test_a_signature_is_its_signers(keys, allowed, kind):
    key = keys(f"ana-{kind}", kind)

    signature = sign.sign(MESSAGE, key, sign.RECORD)
    found = sign.verify(MESSAGE, signature, allowed("bo", f"ana-{kind}"), sign.RECORD)

    assert ("good", f"ana-{kind}@example.org") == (found.verdict, found.principal)
    assert sign.key_of(key).fingerprint == found.fingerprint


def test_the_fingerprint_is_the_one_that_ssh_keygen_prints(keys):
    key = keys("ana")
    printed = subprocess.run(["ssh-keygen", "-lf", key], capture_output=True, text=True, check=True).stdout

    signature = sign.sign(MESSAGE, key, sign.RECORD)

    assert printed.split()[1] == sign.fingerprint_of(signature)
    assert sign.PublicKey(printed.split()[1], "ana of coast") == sign.key_of(key)


def test_ssh_keygen_itself_checks_what_was_signed(keys, allowed, tmp_path):
    (tmp_path / "sig").write_bytes(sign.sign(MESSAGE, keys("ana"), sign.RECORD))
    words = ["ssh-keygen", "-Y", "verify", "-n", "dissmodel-record", "-I", "ana@example.org"]

    said = subprocess.run(
        [*words, "-f", allowed("ana"), "-s", tmp_path / "sig"],
        input=MESSAGE,
        capture_output=True,
        check=False,
    )

    assert 0 == said.returncode, said.stderr


@pytest.mark.parametrize(
    ("message", "namespace", "signers", "options", "verdict"),
    [
        (MESSAGE + b" ", sign.RECORD, ["ana"], "", "bad"),
        (b"", sign.RECORD, ["ana"], "", "bad"),
        (MESSAGE, sign.STATEMENT, ["ana"], "", "bad"),
        (MESSAGE, sign.RECORD, ["bo"], "", "unknown"),
        (MESSAGE, sign.RECORD, [], "", "unknown"),
        (MESSAGE, sign.RECORD, ["ana"], 'namespaces="git"', "bad"),
        (MESSAGE, sign.RECORD, ["ana"], 'namespaces="dissmodel-record"', "good"),
        (MESSAGE, sign.RECORD, ["ana"], 'valid-before="20200101"', "unknown"),
    ],
)
def test_what_a_signature_does_not_cover(keys, allowed, message, namespace, signers, options, verdict):
    signature = sign.sign(MESSAGE, keys("ana"), sign.RECORD)

    found = sign.verify(message, signature, allowed(*signers, options=options), namespace)

    # Which of the two a limited key is depends on the release of OpenSSH.
    assert verdict == found.verdict or (options and "good" not in {verdict, found.verdict})
    assert found.principal == ("ana@example.org" if verdict == "good" else "")


@pytest.mark.parametrize(
    "change",
    [
        lambda text: b"",
        lambda text: b"\xff\0no signature",
        lambda text: text[: len(text) // 2],
        lambda text: text.replace(b"U1NIU0lH", b"U1NIU0lI"),
        lambda text: b"-----BEGIN SSH SIGNATURE-----\n-----END SSH SIGNATURE-----\n",
        lambda text: b"-----BEGIN SSH SIGNATURE-----\nU1NIU0lHAAAAAf////8=\n-----END SSH SIGNATURE-----\n",
        lambda text: b"junk\n" + text,
    ],
    ids=["empty", "binary", "half", "magic", "nothing in it", "a length of 4 GiB", "junk before"],
)
def test_what_is_no_signature_is_bad(keys, allowed, change):
    broken = change(sign.sign(MESSAGE, keys("ana"), sign.RECORD))

    assert sign.Signer("bad") == sign.verify(MESSAGE, broken, allowed("ana"), sign.RECORD)


def test_a_signature_that_names_another_key_is_bad(keys, allowed):
    """The name of a trusted key over the signature of another."""
    import base64

    def blob(name):
        lines = sign.sign(MESSAGE, keys(name), sign.RECORD).split(b"\n")
        return base64.b64decode(b"".join(lines[1:-2]))

    ours, theirs = blob("ana"), blob("bo")
    forged = base64.b64encode(ours[:65] + theirs[65:])
    text = b"-----BEGIN SSH SIGNATURE-----\n" + forged + b"\n-----END SSH SIGNATURE-----\n"

    assert sign.key_of(keys("ana")).fingerprint == sign.fingerprint_of(text)
    assert "bad" == sign.verify(MESSAGE, text, allowed("ana"), sign.RECORD).verdict


def test_a_locked_key_is_an_error_and_not_a_wait(keys):
    with pytest.raises(UsageError, match="locked by a passphrase") as caught:
        sign.sign(MESSAGE, keys("locked", passphrase="sea level"), sign.RECORD)

    assert "key_locked" == caught.value.code
    assert caught.value.hint.startswith("Unlock it for ssh-agent first: ssh-add ")


@pytest.mark.skipif(not shutil.which("ssh-agent") or sys.platform == "win32", reason="there is no ssh-agent")
def test_a_locked_key_that_an_agent_holds_signs(keys, allowed, tmp_path, monkeypatch):
    key = keys("held", passphrase="sea level")
    ask = tmp_path / "ask"
    ask.write_text("#!/bin/sh\necho sea level\n")
    ask.chmod(0o700)
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", tmp_path / "sock"], stdout=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 20
        while not (tmp_path / "sock").exists() and time.monotonic() < until:
            time.sleep(0.02)
        monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "sock"))
        asking = {**os.environ, "SSH_ASKPASS": str(ask), "SSH_ASKPASS_REQUIRE": "force"}
        subprocess.run(["ssh-add", "-q", key], env=asking, stdin=subprocess.DEVNULL, check=True)

        by_private = sign.sign(MESSAGE, key, sign.RECORD)
        by_public = sign.sign(MESSAGE, key.with_suffix(".pub"), sign.RECORD)
    finally:
        agent.terminate()
        agent.wait()

    for signature in (by_private, by_public):
        assert "good" == sign.verify(MESSAGE, signature, allowed("held"), sign.RECORD).verdict


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such terminals")
def test_in_a_terminal_the_passphrase_is_asked_for(keys, allowed, tmp_path):
    """In another process, for one with threads must not fork."""
    code = (
        "import sys, pathlib; from dissmodel.record import sign; "
        "pathlib.Path(sys.argv[2]).write_bytes("
        f"sign.sign({MESSAGE!r}, pathlib.Path(sys.argv[1]), sign.RECORD, may_ask=True))"
    )
    key = keys("locked", passphrase="sea level")
    words = [sys.executable, "-c", code, str(key), str(tmp_path / "sig")]
    spawn = [sys.executable, "-c", "import pty, sys; sys.exit(pty.spawn(sys.argv[1:]))", *words]
    with subprocess.Popen(spawn, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0) as process:
        said = b""
        while b"passphrase" not in said and (piece := process.stdout.read(100)):
            said += piece
        time.sleep(0.2)  # it turns the echo off, and throws away what was typed before
        process.stdin.write(b"sea level\n")
        process.wait(timeout=60)
    found = sign.verify(MESSAGE, (tmp_path / "sig").read_bytes(), allowed("locked"), sign.RECORD)

    assert 0 == process.returncode
    assert "good" == found.verdict


def test_what_is_no_key_and_what_is_not_there(keys, allowed, tmp_path, monkeypatch):
    (tmp_path / "text").write_text("no key")
    good = sign.sign(MESSAGE, keys("ana"), sign.RECORD)
    signers = allowed("ana")

    with pytest.raises(UsageError, match="there is no such key"):
        sign.sign(MESSAGE, tmp_path / "none", sign.RECORD)
    with pytest.raises(UsageError, match="ssh-keygen can't sign with it"):
        sign.sign(MESSAGE, tmp_path / "text", sign.RECORD)
    with pytest.raises(UsageError, match="this is not an SSH key"):
        sign.key_of(tmp_path / "text")
    with pytest.raises(UsageError, match="there is no such list of allowed signers"):
        sign.verify(MESSAGE, good, tmp_path / "none", sign.RECORD)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match="which is not installed") as caught:
        sign.sign(MESSAGE, keys("ana"), sign.RECORD)
    assert "ssh_keygen_missing" == caught.value.code
    with pytest.raises(UsageError, match="which is not installed"):
        sign.verify(MESSAGE, good, signers, sign.RECORD)


def test_a_key_with_a_name_like_an_option_is_a_file(keys, allowed, tmp_path, monkeypatch):
    from pathlib import Path

    for suffix in ("", ".pub"):
        shutil.copy(f"{keys('ana')}{suffix}", tmp_path / f"-Oprint;touch x{suffix}")
    monkeypatch.chdir(tmp_path)

    signature = sign.sign(MESSAGE, Path("-Oprint;touch x"), sign.RECORD)

    assert "good" == sign.verify(MESSAGE, signature, allowed("ana"), sign.RECORD).verdict
    assert not (tmp_path / "x").exists()


def test_a_file_is_read_as_far_as_a_signature_may_be(tmp_path):
    (tmp_path / "large").write_bytes(b"x" * (sign.MAX_BYTES + 1))
    (tmp_path / "whole").write_bytes(b"x" * sign.MAX_BYTES)

    assert sign.read(tmp_path / "none") is None
    assert sign.MAX_BYTES == len(sign.read(tmp_path / "whole"))
    with pytest.raises(InvalidInput, match="more than 1048576 bytes"):
        sign.read(tmp_path / "large")
    with pytest.raises(InvalidInput, match="it is a folder"):
        sign.read(tmp_path)
