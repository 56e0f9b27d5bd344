"""Check a result against its record."""

from __future__ import annotations

import contextlib
import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from dissmodel import markup
from dissmodel.consent import Consent
from dissmodel.errors import ConsentRequired, DissmodelError, InvalidInput, StorageError
from dissmodel.experiment.at_hand import at_hand
from dissmodel.experiment.attest import stated
from dissmodel.experiment.explain import why_differs, why_log_counts
from dissmodel.experiment.files import Recorded, artifacts_of, contradicted, is_drawn
from dissmodel.experiment.hosts import agree_to_ask
from dissmodel.experiment.recorded_input import local_input, remote_places, sidecars_at, sidecars_of
from dissmodel.experiment.source import InBundle, Source, open_source
from dissmodel.experiment.statements import attestations
from dissmodel.io.sidecars import before_statistics, unrecorded
from dissmodel.record import MAIN, DataSource, digest, sign, store
from dissmodel.record.export import ro_crate
from dissmodel.record.schema import SweepRuns
from dissmodel.storage.uri import beside, parse

Verdict = Literal["ok", "differs", "missing", "not checked"]


_NO_EVIDENCE = "it sets how the result is drawn, not its content"
_NOT_KEPT = "the sweep kept the record only"
_NO_DIGEST = "the record has no digest of it"
# How a run ends that leaves no result to check.
_OVER = frozenset({"failed", "interrupted", "tainted"})
_WRONG = frozenset({"differs", "missing"})
_GONE = frozenset({"record_missing", "object_missing"})
_LONGEST = 200
_GIVE_SIGNERS = "--allowed-signers FILE says who may have signed it"


