"""Check a result against its record."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, Protocol

from dissmodel.errors import DissmodelError, InvalidInput
from dissmodel.experiment.attest import attestations, check_attestation
from dissmodel.experiment.drawn import is_drawn
from dissmodel.experiment.explain import why_differs, why_log_counts, why_missing
from dissmodel.experiment.recorded_input import sidecars_of
from dissmodel.experiment.records import open_record
from dissmodel.io.sidecars import before_statistics, unrecorded
from dissmodel.record import ExperimentRecord, digest, sign, store
from dissmodel.storage.uri import parse

Verdict = Literal["ok", "differs", "missing", "not checked"]


_NO_EVIDENCE = "it says how the result is drawn, not what it is"
# How a run ends that leaves no result to check.
_OVER = frozenset({"failed", "interrupted", "tainted"})
_LONGEST = 200
_GIVE_SIGNERS = "--allowed-signers FILE says who may have signed it"


@dataclass(frozen=True)
class Check:
    """One thing that a record vouches for: what it should be and what it is.

    `record` is what it is called, a URL where it lies elsewhere. `expected` and `found` are digests, or words
    where there is none; `note` says more: who signed, or why a file differs.
    """

    record: Path | str
    name: str
    path: str
    verdict: Verdict
    expected: str
    found: str
    note: str = ""


@dataclass(frozen=True)
class Verification:
    """Every check of every record, in order."""

    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing differs and nothing is missing; what could not be checked is no failure."""
        return all(check.verdict in {"ok", "not checked"} for check in self.checks)


class Reach(Protocol):
    """How what a record names is looked at."""

    def digest_of(self, file: Path) -> tuple[str | None, str]:
        """Return the digest of a file of the result; or None, and why it has none."""

    def check_input(self, path: Path, record: ExperimentRecord) -> Iterator[Check]:
        """Check the input."""


class Here:
    """What lies on this machine; no server is asked."""

    def digest_of(self, file: Path) -> tuple[str | None, str]:
        """See `Reach`."""
        return _digest_of(file)

    def check_input(self, path: Path, record: ExperimentRecord) -> Iterator[Check]:
        """See `Reach`."""
        return _check_input(path, record)


def verify(
    records: tuple[Path, ...], allowed_signers: Path | None = None, reach: Reach | None = None
) -> Verification:
    """Check the records, their files, signatures and, where they can be reached, their inputs.

    A record that can't be read is a check that differs, so that the others are checked all the same.

    Parameters
    ----------
    records : tuple of pathlib.Path
        The records.
    allowed_signers : pathlib.Path, optional
        Who may have signed them; with it a record without a signature lacks one. Statements that others
        signed about a record are checked too, and those of signers who are not in the list left aside.
    reach : Reach, optional
        How files and inputs are looked at; by default those of this machine.

    Raises
    ------
    UsageError
        If there is no such list, or if OpenSSH isn't installed.
    """
    signers = allowed_signers.expanduser() if allowed_signers is not None else None
    how = reach or Here()
    return Verification(tuple(check for path in records for check in _check(path, signers, how)))


def _check(path: Path, signers: Path | None, reach: Reach) -> Iterator[Check]:
    try:
        record, document = open_record(path)
    except DissmodelError as error:
        verdict: Verdict = "missing" if error.code == "record_missing" else "differs"
        yield Check(path, "record", str(path), verdict, "a record", f"{error.message} {error.hint}".strip())
        return
    yield _check_record(path, record, digest.record_digest(document))
    yield from _check_signature(path, document, signers)
    if record.status in _OVER:
        yield Check(path, "status", str(path), "not checked", "completed", f"{record.status}: no result")
    elif record.status != "completed":
        yield Check(path, "status", str(path), "differs", "completed", record.status)
    elif not record.files and not record.artifacts:
        yield Check(path, "output", str(path), "missing", "a result", "the record names no file")
    yield from _check_files(path, record, reach)
    yield from _check_copy(path, record, document)
    yield from reach.check_input(path, record)
    yield from _check_attestations(path, document, signers)


def _check_signature(record: Path, document: dict[str, Any], signers: Path | None) -> Iterator[Check]:
    path = sign.signature_path(record)
    try:
        signature = sign.read(path)
    except InvalidInput as error:
        yield Check(record, "signature", str(path), "differs", "a signature", error.message)
        return
    if signers is None:
        if signature is not None:
            yield Check(record, "signature", str(path), "not checked", "", _GIVE_SIGNERS)
        return
    expected = f"a signature by one of {signers}"
    if signature is None:
        yield Check(record, "signature", str(path), "missing", expected, "no such file")
        return
    signer = sign.verify(digest.canonical(document), signature, signers, sign.RECORD)
    if signer.verdict == "good":
        yield Check(record, "signature", str(path), "ok", expected, signer.fingerprint, signer.principal)
    else:
        yield Check(record, "signature", str(path), "differs", expected, _whose(signer, "this record"))


