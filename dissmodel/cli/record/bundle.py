"""``dissmodel record bundle``."""

from __future__ import annotations

from typing import Annotated

import typer

from dissmodel.cli import options
from dissmodel.cli.session import consent, session


def bundle(
    file: Annotated[
        str, typer.Argument(metavar="RECORD", help="A record, such as result.record.json, or its URL.")
    ],
    output: Annotated[str, typer.Option("--output", "-o", metavar="FILE.zip", help="The bundle.")],
    input_: Annotated[
        str | None,
        typer.Option(
            "--input", "-i", metavar="FILE", help="The new path of an input that was moved; or its URL."
        ),
    ] = None,
    no_input: Annotated[bool, typer.Option("--no-input", help="Leave the input out.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier bundle.")] = False,
    yes: options.YesAsk = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Put a record, its result and its input into one zip, to publish or to send.

    All files are verified first; signatures and statements about the record are included. The same content
    gives the same bytes. `dissmodel reproduce`, `record show` and `record verify` take the zip as it is. A
    server that only the record names is asked for the input only with your consent.

    Example: dissmodel record bundle result.record.json --output result.zip
    """
    from dissmodel import api
    from dissmodel.cli import render

    with session(quiet=quiet):
        made = api.bundle(
            file,
            output=output,
            input=input_,
            with_input=not no_input,
            overwrite=overwrite,
            consent=consent(yes=yes),
        )
    render.print_warnings(made.warnings)
    document = render.as_dict(made)
    count = f"{len(made.files)} files, {made.size} bytes, sha256 {made.sha256}"
    line = f"{render.short_path(made.path)}  ({count})"
    render.tell({"bundle": document.pop("path"), **document}, line, as_json=as_json, quiet=quiet)