@dataclass(frozen=True)
class Check:
    """A check of a file, of the record or of a signature: what it should be, and what it is.

    `record` is what it is called, a URL where it is remote. `expected` and `found` are digests, or words
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
        """Whether nothing differs and nothing is missing; a part that could not be checked is no failure."""
        return all(check.verdict in {"ok", "not checked"} for check in self.checks)

    def _repr_html_(self) -> str:
        def content() -> str:
            rows = [(str(one.record), one.name, one.verdict, one.note or one.found) for one in self.checks]
            said = "Nothing differs or is missing." if self.ok else "Something differs or is missing."
            return markup.paragraph(said) + markup.table(("record", "what", "verdict", "found"), rows)

        return markup.cell(content)


def verify(records: tuple[Path | str, ...], allowed_signers: Path | None = None) -> Verification:
    """Check the records, their files, signatures and, where they can be reached, their inputs.

    A record or a bundle that can't be read is a check that differs, so that the others are checked all the
    same. Of files on this machine no server is asked for an input.

    Parameters
    ----------
    records : tuple of Path or str
        Records and bundles; a text may be the URL of either. Remote files are fetched, hashed and let
        go.
    allowed_signers : pathlib.Path, optional
        Who may have signed them; with it a record without a signature lacks one. Statements that others
        signed about a record are checked too, and statements of signers who are not in the list are ignored.

    Raises
    ------
    UsageError
        If there is no such list, or if OpenSSH isn't installed.
    DissmodelError
        If a remote record can't be fetched, or names files that are not beside it: an
        unknown file does not differ.
    """
    signers = allowed_signers.expanduser() if allowed_signers is not None else None
    found: list[Check] = []
    for given in records:
        with open_source(given) as source:
            found += verified(source, signers)
    return Verification(tuple(found))


def verified(source: Source, signers: Path | None = None) -> Iterator[Check]:
    """Yield the checks that `verify` makes of an experiment that was opened; paths are those of the user."""
    try:
        _ = source.record
        source.bring_signed()
    except (InvalidInput, StorageError) as error:
        if source.is_remote:
            raise
        what, expected = (
            ("bundle", "a record and its files") if isinstance(source, InBundle) else ("record", "a record")
        )
        verdict: Verdict = "missing" if error.code == "record_missing" else "differs"
        found = source.shown(f"{error.message} {error.hint}".strip())
        yield Check(source.given, what, str(source.given), verdict, expected, found)
        return
    for one in checks(source, signers):
        yield replace(one, path=source.shown(one.path), found=source.shown(one.found))


def checks(source: Source, signers: Path | None = None, *, with_input: bool = True) -> Iterator[Check]:
    """Yield the checks of an experiment that was opened; paths are those of this machine."""
    yield _check_record(source)
    if source.crate_is_edited:
        crate = str(source.path.with_name(ro_crate.NAME))
        yield Check(source.given, "crate", crate, "differs", "as dissmodel wrote it", "edited since")
    yield from _check_signature(source, signers)
    record, path = source.record, str(source.path)
    if record.status in _OVER:
        yield Check(source.given, "status", path, "not checked", "completed", f"{record.status}: no result")
    elif record.status != "completed":
        yield Check(source.given, "status", path, "differs", "completed", record.status)
    elif not record.files and not record.artifacts:
        yield Check(source.given, MAIN, path, "missing", "a result", "the record names no file")
    yield from _check_files(source)
    if with_input:
        for data in source.record.inputs:
            yield from _check_remote_input(source, data) if source.is_remote else _check_input(source, data)
    if source.record.sweep is not None:
        yield from _check_runs(source, source.record.sweep)
    yield from _check_attestations(source, signers)


def _check_record(source: Source) -> Check:
    noted, path = source.record.record_digest, str(source.path)
    if noted is None:
        verdict: Verdict = "differs" if source.is_changed else "not checked"
        return Check(source.given, "record", path, verdict, source.digest, "the record has no digest")
    return _compared(source, "record", path, noted, source.digest)


def _check_signature(source: Source, signers: Path | None) -> Iterator[Check]:
    path = sign.signature_path(source.path)

    def check(verdict: Verdict, expected: str, found: str, note: str = "") -> Check:
        return Check(source.given, "signature", str(path), verdict, expected, found, note)

    try:
        signature = sign.read(path)
    except InvalidInput as error:
        yield check("differs", "a signature", error.message)
        return
    if signers is None:
        if signature is not None:
            yield check("not checked", "", _GIVE_SIGNERS)
        return
    expected = f"a signature by one of {signers}"
    if signature is None:
        yield check("missing", expected, "no such file")
        return
    signer = sign.verify(digest.canonical(source.document), signature, signers, sign.RECORD)
    if signer.verdict == "good":
        yield check("ok", expected, signer.fingerprint, signer.principal)
    else:
        yield check("differs", expected, _whose(signer, "this record"))


def _check_attestations(source: Source, signers: Path | None) -> Iterator[Check]:
    for path in attestations(source.path):
        verdict: Verdict = "not checked"
        expected, found = "", _GIVE_SIGNERS
        if signers is not None:
            expected = f"a statement about this record by one of {signers}"
            verdict, found = _stated(path, source, signers)
        note = found if verdict == "ok" else ""
        yield Check(source.given, "attestation", str(path), verdict, expected, found, note)


def _stated(path: Path, source: Source, signers: Path) -> tuple[Verdict, str]:
    """Check a statement; its content is not read before its signature was checked."""
    try:
        data, signature = sign.read(path) or b"", sign.read(sign.signature_path(path))
        if signature is None:
            return "missing", "it has no signature"
        signer = sign.verify(data, signature, signers, sign.STATEMENT)
        if signer.verdict == "good":
            return "ok", stated(data, source.digest, signer.principal)
    except InvalidInput as error:
        return "differs", error.message
    return "not checked" if signer.verdict == "unknown" else "differs", _whose(signer, "this statement")


def _whose(signer: sign.Signer, of: str) -> str:
    if not signer.fingerprint:
        return "no SSH signature"
    what = "signed by a key that is not theirs" if signer.verdict == "unknown" else f"no signature of {of}"
    return f"{what}: {signer.fingerprint}"


def _check_files(source: Source) -> Iterator[Check]:
    record = source.record
    for name, artifact in artifacts_of(record).items():
        try:
            one = Recorded(artifact, source.located(artifact))
        except InvalidInput as error:
            yield Check(source.given, name, "", "differs", "a file beside the record", error.message)
            continue
        if one.path is None:
            said = "the record does not contain its path"
            yield Check(source.given, name, "", "not checked", artifact.sha256, said)
            continue
        check = _check_file(source, name, one.path, artifact.sha256, one.size)
        if check.verdict == "missing" and (record.not_kept or is_drawn(name, artifact.path)):
            why = _NOT_KEPT if record.not_kept else _NO_EVIDENCE
            check = replace(check, verdict="not checked", found=f"{check.found}; {why}")
        yield check
    for name, sha256 in contradicted(record).items():
        yield Check(source.given, name, "", "differs", record.files[name].sha256, sha256)
    # Old records lack the field output_sha256, which repeats the main file's.
    copy, noted = source.document.get("output_sha256"), record.output_sha256
    if "output_sha256" in source.document and copy != noted:
        found = str(copy or "none")[:_LONGEST]
        yield Check(source.given, "output_sha256", "", "differs", noted or "none", found)


def _check_runs(source: Source, sweep: SweepRuns) -> Iterator[Check]:
    """Check the runs of a sweep, whose inputs are the sweep's; a run that is as recorded is one check."""
    if isinstance(source, InBundle):
        found = "unpack the bundle to check runs"
        yield Check(source.given, "runs", "", "not checked", f"{sweep.runs} runs", found)
        return
    for key, is_completed, expected in _runs_of(source, sweep):
        place: Path | str = beside(str(source.given), sweep.place_of(key))
        if not source.is_remote:
            whole = source.path.parent / sweep.place_of(key)
            place = whole if is_completed else _failed_record(whole, expected)
        elif not is_completed:  # a bucket does not tell by what name it left its record
            yield Check(source.given, "run", str(place), "not checked", expected, "it failed")
            continue
        wrong = _wrong_in(place, expected)
        yield from wrong or [Check(source.given, "run", str(place), "ok", expected, expected)]


