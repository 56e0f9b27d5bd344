"""``dissmodel record``: show and check records, publish and remove them."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dissmodel.cli import exporting, offers, options
from dissmodel.cli.commands import App
from dissmodel.cli.session import consent, session
from dissmodel.cli.values import parse_moved, parse_parameters, parse_span
from dissmodel.errors import StorageError, UsageError
from dissmodel.printable import count, cut, printable

if TYPE_CHECKING:
    from dissmodel.api import Experiment
    from dissmodel.experiment.prune import Leftover, Pruned

app = App(
    help="Look at records and check results against them.\n\n"
    "Example: dissmodel record verify result.record.json",
)


@app.command("bundle")
def bundle(
    file: Annotated[
        str,
        typer.Argument(
            autocompletion=offers.records,
            metavar="RECORD",
            help="A record, such as result.record.json, or its URL.",
        ),
    ],
    output: Annotated[str, typer.Option("--output", "-o", metavar="FILE.zip", help="The bundle.")],
    input_: options.MovedInputs = None,
    no_input: Annotated[bool, typer.Option("--no-input", help="Leave the input out.")] = False,
    license_: options.License = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier bundle.")] = False,
    yes: options.YesAsk = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Put a record, its result and its input into one zip, to publish or to send.

    All files are verified first; signatures and statements about the record are included. The zip is an
    RO-Crate too, and the same content gives the same bytes. `dissmodel reproduce`, `record show` and `record
    verify` take it as it is. A server that only the record names is asked for the input only with your
    consent.

    Example: dissmodel record bundle result.record.json --output result.zip
    """
    from dissmodel import api
    from dissmodel.cli import render

    moved, others = parse_moved(input_ or ())
    with session(quiet=quiet):
        made = api.bundle(
            file,
            output=output,
            input=moved,
            inputs=others,
            with_input=not no_input,
            license=license_,
            overwrite=overwrite,
            consent=consent(yes=yes),
        )
    render.print_warnings(made.warnings)
    document = render.as_dict(made)
    count = f"{len(made.files)} files, {made.size} bytes, sha256 {made.sha256}"
    line = f"{render.short_path(made.path)}  ({count})"
    render.tell({"bundle": document.pop("path"), **document}, line, as_json=as_json, quiet=quiet)


app.command("cite")(exporting.cite)


