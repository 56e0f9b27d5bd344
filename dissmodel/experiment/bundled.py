"""Check records, those in bundles, and those that lie elsewhere, in the same way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from dissmodel.errors import InvalidInput, StorageError
from dissmodel.experiment.at_hand import at_hand
from dissmodel.experiment.attest import attestations
from dissmodel.experiment.unbundle import ATTESTATION, is_bundle, is_remote_bundle, open_bundle, shown
from dissmodel.experiment.verify import Check, Verification, verify
from dissmodel.experiment.verify_remote import verify_remote
from dissmodel.record import sign
from dissmodel.storage.uri import is_remote, parse


def verify_all(files: tuple[Path | str, ...], allowed_signers: Path | None = None) -> Verification:
    """Check records as `dissmodel.experiment.verify.verify` does, and those in bundles and by their URLs too.

    A bundle that can't be opened is a check that differs, so that the others are checked all the same.
    Statements that lie beside a bundle are checked with those in it.

    Raises
    ------
    UsageError
        As `dissmodel.experiment.verify.verify`.
    DissmodelError
        If a record that lies elsewhere can't be fetched: what is not known does not differ.
    """
    return Verification(tuple(check for file in files for check in _checks(file, allowed_signers)))


def _checks(file: Path | str, allowed_signers: Path | None) -> Iterator[Check]:
    if isinstance(file, str):
        if is_remote(file) and not is_remote_bundle(file):
            yield from verify_remote(file, allowed_signers)
            return
        if is_remote(file):
            with at_hand(file) as zipped:
                for one in _checks(zipped.path, allowed_signers):
                    yield replace(
                        one,
                        record=zipped.shown,
                        path=zipped.named(one.path),
                        found=zipped.named(one.found),
                    )
            return
        file = parse(file).local()
    if not is_bundle(file):
        yield from verify((file,), allowed_signers).checks
        return
    try:
        with open_bundle(file) as record:
            places = _with_statements(file, record)
            checks = verify((record,), allowed_signers).checks
    except (InvalidInput, StorageError) as error:
        found = f"{error.message} {error.hint}".strip()
        yield Check(file, "bundle", str(file), "differs", "a record and its files", found)
        return
    for one in checks:
        path = places.get(one.path) or shown(one.path, record.parent, file)
        yield replace(one, record=file, path=path, found=shown(one.found, record.parent, file))


def _with_statements(file: Path, record: Path) -> dict[str, str]:
    """Put the statements beside a bundle to those in it; return where each is now, and where it was."""
    places = {}
    for number, statement in enumerate(attestations(file)):
        here = record.with_name(f"{record.stem}{ATTESTATION}beside-{number}.json")
        for one, copy in ((statement, here), (sign.signature_path(statement), sign.signature_path(here))):
            data = sign.read(one)
            if data is not None:
                copy.write_bytes(data)
        places[str(here)] = str(statement)
    return places
