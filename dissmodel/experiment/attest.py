"""A signed statement that a run was repeated, beside the record of the run."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dissmodel.comparison.verdict import SAME
from dissmodel.errors import Differs, InvalidInput, UsageError
from dissmodel.experiment.source import open_source
from dissmodel.experiment.statements import start
from dissmodel.record import ExperimentRecord, digest, sign, store

STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "urn:dissmodel:reproduction:1"
# The digest of a record is not that of its file: in-toto's names leave room for it.
RECORD_DIGEST = "dissmodel-record"
_CONTEXT = ("python", "implementation", "platform", "machine", "cpu", "threads")


def attest(reproduced: ExperimentRecord, original: Path, key: Path, *, may_ask: bool = False) -> Path:
    """Write a signed statement of the verdict of a reproduction, and return its path.

    It is beside `original` as ``<stem>.attest-<id8>.json`` with the id of the reproduction, its signature
    as ``….json.sig``. `may_ask`: a person can type a passphrase.

    Raises
    ------
    UsageError
        If `reproduced` is not a reproduction, or the key can't sign.
    Differs
        If `original` is not the record that was repeated.
    StorageError
        If they can't be written.
    """
    if reproduced.reproduction is None:
        raise UsageError("This run is not a reproduction, so there is no verdict to attest.")
    with open_source(original) as source:
        record, found = source.record, source.digest
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
    path = original.with_name(f"{start(original.name)}{short}.json")
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


def stated(statement: bytes, record_digest: str, signer: str) -> str:
    """Return in words what a statement of a known signer says about a record.

    The signature of the statement was checked.

    Raises
    ------
    InvalidInput
        If it is not a statement, or about another record.
    """
    try:
        found = json.loads(statement)
        predicate = found["predicate"]
        is_ours = found["_type"] == STATEMENT and found["predicateType"] == PREDICATE
        subjects = {one["name"]: one["digest"] for one in found["subject"]}
        runtime = predicate["runtime"]
        said = (
            f"{predicate['verdict']}, found by {signer} on {predicate['when']}"
            f" with {runtime['dissmodel']}, Python {runtime['python']}, {runtime['platform']}"
        )
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InvalidInput("this is not a statement about a record") from error
    if not is_ours or subjects.get("record") != _record_subject(record_digest)["digest"]:
        raise InvalidInput("it is about another record")
    return said


def _statement(
    reproduced: ExperimentRecord, original: ExperimentRecord, record_digest: str, key: sign.PublicKey
) -> dict[str, Any]:
    reproduction = reproduced.reproduction
    assert reproduction is not None
    verdict = reproduction.verdict
    artifacts = {name: one.get("verdict") for name, one in reproduction.artifacts.items()}
    return {
        "_type": STATEMENT,
        "subject": [
            _record_subject(record_digest),
            *(
                {"name": f"artifact {name}", "digest": {"sha256": sha256}}
                for name, sha256 in original.artifacts.items()
            ),
        ],
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


def _runtime(record: ExperimentRecord) -> dict[str, Any]:
    runtime, code = record.runtime, record.code
    return {
        "dissmodel": f"dissmodel {record.code_version}".strip(),
        "model": f"{code.package or code.module} {code.version or ''}".strip() if code else record.model_name,
        "commit": code.commit if code else None,
        **{name: getattr(runtime, name, None) for name in _CONTEXT},
        "native": runtime.native if runtime else {},
    }