def _check_attestations(record: Path, document: dict[str, Any], signers: Path | None) -> Iterator[Check]:
    for path in attestations(record):
        if signers is None:
            yield Check(record, "attestation", str(path), "not checked", "", _GIVE_SIGNERS)
            continue
        one = check_attestation(path, document, signers)
        verdict: Verdict = "ok" if one.says else "differs"
        found = one.says or one.wrong
        if not found and one.signer is None:
            verdict, found = "missing", "it has no signature"
        elif not found and one.signer is not None:
            verdict = "not checked" if one.signer.verdict == "unknown" else "differs"
            found = _whose(one.signer, "this statement")
        expected = f"a statement about this record by one of {signers}"
        yield Check(record, "attestation", str(path), verdict, expected, found, one.says)


def _whose(signer: sign.Signer, of: str) -> str:
    if not signer.fingerprint:
        return "no SSH signature"
    what = (
        "signed by a key that is none of theirs" if signer.verdict == "unknown" else f"no signature of {of}"
    )
    return f"{what}: {signer.fingerprint}"


def _check_record(path: Path, record: ExperimentRecord, found: str) -> Check:
    if record.record_digest is None:
        # Only the public DisSModel wrote records without one; from one of ours it was taken away.
        verdict: Verdict = "differs" if record.schema_version else "not checked"
        return Check(path, "record", str(path), verdict, found, "the record has no digest")
    return _compared(path, "record", str(path), record.record_digest, found)


def _check_files(path: Path, record: ExperimentRecord, reach: Reach) -> Iterator[Check]:
    for name, artifact in record.files.items():
        try:
            external = path.parent / artifact.path  # an absolute path stays what it is
            file = external if artifact.external else store.artifact_path(path, artifact.path)
        except DissmodelError as error:
            yield Check(path, name, "", "differs", "a file beside the record", error.message)
            continue
        check = _check_file(path, name, file, artifact.sha256, reach)
        if is_drawn(name, artifact.path) and check.verdict == "missing":
            check = replace(check, verdict="not checked", found=f"{check.found}; {_NO_EVIDENCE}")
        yield check
    for name, expected in record.artifacts.items():
        if name in record.files and record.files[name].sha256 != expected:
            yield Check(path, name, "", "differs", record.files[name].sha256, expected)
    for name, expected in record.unplaced.items():
        if name == "output" and record.output_path:
            # A record of the public DisSModel: its path may be of another machine, so the name counts.
            name_only = record.output_path.replace("\\", "/").rpartition("/")[2]
            yield _check_file(path, name, path.parent / name_only, expected, reach)
        else:
            yield Check(path, name, "", "not checked", expected, "the record does not say where it lies")


def _check_copy(path: Path, record: ExperimentRecord, document: dict[str, Any]) -> Iterator[Check]:
    """Compare the field ``output_sha256``, which old records lack, with the artifact that it repeats."""
    said, noted = document.get("output_sha256"), record.output_sha256
    if "output_sha256" in document and said != noted:
        yield Check(path, "output_sha256", "", "differs", noted or "none", str(said or "none")[:_LONGEST])


def _check_input(path: Path, record: ExperimentRecord) -> Iterator[Check]:
    source = record.source
    if not source.checksum:
        yield Check(path, "input", source.uri, "not checked", "", "the record has no digest of it")
        return
    try:
        there = parse(source.uri).path if source.uri else None
    except DissmodelError:
        there = None
    if there is None:
        yield Check(path, "input", source.uri, "not checked", source.checksum, "not on this machine")
        return
    place = path.parent / there
    found, why = _digest_of(place)
    if found is None:
        # It may have moved along with the record; a file that only bears its name says nothing.
        place = path.parent / there.name
        if _digest_of(place)[0] != source.checksum:
            yield Check(path, "input", source.uri, "not checked", source.checksum, why)
            return
    here = Here()
    dataset = _check_file(path, "input", place, source.checksum, here)
    log = why_log_counts(place, source.sidecars) if dataset.verdict == "differs" else ""
    yield replace(dataset, note=dataset.note or log)
    files = sidecars_of(place, source)
    for _, file, expected in files:
        beside = _check_file(path, "input", file, expected, here)
        if beside.verdict == "differs" and before_statistics(place, file, expected) is not None:
            beside = replace(
                beside, verdict="ok", note="a viewer added statistics to it, which change nothing"
            )
        yield beside
    if record.schema_version and dataset.verdict == "ok":  # the public DisSModel does not note sidecars
        for file in unrecorded(place, [file.name for _, file, _ in files]):
            yield Check(
                path, "input", str(file), "differs", "no such file", "it would be read with the input"
            )


def _check_file(record: Path, name: str, file: Path, expected: str, reach: Reach) -> Check:
    found, why = reach.digest_of(file)
    if found is None:
        return Check(record, name, str(file), "missing", expected, why)
    compared = _compared(record, name, str(file), expected, found)
    return compared if compared.verdict == "ok" else replace(compared, note=why_differs(file, expected))


def _digest_of(file: Path) -> tuple[str | None, str]:
    """Return a file's digest; or None, and why it has none.

    A record is only text: what it names may be a pipe that never ends, or no name at all.
    """
    try:
        if stat.S_ISREG(file.stat().st_mode):
            return digest.sha256_file(file), ""
    except (FileNotFoundError, NotADirectoryError):
        return None, why_missing(file)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        return None, f"can't be read: {getattr(error, 'strerror', None) or error}"
    return None, "no regular file"


def _compared(record: Path, name: str, path: str, expected: str, found: str) -> Check:
    return Check(record, name, path, "ok" if expected == found else "differs", expected, found)
