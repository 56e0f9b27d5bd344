"""``dissmodel record sign``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from dissmodel.cli import options


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
    """Sign a record with an SSH key; the signature lies beside it, as RECORD.sig.

    It holds for the results, too, whose digests the record has, and wherever they are moved to. A key that is
    locked is asked of ssh-agent, or its passphrase is asked for in a terminal. Who has the public key checks
    it with `dissmodel record verify --allowed-signers`.

    Example: dissmodel record sign result.record.json --key id_ed25519
    """
    from dissmodel.cli import render
    from dissmodel.experiment.sign import SignRequest, sign_record

    signed = sign_record(SignRequest(file, key, overwrite, may_ask=sys.stdin.isatty()))
    if as_json:
        render.print_json(
            {
                "record": str(signed.record),
                "signature": str(signed.signature),
                "key": {"fingerprint": signed.key.fingerprint, "comment": signed.key.comment},
            }
        )
    elif not quiet:
        path = render.short_path(str(signed.signature))
        render.print_line(render.printable(f"{path}  ({signed.key.fingerprint} {signed.key.comment})"))