@app.command("diff")
def diff(
    a: Annotated[
        str,
        typer.Argument(
            autocompletion=offers.records,
            metavar="A",
            help="A record, such as result.record.json, or its URL.",
        ),
    ],
    b: Annotated[
        str,
        typer.Argument(
            autocompletion=offers.records, metavar="B", help="The record of another run, or its URL."
        ),
    ],
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Compare two runs: what was given, the code, the machine, the results.

    Inputs come before results, the shortest explanation first. Exits with 4 if anything differs except
    identity, times, memory and paths.

    Example: dissmodel record diff result.record.json result.record.json
    """
    from dissmodel import api
    from dissmodel.cli import render_records

    with session(quiet=quiet):
        found = api.diff(a, b)
    render_records.diff(found, as_json=as_json, quiet=quiet)
    if not found.same:
        sys.exit(options.EXIT_DIFFERS)


app.command("export")(exporting.export)


def parse_since(text: str) -> datetime:
    """Return the time that a date, or a number of days or hours, stands for, with its time zone.

    >>> parse_since("2026-01-31T12:00Z").isoformat()
    '2026-01-31T12:00:00+00:00'
    """
    try:
        ago = parse_span(text)
        if ago is not None:
            return datetime.now(UTC) - ago
        # A time without a zone is local.
        return datetime.fromisoformat(text.strip()).astimezone()
    except (ValueError, OverflowError, OSError) as error:
        raise UsageError(
            f"--since {text}: this is neither a date nor a time span.",
            "--since 2026-01-31, --since 7d, --since 12h",
        ) from error


@app.command("list")
def list_records(
    folder: Annotated[
        str,
        typer.Argument(metavar="[DIR]", help="The folder to search, subfolders too; or s3://BUCKET/PREFIX."),
    ] = ".",
    model: Annotated[
        str | None,
        typer.Option(autocompletion=offers.models, metavar="NAME", help="Only runs of this model."),
    ] = None,
    status: Annotated[
        str | None,
        typer.Option(
            autocompletion=offers.statuses,
            metavar="STATUS",
            help="Only runs with this status, such as completed.",
        ),
    ] = None,
    param: Annotated[
        list[str] | None,
        typer.Option(
            "--param",
            "-p",
            autocompletion=offers.parameters,
            metavar="NAME=VALUE",
            help="Only runs with this value; repeatable.",
        ),
    ] = None,
    since: Annotated[
        datetime | None,
        typer.Option(parser=parse_since, metavar="DATE", help="Only runs since a date, or since 7d or 12h."),
    ] = None,
    sort: Annotated[
        str,
        typer.Option(
            autocompletion=offers.orders,
            metavar="COLUMN",
            help="when, model, status, output, seed, a metric or a parameter; -when: the latest first.",
        ),
    ] = "-when",
    columns: Annotated[
        str | None,
        typer.Option(
            autocompletion=offers.columns,
            metavar="A,B,C",
            help="The columns: what --sort takes, files, given, id and record; "
            "parameters.NAME where a metric has that name.",
        ),
    ] = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Hash results and inputs too, as record verify does.")
    ] = False,
    index: Annotated[
        bool, typer.Option("--index", help="Read only what is new or changed since the last --index.")
    ] = False,
    csv: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write the whole list as CSV; - is standard output.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier CSV.")] = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """List the records in a folder and below: when, model, status, the parameters that were given, output.

    For a bucket, or a part of it, these are the records that were pushed there. A file that can't be read
    as a record is a warning, not a failure. With --verify, exits with 4 if anything differs or is missing.
    With --index, for thousands of records, the answer is the same and comes sooner.

    Example: dissmodel record list --model coastal_raster --sort -flooded --columns output,seed,flooded
    """
    from dissmodel import api
    from dissmodel.cli import render_records
    from dissmodel.experiment import spreadsheet
    from dissmodel.record import store

    if csv == "-" and as_json:
        raise UsageError("--csv - and --json both write to standard output.", "Give one of the two.")
    file = Path(csv) if csv not in {None, "-"} else None
    if file is not None:
        spreadsheet.refuse_taken(file, overwrite=overwrite)
    with session(quiet=quiet):
        listing = api.records(
            folder,
            model=model,
            status=status,
            parameters=parse_parameters(param or ()),
            since=since,
            sort=sort,
            columns=tuple(name.strip() for name in columns.split(",")) if columns is not None else (),
            verify=verify,
            index=index,
        )
    if file is not None:
        store.write_atomically(file, render_records.as_csv(listing).encode())
    if as_json:
        render_records.listing_json(listing)
    elif csv == "-":
        sys.stdout.write(render_records.as_csv(listing))
    else:
        render_records.listing(listing, written=file, errors_only=quiet)
    if listing.differs:
        sys.exit(options.EXIT_DIFFERS)


@app.command("prune")
def prune(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder of the records; subfolders too.")],
    older_than: Annotated[
        int, typer.Option(metavar="DAYS", min=0, max=36500, help="Only runs that began this long ago.")
    ] = 0,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Consent to remove them.")] = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Remove the records of runs that failed or were interrupted, with the logs in them; asks first.

    Everything else stays: results, records of other runs, signed records, the targets of links.

    Example: dissmodel record prune . --older-than 30 --yes
    """
    from dissmodel.cli import render
    from dissmodel.experiment import prune as action
    from dissmodel.watching import with_consent

    request = action.PruneRequest(folder, timedelta(days=older_than))
    if not yes:  # what the question is about
        for one in action.leftovers(request).found:
            sys.stderr.write(f"{printable(_line(one))}\n")
    with session(quiet=quiet):
        pruned = with_consent(lambda given: action.prune(replace(request, consent=given)), consent(yes=yes))
    if as_json:
        kept, failures = (
            [{"record": path.absolute(), "why": why} for path, why in left]
            for left in (pruned.kept, pruned.failures)
        )
        removed = [_document(one) for one in pruned.removed]
        render.print_json(
            {"removed": removed, "freed_bytes": pruned.freed, "kept": kept, "failures": failures}
        )
    else:
        render.print_warnings(f"{path}: {why}" for path, why in pruned.failures)
        if not quiet:
            _print_pruned(pruned)
    if pruned.failures:
        sys.exit(StorageError.exit_code)


def _print_pruned(pruned: Pruned) -> None:
    from dissmodel.cli import render

    for one in pruned.removed:
        render.print_text(f"removed {_line(one)}", indent=2)
    for path, why in pruned.kept:
        render.print_text(f"left    {render.short_path(path)}: {why}", indent=2)
    removed = count(len(pruned.removed), "record")
    render.print_line(f"{removed} removed, {render.size(pruned.freed)} freed")


def _line(one: Leftover) -> str:
    from dissmodel.cli import render

    record = one.record
    when = f"{record.created_at:%Y-%m-%d %H:%M}" if record.created_at is not None else "-"
    said = f"{cut(record.model_name or 'a model')}, {record.status}, {when}, {render.size(one.size)}"
    return f"{render.short_path(one.path)}  ({said})"


def _document(one: Leftover) -> dict[str, object]:
    record = one.record
    return {
        "record": one.path.absolute(),
        "experiment_id": record.experiment_id,
        "model_name": record.model_name,
        "status": record.status,
        "created_at": record.created_at.isoformat() if record.created_at is not None else None,
        "size_bytes": one.size,
    }


@app.command("show")
def show(
    file: Annotated[
        str,
        typer.Argument(
            autocompletion=offers.records,
            metavar="FILE",
            help="A record, a file of its result, a bundle, or the URL of either.",
        ),
    ],
    lineage: Annotated[
        bool, typer.Option("--lineage", help="Show the runs that made its input; files are hashed.")
    ] = False,
    records: options.Records = None,
    metrics: Annotated[
        bool, typer.Option("--metrics", help="Print what the model measured at each step, or in all.")
    ] = False,
    chart: Annotated[bool, typer.Option("--chart", help="Draw each measure as a curve.")] = False,
    csv: Annotated[
        str | None,
        typer.Option("--csv", metavar="FILE", help="Write the measures as CSV; - prints it."),
    ] = None,
    preview: options.Preview = False,
    preview_to: options.PreviewTo = None,
    animate: options.Animate = None,
    toml: Annotated[
        bool,
        typer.Option("--toml", help="Print the spec that repeats the run: dissmodel run --toml takes it."),
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a CSV or a picture.")] = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Print what ran, on what, with what, and what came out.

    A file of a result, such as result.tif, stands for the record beside it that names the file.
    With --lineage, --metrics, --chart, --csv, --preview, --animate or --toml only these are printed or
    written.

    Example: dissmodel record show result.record.json
    """
    from dissmodel import api
    from dissmodel.cli import render
    from dissmodel.progress import Silent, reporting
    from dissmodel.watching import Lines

    lineage = lineage or bool(records)
    measures = metrics or chart or csv is not None
    draws = preview or preview_to is not None or animate is not None
    _refuse_mixed(
        csv=csv == "-" and (as_json or metrics or chart),
        lineage=lineage and (measures or draws),
        toml=toml and (lineage or measures or draws or as_json),
    )
    with reporting(Silent() if quiet else Lines()):
        found = api.open_record(file)
        if toml:
            sys.stdout.write(found.toml())
            return
        if lineage:
            from dissmodel.cli import render_records

            render_records.lineage(found.lineage(records or ()), as_json=as_json, quiet=quiet)
            return
        silent = as_json or quiet
        if measures:
            _show_measures(found, metrics and not silent, chart and not silent, csv, overwrite)
        pictures = {}
        if preview or preview_to is not None:
            pictures["preview"] = found.draw(preview_to, overwrite=overwrite)
        if animate is not None:
            pictures["animation"] = found.animate(animate, overwrite=overwrite)
    if as_json:
        render.record_json(found.document, csv, pictures)
    elif pictures and not quiet:
        render.previews(pictures.values())
    elif not measures and not quiet:
        render.record_view(found.record, found.record_path)


def _refuse_mixed(*, csv: bool, lineage: bool, toml: bool) -> None:
    if csv:
        raise UsageError(
            "--csv - prints on standard output, and another option does too.", "Give one, or --csv FILE."
        )
    if lineage:
        raise UsageError("--lineage shows other records than this one.", "Give it alone.")
    if toml:
        raise UsageError("--toml prints the spec alone.", "Give it without other options.")


def _show_measures(found: Experiment, metrics: bool, chart: bool, csv: str | None, overwrite: bool) -> None:
    from dissmodel.cli import render, render_steps
    from dissmodel.experiment.steps import as_csv, write_csv

    whole = render.measures_of(found.record)
    if metrics and whole and not (found.record.step_metrics or chart or csv):
        render.print_table(
            ("measure", "value"), [(name, render.value_text(one)) for name, one in whole.items()]
        )
        return
    table = found.steps()
    if csv == "-":
        sys.stdout.write(as_csv(table))
    elif csv is not None:
        write_csv(table, Path(csv), overwrite=overwrite)
    if metrics:
        render_steps.step_rows(table)
    if chart:
        render_steps.step_charts(table)


@app.command("sign")
def sign(
    file: Annotated[
        Path,
        typer.Argument(
            autocompletion=offers.records, metavar="RECORD", help="A record, such as result.record.json."
        ),
    ],
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


@app.command("verify")
def verify(
    files: Annotated[
        list[str],
        typer.Argument(
            autocompletion=offers.records,
            metavar="FILE...",
            help="Records, such as result.record.json, bundles, or URLs of them.",
        ),
    ],
    allowed_signers: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Who may sign: a file of lines NAME KEY-TYPE KEY, as for git."),
    ] = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Check results, inputs and the records themselves against their digests.

    With --allowed-signers each record must have a signature of an allowed signer, and statements of allowed
    signers beside it are checked and printed. A record at a URL, s3://... or https://..., is fetched,
    hashed and removed; for local files no server is asked. Exits with 4 if anything differs or is missing.

    Example: dissmodel record verify result.record.json
    """
    from dissmodel import api
    from dissmodel.cli import render

    with session(quiet=quiet):
        verification = api.verify(*files, allowed_signers=allowed_signers)
    render.verification(verification, as_json=as_json, errors_only=quiet)
    if not verification.ok:
        sys.exit(options.EXIT_DIFFERS)
