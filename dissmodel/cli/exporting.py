"""``dissmodel record cite`` and ``dissmodel record export``."""

from __future__ import annotations

import json
import sys
from typing import Annotated, Literal

import typer

from dissmodel.cli import offers, options
from dissmodel.cli.session import consent, session
from dissmodel.cli.values import parse_moved


def cite(
    file: Annotated[
        str,
        typer.Argument(
            autocompletion=offers.records,
            metavar="RECORD",
            help="A record, such as result.record.json, a bundle, or a URL.",
        ),
    ],
    form: Annotated[
        Literal["text", "bibtex", "csl", "datacite"],
        typer.Option("--format", help="A line of text, BibTeX, CSL-JSON or DataCite 4.6."),
    ] = "text",
    license_: options.License = None,
) -> None:
    """Print how to cite a result: who made it, when, its title, and the digest of its record.

    Who made it, the title and the licence are those of [about] in the TOML of the run or in the settings
    then. What nobody gave is left out.

    Example: dissmodel record cite result.record.json --format bibtex
    """
    from dissmodel import api
    from dissmodel.cli import render

    with session():
        cited = api.cite(file, format=form, license=license_)
    for line in cited.removesuffix("\n").split("\n"):
        render.print_line(line)


def export(
    file: Annotated[
        str,
        typer.Argument(
            autocompletion=offers.records,
            metavar="RECORD",
            help="A record, a bundle, or a URL; for stac also a folder.",
        ),
    ],
    form: Annotated[
        Literal["ro-crate", "prov", "stac", "datacite"],
        typer.Option("--format", help="RO-Crate 1.1, W3C PROV-JSON, STAC 1.1 or DataCite 4.6."),
    ],
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="The JSON file; for a crate a zip or a new folder; for a catalogue a new folder.",
        ),
    ] = None,
    license_: options.License = None,
    input_: options.MovedInputs = None,
    no_input: Annotated[bool, typer.Option("--no-input", help="Leave the input out of a crate.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier file.")] = False,
    yes: options.YesAsk = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Export a record for archives and catalogues: a crate, provenance, a STAC item, metadata for a DOI.

    Without --output the JSON document is printed. A crate needs a licence: that of [about] in the record, or
    --license. Of a folder of records, --format stac makes a static catalogue.

    Example: dissmodel record export result.record.json --format prov --output result.prov.json
    """
    from dissmodel import api
    from dissmodel.cli import render

    moved, others = parse_moved(input_ or ())
    with session(quiet=quiet):
        made = api.export(
            file,
            format=form,
            output=output,
            license=license_,
            input=moved,
            inputs=others,
            with_input=not no_input,
            overwrite=overwrite,
            consent=consent(yes=yes),
        )
    render.print_warnings(made.warnings)
    if made.path is None and not as_json:
        sys.stdout.write(f"{json.dumps(made.document, indent=2, ensure_ascii=True)}\n")
        return
    files = f"  ({len(made.files)} files)" if made.files else ""
    line = f"{render.short_path(made.path)}{files}" if made.path is not None else ""
    document = {"path": made.path, "document": made.document, "files": made.files, "warnings": made.warnings}
    render.tell({"export": document}, line, as_json=as_json, quiet=quiet)
