"""``dissmodel record sign``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from dissmodel.cli import options
from dissmodel.cli.session import session


def sign(
    file: Annotated[Path, typer.Argument(metavar="RECORD", help="A record, such as result.record.json.")],
    key: Annotated[
        Path, typer.Option("--key", metavar="FILE", help="An SSH key of yours, such as ~/.ssh/id_ed25519.")
    ],
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the signature of another key.")
    ] = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Sign a record with an SSH key; the signature is beside it, as RECORD.sig.

    It covers the results too, because the record has their digests, even if they are moved. A locked key is
    taken from ssh-agent, or you type its passphrase in the terminal. To check the signature with the public
    key: `dissmodel record verify --allowed-signers`.

    Example: dissmodel record sign result.record.json --key id_ed25519
    """
    from dissmodel import api
    from dissmodel.cli import render

    with session(quiet=quiet):
        signed = api.sign(file, key=key, overwrite=overwrite, may_ask=sys.stdin.isatty())
    document = {"record": signed.record, "signature": signed.signature, "key": signed.key}
    line = f"{render.short_path(signed.signature)}  ({signed.key.fingerprint} {signed.key.comment})"
    render.tell(document, line, as_json=as_json, quiet=quiet)
