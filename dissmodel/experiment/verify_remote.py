"""Check a result that lies elsewhere against its record: each file is fetched, hashed and let go."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from dissmodel.consent import Consent
from dissmodel.errors import ConsentRequired, DissmodelError, InvalidInput
from dissmodel.experiment.at_hand import at_hand
from dissmodel.experiment.hosts import agree_to_ask
from dissmodel.experiment.recorded_input import remote_places, sidecars_at
from dissmodel.experiment.remote_record import RemoteRecord, fetch_signatures, files_of, open_remote
from dissmodel.experiment.verify import Check, Verdict, verify
from dissmodel.record import ExperimentRecord, digest, store
from dissmodel.storage.uri import parse

_MISSING, _TOO_LARGE = "object_missing", "object_too_large"


def verify_remote(text: str, allowed_signers: Path | None) -> Iterator[Check]:
    """Check a record that lies elsewhere, its files, signatures and, where it lies elsewhere too, its input.

    Parameters
    ----------
    text : str
        Its URL.
    allowed_signers : Path or None
        As `dissmodel.experiment.verify.verify` takes it.

    Raises
    ------
    DissmodelError
        If it, or a file that is there, can't be fetched; if it names what lies elsewhere than beside it.
    """
    with open_remote(text, whole=False) as remote:
        record = store.read(remote.path)
        limits = {path: _limit(remote, record, name, path) for name, path in files_of(remote, record).items()}
        fetch_signatures(remote)
        for one in verify((remote.path,), allowed_signers, _There(remote, limits)).checks:
            yield replace(one, record=remote.uri, path=remote.shown(one.path), found=remote.shown(one.found))


def _limit(remote: RemoteRecord, record: ExperimentRecord, name: str, path: Path) -> int:
    """Return the bytes that a file may have; the public DisSModel notes none."""
    size = record.files[name].size if name in record.files else remote.size(path)
    return max(size or 0, 0)


@dataclass(frozen=True)
class _There:
    """What lies where the record does."""

    remote: RemoteRecord
    limits: dict[Path, int]

    def digest_of(self, file: Path) -> tuple[str | None, str]:
        if file not in self.limits:
            return None, "the record does not name it"
        try:
            self.remote.fetch(file, limit=self.limits[file])
        except InvalidInput as error:
            if error.code == _TOO_LARGE:
                return f"more than the {self.limits[file]:,} bytes that the record says", ""
            if error.code != _MISSING:
                raise
            return None, "no such object"
        try:
            return digest.sha256_file(file), ""
        finally:
            file.unlink()

    def check_input(self, path: Path, record: ExperimentRecord) -> Iterator[Check]:
        source = record.source
        if not source.checksum:
            yield Check(path, "input", source.uri, "not checked", "", "the record has no digest of it")
            return
        failed: list[DissmodelError] = []
        for place in remote_places(record, is_s3=self.remote.is_listed):
            shown = parse(place).shown
            try:
                agree_to_ask(place, Consent(), typed=(self.remote.uri,), record=self.remote.uri)
                with at_hand(place, sidecars=sidecars_at(place, source), limit=source.size) as here:
                    is_same = here.sha256 == source.checksum.lower()
                    verdict: Verdict = "ok" if is_same else "differs"
                    yield Check(path, "input", shown, verdict, source.checksum, here.sha256 or "")
                    return
            except DissmodelError as error:
                if error.code == _TOO_LARGE and source.size is not None:
                    found = f"more than {source.size:,} bytes"
                    yield Check(path, "input", shown, "differs", source.checksum, found)
                    return
                failed.append(error)
        # That a server was not asked says more than that the bucket has no copy.
        failed.sort(key=lambda one: isinstance(one, ConsentRequired))
        why = failed[-1].message if failed else "not where others can reach it"
        yield Check(path, "input", source.uri, "not checked", source.checksum, why)
