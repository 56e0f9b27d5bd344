"""From an action's result to what a person, or a program, reads on standard output."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dissmodel.cli import layout

if TYPE_CHECKING:
    from dissmodel.experiment.verify import Verification
    from dissmodel.preview import Preview
    from dissmodel.record import ExperimentRecord, Note
    from dissmodel.running.run import RunResult
    from dissmodel.running.show import ModelList, ModelView
    from dissmodel.running.validate import Validation
    from dissmodel.sharing.push import PushedExperiment
    from dissmodel.sharing.remote_output import Uploaded

SCHEMA_VERSION = 1

# Control and format characters, halves of surrogate pairs, line and paragraph separators.
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
# How many characters of a text from a file are shown; in a table each line is as long as the longest.
_LONGEST = 1000


def run_result(
    result: RunResult | Uploaded, picture: Preview | None = None, pushed: PushedExperiment | None = None
) -> None:
    """Say what a run left, and where."""
    record = result.record
    seconds = record.metrics.get("time_total_sec", 0.0)
    print_line(f"{record.model_name} {record.status} in {seconds:.2f} s")
    for name, path in result.files.items():
        print_line(f"  {name:8} {short_path(str(path))}  ({size(record.files[name].size)})")
    print_line(f"  {'record':8} {short_path(str(result.record_path))}")
    if picture is not None:
        print_line(f"  {'preview':8} {short_path(str(picture.path))}")
    if pushed is not None:
        print_line(printable(f"  {'pushed':8} {pushed.uri}"))
    for note in record.findings:
        print_line(printable(f"  {note.severity}: {_found(note)}"))


def run_json(
    result: RunResult | Uploaded, picture: Preview | None = None, pushed: PushedExperiment | None = None
) -> None:
    """Print a run's record and where things lie."""
    from dissmodel.record import store

    there: dict[str, Any] = {}
    if pushed is not None:
        there = {
            "pushed": {"uri": pushed.uri, "objects": [dataclasses.asdict(one) for one in pushed.objects]}
        }
    print_json(
        {
            "record_path": str(result.record_path),
            "files": {name: str(path) for name, path in result.files.items()},
            "record": store.written(result.record),
            **_preview(picture),
            **there,
        }
    )


def log_lines(record: ExperimentRecord) -> None:
    """Print a record's log, as the public package's command line does."""
    for line in record.logs:
        print_line(printable(f"  {line}"))


def preview(picture: Preview) -> None:
    """Say where a picture lies, and on standard error what to know of it."""
    print_line(printable(short_path(str(picture.path))))
    print_warnings(map(printable, picture.warnings))


def _preview(picture: Preview | None) -> dict[str, Any]:
    if picture is None:
        return {}
    return {"preview": {**dataclasses.asdict(picture), "path": str(picture.path)}}


def model_list(listing: ModelList, *, as_json: bool) -> None:
    """Print the models, and on standard error what is wrong with the others."""
    if as_json:
        print_json(dataclasses.asdict(listing))
        return
    rows = [(row.name, row.substrate or "-", row.source, row.summary) for row in listing.models]
    print_table(("model", "substrate", "source", "what it is"), rows)
    print_warnings(listing.problems)


def model_view(view: ModelView, *, as_json: bool) -> None:
    """Print a model's parameters."""
    if as_json:
        from dissmodel.record.plain import plain

        print_json(plain(dataclasses.asdict(view)))  # an undeclared parameter may be anything, also NaN
        return
    row = view.row
    print_text(
        f"{row.name} ({', '.join(filter(None, [row.substrate, row.source]))}): {row.summary}".rstrip(": "),
        indent=2,
    )
    rows = [
        (
            one.name,
            one.type,
            one.unit or "-",
            one.bounds or "-",
            one.default or "-",
            _value(one.value),
            one.origin,
        )
        for one in view.parameters
    ]
    if rows:
        print_line("")
        print_table(("parameter", "type", "unit", "bounds", "default", "value", "from"), rows)
        print_line("")
    for one in view.parameters:
        also = f" (also {', '.join(one.aliases)})" if one.aliases else ""
        if one.description or also:
            print_text(f"  {one.name}: {one.description}{also}", indent=4)
    if not view.declared:
        print_text("The model declares no parameters; whatever is given is passed on.")
    print_warnings(view.warnings)


def record_json(document: Mapping[str, Any], csv: str | None = None, picture: Preview | None = None) -> None:
    """Print a record as it stands, and which files were made of it."""
    print_json({"record": document, **({"csv": csv} if csv is not None else {}), **_preview(picture)})


