"""``dissmodel record show``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dissmodel.cli import options


def show(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A record, such as result.record.json.")],
    as_json: options.Json = False,
) -> None:
    """Say what ran, on what, with what, and what came out.

    Example: dissmodel record show result.record.json
    """
    from dissmodel.actions.records import open_record
    from dissmodel.cli import render

    record, document = open_record(file)
    if as_json:
        render.record_json(document)
    else:
        render.record_view(record, file)
