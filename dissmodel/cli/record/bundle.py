"""``dissmodel record bundle``."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from dissmodel.cli import options
from dissmodel.cli.consent import agreed


def bundle(
    file: Annotated[
        str, typer.Argument(metavar="RECORD", help="A record, such as result.record.json, or its URL.")
    ],
    output: Annotated[str, typer.Option("--output", "-o", metavar="FILE.zip", help="The bundle.")],
    input_: Annotated[
        str | None,
        typer.Option(
            "--input", "-i", metavar="FILE", help="Where the input is now, if it was moved; or its URL."
        ),
    ] = None,
    no_input: Annotated[bool, typer.Option("--no-input", help="Leave the input out.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier bundle.")] = False,
    yes: options.YesAsk = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Put a record, its result and its input into one zip, to publish or to send.

    All of it is verified first; signatures and statements about the record go along. The same content gives
    the same bytes. `dissmodel reproduce`, `record show` and `record verify` take the zip as it is. A server
    that only the record names is asked for the input with your consent alone.

    Example: dissmodel record bundle result.record.json --output result.zip
    """
    from dissmodel.cli import render
    from dissmodel.sharing.bundle import BundleRequest
    from dissmodel.sharing.bundle import bundle as make_bundle

    request = BundleRequest(
        record=file, output=output, input=input_, with_input=not no_input, overwrite=overwrite
    )
    made = agreed(
        lambda consent, _reporter: make_bundle(replace(request, consent=consent)),
        yes=yes,
        allow_build=False,
        offline=False,
        quiet=quiet,
    )
    render.print_warnings(map(render.printable, made.warnings))
    if as_json:
        render.print_json(
            {
                "bundle": str(made.path),
                "size": made.size,
                "sha256": made.sha256,
                "files": list(made.files),
                "warnings": list(made.warnings),
            }
        )
    elif not quiet:
        path = render.short_path(str(made.path))
        count = f"{len(made.files)} files, {made.size} bytes, sha256 {made.sha256}"
        render.print_line(render.printable(f"{path}  ({count})"))
