"""Sign a record: with your public key, others can then check it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dissmodel.errors import InvalidInput, UsageError
from dissmodel.experiment.source import InBundle, open_source
from dissmodel.experiment.verify import checks
from dissmodel.record import digest, sign, store


@dataclass(frozen=True)
class SignRequest:
    """What to sign.

    Attributes
    ----------
    record : pathlib.Path
        The record.
    key : pathlib.Path
        An SSH key; ``~`` is the home folder.
    overwrite : bool
        Whether the signature of another key may be replaced.
    may_ask : bool
        Whether a person can type a passphrase.
    """

    record: Path
    key: Path
    overwrite: bool = False
    may_ask: bool = False


@dataclass(frozen=True)
class Signed:
    """A signed record: its signature's file and the key."""

    record: Path
    signature: Path
    key: sign.PublicKey


def sign_record(request: SignRequest) -> Signed:
    """Write the signature of a record beside it.

    It covers what the record's digest covers: all but locations, and through the sha256 of each file the
    results and the input.

    Raises
    ------
    Differs
        If the record, or a file that it describes, has changed.
    UsageError
        If another key's signature is there, or the key can't sign.
    InvalidInput, StorageError
        If the record can't be read or its signature can't be written.
    """
    with open_source(request.record) as source:
        if isinstance(source, InBundle):
            raise UsageError(
                f"{request.record}: a bundle can't be signed, only its record.",
                "Sign, then bundle the record.",
            )
        document = source.document
        for one in checks(source):
            if one.verdict == "differs":
                raise source.not_as_recorded(one.name, "signed")
    key = request.key.expanduser()
    path = sign.signature_path(request.record)
    public = sign.key_of(key)
    if not request.overwrite:
        _refuse_others(path, public)
    signature = sign.sign(digest.canonical(document), key, sign.RECORD, may_ask=request.may_ask)
    store.write_atomically(path, signature)
    return Signed(request.record, path, public)


def _refuse_others(path: Path, mine: sign.PublicKey) -> None:
    try:
        there = sign.read(path)
    except InvalidInput:
        there = b""
    if there is not None and sign.fingerprint_of(there) != mine.fingerprint:
        whose = sign.fingerprint_of(there)
        raise UsageError(
            f"{path}: the signature of another key is there{f', {whose}' if whose else ''}.",
            "Give --overwrite to replace it.",
            code="signature_exists",
        )