def record_view(record: ExperimentRecord, path: Path | str) -> None:
    """Print a record for a person: what ran, on what, with what, and what came out."""
    name = cut(record.model_name or "a model")
    print_text(printable(f"{name}: {cut(record.status)}  ({short_path(str(path))})"), indent=2)
    _section("Run", _run_rows(record))
    _section("Input", _input_rows(record))
    _section("Parameters", [(name, _given(record, name)) for name in record.parameters])
    _section("Result", _result_rows(record))
    times = [(name, value) for name, value in record.metrics.items() if name.startswith("time_")]
    _section("Timings", [(name[5:].removesuffix("_sec"), f"{value} s") for name, value in times])
    others = [(name, _value(value)) for name, value in record.metrics.items() if not name.startswith("time_")]
    _section("Metrics", others)
    _section("Findings", [(note.severity, _found(note)) for note in record.findings])
    if record.error is not None:
        error = record.error
        rows = [("phase", error.phase), ("error", f"{error.type}: {error.message}"), ("", error.hint)]
        frames = [line.strip() for line in error.traceback.splitlines() if line.startswith("  File ")]
        rows += [("at", frames[-1])] if frames else []
        _section(record.status.capitalize(), [row for row in rows if row[1]])
    _section("Log", [("", line) for text in record.logs for line in text.splitlines()])


def verification(result: Verification, *, as_json: bool, errors_only: bool = False) -> None:
    """Print a line per thing that was checked, or per thing that differs or is missing."""
    if as_json:
        checks = [{**dataclasses.asdict(check), "record": str(check.record)} for check in result.checks]
        print_json({"ok": result.ok, "checks": checks})
        return
    several = len({check.record for check in result.checks}) > 1
    shown = None
    for check in result.checks:
        if errors_only and check.verdict in {"ok", "not checked"}:
            continue
        if several and check.record != shown:
            shown = check.record
            print_line(printable(f"{short_path(str(check.record))}:"))
        line = f"{check.verdict:11}  {check.name:8}  {short_path(check.path)}"
        if check.verdict == "not checked":
            line += f"  ({check.found})"
        elif check.note:
            line += f"  ({check.note})"
        print_line(printable(line).rstrip())
        if check.verdict in {"differs", "missing"}:
            print_line(printable(f"{'':13}expected {cut(check.expected)}"))
            print_line(printable(f"{'':13}found    {cut(check.found)}"))


def validation(result: Validation, *, as_json: bool, errors_only: bool = False) -> None:
    """Print a line per finding, and below it what to do about it."""
    if as_json:
        print_json(
            {"ok": result.ok, "findings": [dataclasses.asdict(finding) for finding in result.findings]}
        )
        return
    for finding in result.findings:
        if errors_only and finding.severity != "error":
            continue
        print_line(printable(f"{finding.severity:8} {short_path(finding.subject)}: {finding.message}"))
        if finding.hint:
            print_line(printable(f"{'':8} {finding.hint}"))


def _run_rows(record: ExperimentRecord) -> list[tuple[str, str]]:
    rows = [("id", record.experiment_id), ("began", record.created_at.isoformat(timespec="seconds"))]
    if record.finished_at is not None:
        rows.append(("finished", record.finished_at.isoformat(timespec="seconds")))
    if record.code is not None:
        code = record.code
        package = f"{code.package} {code.version}" if code.package else code.module or ""
        commit = f"commit {code.commit[:12]}" if code.commit else ""
        is_unknown = code.dirty is None and code.in_checkout
        changes = "with changes" if code.dirty else "changes unknown" if is_unknown else ""
        rows.append(("code", ", ".join(filter(None, [package, commit, changes]))))
    elif record.model_commit:
        rows.append(("code", record.model_commit))
    if record.code_version:
        rows.append(("dissmodel", record.code_version))
    if record.runtime is not None:
        runtime = record.runtime
        rows.append(("machine", f"{runtime.implementation} {runtime.python}, {runtime.platform}"))
        native = [
            f"{library} {version} ({loader})"
            for loader, found in runtime.native.items()
            for library, version in found.items()
        ]
        rows += [("libraries", ", ".join(native))] if native else []
    if record.runtime is not None and record.runtime.kernel is not None:
        threads = record.runtime.threads
        rows.append(("kernel", f"{record.runtime.kernel}, {threads} thread{'s' * (threads != 1)}"))
    if record.seed is not None:
        rows.append(("seed", str(record.seed)))
    if record.peak_memory_bytes is not None:
        rows.append(("memory", f"at most {size(record.peak_memory_bytes)}"))
    if record.command:
        rows.append(("command", " ".join(record.command)))
    return rows


