"""A signed statement that a run was repeated, beside the record of the run."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dissmodel.comparison.verdict import SAME
from dissmodel.errors import Differs, InvalidInput, UsageError
from dissmodel.experiment.records import open_record
from dissmodel.record import ExperimentRecord, digest, sign, store

STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "urn:dissmodel:reproduction:1"
# The digest of a record is not that of its file: in-toto's names leave room for it.
RECORD_DIGEST = "dissmodel-record"


@dataclass(frozen=True)
class Attestation:
    """What a statement beside a record turned out to be.

    Attributes
    ----------
    path : pathlib.Path
        The statement.
    signer : dissmodel.record.sign.Signer or None
        Whose it is; None if it has no signature.
    says : str
        In words, once it is a known signer's: who came to which verdict, when, on what.
    wrong : str
        Why it says nothing about this record; empty if it does.
    """

    path: Path
    signer: sign.Signer | None = None
    says: str = ""
    wrong: str = ""


def attest(reproduced: ExperimentRecord, original: Path, key: Path, *, may_ask: bool = False) -> Path:
    """Write a signed statement of how far a run came to the result of the one that it repeated.

    Parameters
    ----------
    reproduced : ExperimentRecord
        The record of the repetition, with its ``reproduction``.
    original : pathlib.Path
        The record of the run that was repeated. The statement lies beside it as ``<stem>.attest-<id8>.json``
        with the id of the repetition, and its signature as ``….json.sig``.
    key : pathlib.Path
        The SSH key to sign with.
    may_ask : bool
        Whether a person is there who can type a passphrase.

    Returns
    -------
    pathlib.Path
        The statement.

    Raises
    ------
    UsageError
        If `reproduced` repeats nothing, or the key can't sign.
    Differs
        If `original` is not the record that was repeated.
    StorageError
        If they can't be written.
    """
    if reproduced.reproduction is None:
        raise UsageError("The run repeats no other, so there is nothing to attest.")
    record, document = open_record(original)
    found = digest.record_digest(document)
    repeated = reproduced.reproduction.record_digest or found
    if repeated != found or reproduced.reproduces not in {None, record.experiment_id}:
        raise Differs(
            f"{original}: this is not the record that was repeated: its digest is {found}, not {repeated}.",
            "Reproduce it again.",
            code="record_changed",
        )
    statement = _statement(reproduced, record, found, sign.key_of(key))
    data = f"{json.dumps(statement, indent=2, ensure_ascii=False, allow_nan=False)}\n".encode()
    signature = sign.sign(data, key, sign.STATEMENT, may_ask=may_ask)
    short = re.sub(r"[^0-9A-Za-z]", "", reproduced.experiment_id)[:8]
    path = original.with_name(f"{_stem(original)}.attest-{short}.json")
    store.write_atomically(path, data)
    store.write_atomically(sign.signature_path(path), signature)
    return path


def signing_key(*, wanted: bool, key: Path | None, may_ask: bool = False) -> Path | None:
    """Return the key for a statement that is wanted, once it is known to sign: before a run, not after it.

    Raises
    ------
    UsageError
        If a statement is wanted without a key or a key is given for nothing, or the key can't sign.
    """
    if key is None and not wanted:
        return None
    if key is None or not wanted:
        missing = "--attest" if key is not None else "--key FILE"
        raise UsageError(
            f"{missing} is missing: a statement and the key that signs it go together.",
            "Give both: --attest --key ~/.ssh/id_ed25519",
        )
    path = key.expanduser()
    sign.key_of(path)
    if not may_ask:  # a person would be asked twice
        sign.sign(b"", path, sign.STATEMENT)
    return path


def attestations(record: Path) -> tuple[Path, ...]:
    """Return the statements beside a record, in the order of their names."""
    start = f"{_stem(record)}.attest-"
    try:
        names = sorted(path.name for path in record.parent.iterdir())
    except OSError:
        return ()
    return tuple(
        record.with_name(name) for name in names if name.startswith(start) and name.endswith(".json")
    )


def check_attestation(path: Path, document: dict[str, Any], allowed_signers: Path) -> Attestation:
    """Return what a statement says about a record, as far as its signer is known.

    Parameters
    ----------
    path : pathlib.Path
        The statement; nothing of it is read as anything before its signature was checked.
    document : dict
        The record's document.
    allowed_signers : pathlib.Path
        Whose statements count.

    Raises
    ------
    UsageError
        If the list of allowed signers can't be used, or OpenSSH isn't installed.
    """
    try:
        data, signature = sign.read(path), sign.read(sign.signature_path(path))
    except InvalidInput as error:
        return Attestation(path, wrong=error.message)
    if signature is None:
        return Attestation(path)
    signer = sign.verify(data or b"", signature, allowed_signers, sign.STATEMENT)
    if signer.verdict != "good":
        return Attestation(path, signer)
    try:
        statement = json.loads(data or b"")
        predicate = statement["predicate"]
        is_ours = statement["_type"] == STATEMENT and statement["predicateType"] == PREDICATE
        subjects = {one["name"]: one["digest"] for one in statement["subject"]}
        runtime = predicate["runtime"]
        says = (
            f"{predicate['verdict']}, found by {signer.principal} on {predicate['when']}"
            f" with {runtime['dissmodel']}, Python {runtime['python']}, {runtime['platform']}"
        )
    except (ValueError, KeyError, TypeError, RecursionError):
        return Attestation(path, signer, wrong="this is no statement about a record")
    named = subjects.get("record")
    if not is_ours or named != _record_subject(digest.record_digest(document))["digest"]:
        return Attestation(path, signer, wrong="it is about another record")
    return Attestation(path, signer, says)


def _statement(
    reproduced: ExperimentRecord, original: ExperimentRecord, record_digest: str, key: sign.PublicKey
) -> dict[str, Any]:
    reproduction = reproduced.reproduction
    assert reproduction is not None
    verdict = reproduction.verdict
    artifacts = {name: one.get("verdict") for name, one in reproduction.artifacts.items()}
    return {
        "_type": STATEMENT,
        "subject": [_record_subject(record_digest), *_artifact_subjects(original)],
        "predicateType": PREDICATE,
        "predicate": {
            "reproduced": verdict in SAME,
            "verdict": verdict,
            "tolerance": reproduction.tolerance,
            "artifacts": artifacts,
            "by": {"key": key.fingerprint, "comment": key.comment},
            "when": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
            "runtime": _runtime(reproduced),
            "reproduction": {
                "experiment_id": reproduced.experiment_id,
                "record_digest": reproduced.record_digest
                or digest.record_digest(store.to_document(reproduced)),
            },
        },
    }


def _record_subject(record_digest: str) -> dict[str, Any]:
    return {"name": "record", "digest": {RECORD_DIGEST: record_digest.removeprefix("sha256:")}}


def _artifact_subjects(record: ExperimentRecord) -> Iterator[dict[str, Any]]:
    for name, sha256 in record.artifacts.items():
        yield {"name": f"artifact {name}", "digest": {"sha256": sha256}}


def _runtime(record: ExperimentRecord) -> dict[str, Any]:
    runtime, code = record.runtime, record.code
    return {
        "dissmodel": f"dissmodel {record.code_version}".strip(),
        "model": f"{code.package or code.module} {code.version or ''}".strip() if code else record.model_name,
        "commit": code.commit if code else None,
        "python": runtime.python if runtime else None,
        "implementation": runtime.implementation if runtime else None,
        "platform": runtime.platform if runtime else None,
        "machine": runtime.machine if runtime else None,
        "cpu": runtime.cpu if runtime else None,
        "threads": runtime.threads if runtime else None,
        "native": runtime.native if runtime else {},
    }


def _stem(record: Path) -> str:
    name = record.name
    return name.removesuffix(store.SUFFIX) if name.endswith(store.SUFFIX) else record.stem