def _wrong_in(place: Path | str, expected: str) -> list[Check]:
    """Return the checks of a run of a sweep that are not right."""
    with open_source(place) as run:
        try:
            wrong = [one for one in checks(run, with_input=False) if one.verdict in _WRONG]
            if run.digest != expected:
                wrong.insert(0, Check(run.given, "run", str(place), "differs", expected, run.digest))
        except (InvalidInput, StorageError) as error:
            verdict: Verdict = "missing" if error.code in _GONE else "differs"
            return [Check(run.given, "run", str(place), verdict, expected, error.message)]
    return wrong


def _runs_of(source: Source, sweep: SweepRuns) -> Iterator[tuple[str, bool, str]]:
    """Yield the key of each run, whether it completed, and the digest of its record."""
    if sweep.completed or sweep.failed:
        yield from ((key, True, one) for key, one in sweep.completed.items())
        yield from ((key, False, one) for key, one in sweep.failed.items())
        return
    table = source.files[MAIN].intact() if MAIN in source.files else None
    if table is None:  # that was told already
        return
    seen = set()
    with table.open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            key, status = row.get("key") or "", row.get("status")
            if key not in seen and status != "pending" and re.fullmatch("[0-9a-f]{64}", key):
                seen.add(key)
                yield key, status == "completed", row.get("record_digest") or ""


def _failed_record(path: Path, expected: str) -> Path:
    """Return the record of a failed run, beside where that of a completed run would be."""
    for one in sorted(path.parent.glob(f"*{store.SUFFIX}")) if path.parent.is_dir() else ():
        with contextlib.suppress(DissmodelError):  # it is not the record that is looked for
            if store.read_document(one).get("record_digest") == expected:
                return one
    return path


def _check_input(source: Source, data: DataSource) -> Iterator[Check]:
    """Check an input on this machine; no server is asked."""
    place = local_input(source.path, data.uri)
    if not data.checksum or place is None:
        why = "not on this machine" if data.checksum else _NO_DIGEST
        yield Check(source.given, data.called, data.uri, "not checked", data.checksum, why)
        return
    found, why = source.digest_of(place)
    if found is None:
        # It may have moved along with the record; another file of that name is no evidence.
        place = source.path.parent / place.name
        if source.digest_of(place)[0] != data.checksum:
            yield Check(source.given, data.called, data.uri, "not checked", data.checksum, why)
            return
    dataset = _check_file(source, data.called, place, data.checksum)
    log = why_log_counts(place, data.sidecars) if dataset.verdict == "differs" else ""
    yield replace(dataset, note=dataset.note or log)
    files = sidecars_of(place, data)
    for _, file, expected in files:
        beside = _check_file(source, data.called, file, expected)
        if beside.verdict == "differs" and before_statistics(place, file, expected) is not None:
            note = "a viewer added statistics to it; they change no value"
            beside = replace(beside, verdict="ok", note=note)
        yield beside
    if source.record.schema_version and dataset.verdict == "ok":  # the public DisSModel notes no sidecars
        for file in unrecorded(place, [file.name for _, file, _ in files]):
            why = "it would be read with the input"
            yield Check(source.given, data.called, str(file), "differs", "no such file", why)


def _check_remote_input(source: Source, data: DataSource) -> Iterator[Check]:
    """Check an input that others can reach; no file of this machine is looked at."""
    given = str(source.given)
    failed: list[DissmodelError] = []
    for place in remote_places(source, data) if data.checksum else ():
        shown = parse(place).shown
        try:
            agree_to_ask(place, Consent(), typed=(given,), record=given)
            with at_hand(place, sidecars=sidecars_at(place, data), limit=data.size) as here:
                expected, found = data.checksum.lower(), here.sha256 or ""
                yield _compared(source, data.called, shown, expected, found)
                return
        except DissmodelError as error:
            if error.code == "object_too_large" and data.size is not None:
                found = f"more than {data.size:,} bytes"
                yield Check(given, data.called, shown, "differs", data.checksum, found)
                return
            failed.append(error)
    # That a server was not asked says more than that the bucket has no copy.
    failed.sort(key=lambda one: isinstance(one, ConsentRequired))
    why = failed[-1].message if failed else "not where other people can reach it"
    why = why if data.checksum else _NO_DIGEST
    yield Check(given, data.called, data.uri, "not checked", data.checksum, why)


def _check_file(source: Source, name: str, file: Path, expected: str, size: int | None = None) -> Check:
    found, why = source.digest_of(file, size)
    if found is None:
        return Check(source.given, name, str(file), "missing", expected, why)
    compared = _compared(source, name, str(file), expected, found)
    return compared if compared.verdict == "ok" else replace(compared, note=why_differs(file, expected))


def _compared(source: Source, name: str, path: str, expected: str, found: str) -> Check:
    verdict: Verdict = "ok" if expected == found else "differs"
    return Check(source.given, name, path, verdict, expected, found)