def _input_rows(record: ExperimentRecord) -> list[tuple[str, str]]:
    source = record.source
    rows = [("file", source.uri), ("version", source.version), ("sha256", source.checksum)]
    rows.append(("layer", source.layer or ""))
    rows += [("beside", name) for name in source.sidecars]
    maps = {**record.band_map, **record.column_map}
    rows += [("names", ", ".join(f"{name} = {given}" for name, given in maps.items()))] if maps else []
    if record.grid is not None:
        grid = record.grid
        cells = f", {grid.cells} cells in the space" if grid.cells is not None else ""
        rows.append(("grid", f"{grid.shape[0]} rows × {grid.shape[1]} columns{cells}"))
    return [row for row in rows if row[1]]


def _given(record: ExperimentRecord, name: str) -> str:
    origin = record.parameter_origin.get(name)
    return _value(record.parameters[name]) + (f"  ({origin})" if origin else "")


def _result_rows(record: ExperimentRecord) -> list[tuple[str, str]]:
    rows = []
    for name, artifact in record.files.items():
        rows.append((name, f"{artifact.path}  {size(artifact.size)}  sha256 {artifact.sha256}"))
        if artifact.content_digest is not None:
            rows.append(("", f"content {artifact.content_digest.digest}"))
    if not record.files:
        rows += [(name, f"sha256 {digest}") for name, digest in record.artifacts.items()]
        rows += [("file", record.output_path)] if record.output_path else []
    return rows


def _found(note: Note) -> str:
    subject = f"{note.subject}: " if note.subject else ""
    return f"{subject}{note.message} {note.hint}".rstrip()


def _section(title: str, rows: Iterable[tuple[str, str]]) -> None:
    rows = list(rows)
    if not rows:
        return
    print_line(f"\n{title}")
    cells = [(printable(cut(name)), printable(cut(value))) for name, value in rows]
    for line in layout.pairs(cells, layout.terminal_width(), indent=2):
        print_line(line)


def print_table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    """Print rows under a head, each column as wide as it has to be, no line wider than the terminal."""
    rows = [tuple(cut(cell) for cell in row) for row in rows]
    for line in layout.table(head, rows, layout.terminal_width()):
        print_line(line)


def print_text(text: str, *, indent: int = 0) -> None:
    """Print a text in lines that are no wider than the terminal, those below the first indented."""
    for line in layout.text(text, layout.terminal_width(), indent=indent):
        print_line(line)


def _value(value: Any) -> str:
    if value is None:
        return "none"
    return json.dumps(value, ensure_ascii=False, default=str)


def size(count: int) -> str:
    """Return a number of bytes as people read it."""
    amount = float(count)
    for unit in ("bytes", "kB", "MB", "GB"):
        if amount < 1000:  # noqa: PLR2004  (SI prefixes)
            return f"{amount:.0f} {unit}" if unit == "bytes" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"


def short_path(path: str) -> str:
    """Return a path as one would type it here; a URL and no path as they are."""
    if not path or "://" in path:
        return path
    try:
        relative = os.path.relpath(path)
    except (OSError, ValueError):  # the current folder is gone, or on another drive
        return path
    return path if relative.startswith("..") else relative


def cut(text: str, longest: int = _LONGEST) -> str:
    """Return a text, or its beginning and its length where it is longer than anyone reads.

    >>> cut("dune" * 100, 6)
    'dunedu… (400 characters)'
    """
    return text if len(text) <= longest else f"{text[:longest]}… ({len(text)} characters)"


def printable(text: str) -> str:
    """Return what a terminal shows as text and as one line: a record may come from anyone.

    An escape sequence could clear the screen, and a line break could fake a line that says "ok".
    """
    return "".join(
        one if unicodedata.category(one) not in _HIDDEN else one.encode("unicode_escape").decode()
        for one in text
    )


def print_json(content: Mapping[str, Any]) -> None:
    """Print one JSON object, with the version of its form."""
    document = {"schema_version": SCHEMA_VERSION, **content}
    # In ASCII, for how a terminal spells out other letters is no JSON.
    print_line(json.dumps(document, default=str, allow_nan=False))


def print_warnings(messages: Iterable[str]) -> None:
    """Print warnings, on standard error."""
    for message in messages:
        sys.stderr.write(f"warning: {message}\n")


def print_line(text: str) -> None:
    """Print a line of a result."""
    sys.stdout.write(text + "\n")
