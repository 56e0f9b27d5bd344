"""From a result to what a person, or a program, reads on standard output."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dissmodel.cli import layout
from dissmodel.printable import count, cut, printable

if TYPE_CHECKING:
    from dissmodel.api import Run
    from dissmodel.doctor.report import Diagnosis
    from dissmodel.errors import DissmodelError
    from dissmodel.experiment.verify import Verification
    from dissmodel.preview import Preview
    from dissmodel.record import ExperimentRecord, Note
    from dissmodel.running.run import RunResult
    from dissmodel.running.show import ModelList, ModelView
    from dissmodel.running.validate import Validation

SCHEMA_VERSION = 1


def run(made: Run | RunResult, *, as_json: bool, quiet: bool) -> None:
    """Print the path of the result and, on a second line, of its record, also if quiet: a script reads them.

    What was found goes to standard error; how long it took, and which files are beside the result, is told on
    a terminal only, as progress is.
    """
    pushed = getattr(made, "pushed", None)
    found = {name: getattr(made, name, None) for name in ("preview", "animation", "report")}
    drawn = {name: one for name, one in found.items() if one is not None}
    if as_json:
        from dissmodel.record import store

        print_json(
            {
                "record_path": made.record_path,
                "files": made.files,
                "record": store.written(made.record),
                **{name: as_dict(one) for name, one in drawn.items()},
                **({"pushed": {"uri": pushed.uri, "objects": pushed.objects}} if pushed is not None else {}),
            }
        )
        return
    if not quiet:
        beside = {name: path for name, path in made.files.items() if name != "output"}
        written = {name: one.path for name, one in drawn.items()}
        places = {**beside, **written, "pushed": pushed and pushed.uri}
        shown = [f"  {name:8} {short_path(place)}" for name, place in places.items() if place is not None]
        told = [_ending(made.record), *shown] if sys.stderr.isatty() else []
        for line in [*told, *_notes(made.record)]:
            sys.stderr.write(f"{printable(line)}\n")
    for path in (made.files.get("output"), made.record_path):
        if path is not None:
            print_line(short_path(path))


def run_of_package(made: RunResult, *, as_json: bool) -> None:
    """Print a run as the scripts of packages have always printed it: all on standard output."""
    if as_json:
        run(made, as_json=True, quiet=False)
        return
    print_line(_ending(made.record))
    for name, path in made.files.items():
        print_line(f"  {name:8} {short_path(path)}  ({size(made.record.files[name].size)})")
    print_places({"record": made.record_path})
    for line in _notes(made.record):
        print_line(line)


def _ending(record: ExperimentRecord) -> str:
    return f"{record.model_name} {record.status} in {record.metrics.get('time_total_sec', 0.0):.2f} s"


def _notes(record: ExperimentRecord) -> list[str]:
    return [f"  {note.severity}: {_found(note)}" for note in record.findings]


def previews(pictures: Iterable[Preview]) -> None:
    """Print the path of each picture, and the warnings on standard error."""
    told: list[str] = []
    for one in pictures:
        print_line(short_path(one.path))
        told += one.warnings
    print_warnings(dict.fromkeys(told))


def model_list(listing: ModelList, *, as_json: bool) -> None:
    """Print the models, and on standard error what is wrong with the others."""
    if as_json:
        print_json(as_dict(listing))
        return
    rows = [(row.name, row.substrate or "-", row.source, row.summary) for row in listing.models]
    print_table(("model", "substrate", "source", "what it is"), rows)
    print_warnings(listing.problems)


def model_view(view: ModelView, *, as_json: bool) -> None:
    """Print a model's parameters."""
    if as_json:
        from dissmodel.record.plain import plain

        print_json(plain(as_dict(view)))  # an undeclared parameter may be anything, also NaN
        return
    row = view.row
    about = ", ".join(filter(None, [row.substrate, row.source]))
    print_text(f"{row.name} ({about}): {row.summary}".rstrip(": "), indent=2)
    if view.reach is not None:
        print_text(view.reach.said, indent=2)
    rows = [
        (
            one.name,
            one.type,
            one.unit or "-",
            one.bounds or "-",
            one.default or "-",
            value_text(one.value),
            one.origin,
        )
        for one in view.parameters
    ]
    if view.input_fields:
        print_line("")
        print_table(("band or column", "values"), list(view.input_fields.items()))
    if rows:
        print_line("")
        print_table(("parameter", "type", "unit", "bounds", "default", "value", "from"), rows)
        print_line("")
    for one in view.parameters:
        also = f" (also {', '.join(one.aliases)})" if one.aliases else ""
        if one.description or also:
            print_text(f"  {one.name}: {one.description}{also}", indent=4)
    if not view.declared:
        print_text("The model declares no parameters; every given parameter is passed to it.")
    print_warnings(view.warnings)


def record_json(
    document: Mapping[str, Any], csv: str | None = None, pictures: Mapping[str, Preview] | None = None
) -> None:
    """Print a record as it stands, and which files were made of it."""
    made = {"csv": csv} if csv is not None else {}
    drawn = {name: as_dict(one) for name, one in (pictures or {}).items()}
    print_json({"record": document, **made, **drawn})


def record_view(record: ExperimentRecord, path: Path | str) -> None:
    """Print a record for a person: what ran, on what, with what, and what came out."""
    print_text(f"{cut(record.model_name or 'a model')}: {cut(record.status)}  ({short_path(path)})", indent=2)
    _section("Run", _run_rows(record))
    said = record.about.items()
    _section("About", [(key, one if isinstance(one, str) else value_text(one)) for key, one in said])
    _section("Input", _input_rows(record))
    origin = {name: f"  ({one})" for name, one in record.parameter_origin.items() if one}
    given = [(name, value_text(value) + origin.get(name, "")) for name, value in record.parameters.items()]
    _section("Parameters", given)
    _section("Result", _result_rows(record))
    times = {name: value for name, value in record.metrics.items() if name.startswith("time_")}
    _section("Timings", [(name[5:].removesuffix("_sec"), f"{value} s") for name, value in times.items()])
    _section("Metrics", [(name, value_text(value)) for name, value in measures_of(record).items()])
    _section("Findings", [(note.severity, _found(note)) for note in record.findings])
    if record.error is not None:
        error = record.error
        frames = [line.strip() for line in error.traceback.splitlines() if line.startswith("  File ")]
        rows = [("phase", error.phase), ("error", f"{error.type}: {error.message}"), ("", error.hint)]
        _section(record.status.capitalize(), [*rows, *(("at", one) for one in frames[-1:])])
    _section("Log", [("", line) for text in record.logs for line in text.splitlines()])


def measures_of(record: ExperimentRecord) -> dict[str, Any]:
    """Return the measures of a whole run, by name."""
    return {name: value for name, value in record.metrics.items() if not name.startswith("time_")}


def verification(result: Verification, *, as_json: bool, errors_only: bool = False) -> None:
    """Print a line per check, or per check that found a difference or a missing file."""
    if as_json:
        print_json({"ok": result.ok, "checks": result.checks})
        return
    several = len({check.record for check in result.checks}) > 1
    shown = None
    for check in result.checks:
        if errors_only and check.verdict in {"ok", "not checked"}:
            continue
        if several and check.record != shown:
            shown = check.record
            print_line(f"{short_path(check.record)}:")
        why = check.found if check.verdict == "not checked" else check.note
        line = f"{check.verdict:11}  {check.name:8}  {short_path(check.path)}" + (f"  ({why})" if why else "")
        print_line(line.rstrip())
        if check.verdict in {"differs", "missing"}:
            print_line(f"{'':13}expected {cut(check.expected)}")
            print_line(f"{'':13}found    {cut(check.found)}")


def findings(result: Validation | Diagnosis, *, as_json: bool, errors_only: bool = False) -> None:
    """Print a line per finding, and below it what to do about it."""
    if as_json:
        print_json({"ok": result.ok, "findings": result.findings})
        return
    for one in result.findings:
        if not errors_only or one.severity == "error":
            print_line(f"{one.severity:8} {short_path(one.subject)}: {one.message}")
            if one.hint:
                print_line(f"{'':8} {one.hint}")


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
    else:
        rows.append(("code", record.model_commit))
    rows.append(("dissmodel", record.code_version))
    if record.runtime is not None:
        runtime = record.runtime
        rows.append(("machine", f"{runtime.implementation} {runtime.python}, {runtime.platform}"))
        native = [
            f"{library} {version} ({loader})"
            for loader, found in runtime.native.items()
            for library, version in found.items()
        ]
        rows.append(("libraries", ", ".join(native)))
        if runtime.kernel is not None:
            threads = f", {count(runtime.threads, 'thread')}" if runtime.threads is not None else ""
            rows.append(("kernel", f"{runtime.kernel}{threads}"))
    origin = "  (drawn)" if record.parameter_origin.get("seed") == "drawn" else ""
    rows.append(("seed", f"{record.seed}{origin}" if record.seed is not None else ""))
    if record.peak_memory_bytes is not None:
        rows.append(("memory", f"at most {size(record.peak_memory_bytes)}"))
    rows.append(("command", " ".join(record.command)))
    return rows


def _input_rows(record: ExperimentRecord) -> list[tuple[str, str]]:
    source = record.source
    rows = [("file", source.uri), ("version", source.version), ("sha256", source.checksum)]
    rows.append(("layer", source.layer or ""))
    rows += [("beside", name) for name in source.sidecars]
    for other in record.sources:
        rows += [(other.name, other.uri), ("", f"sha256 {other.checksum}")]
        rows += [("", f"{name} from {read.name} ({read.how})") for name, read in other.fields.items()]
    maps = {**record.band_map, **record.column_map}
    rows.append(("names", ", ".join(f"{name} = {given}" for name, given in maps.items())))
    for name, given in record.class_map.items():
        table = given.items() if isinstance(given, dict) else ()
        said = ", ".join(f"{old} → {new}" for old, new in table) or given
        rows.append(("class map", f"{name} = {said}"))
    if record.grid is not None:
        grid = record.grid
        cells = f", {grid.cells} cells in the space" if grid.cells is not None else ""
        rows.append(("grid", f"{grid.shape[0]} rows × {grid.shape[1]} columns{cells}"))
    return rows


def _result_rows(record: ExperimentRecord) -> list[tuple[str, str]]:
    rows = []
    for name, artifact in record.files.items():
        rows.append((name, f"{artifact.path}  {size(artifact.size)}  sha256 {artifact.sha256}"))
        if artifact.content_digest is not None:
            rows.append(("", f"content {artifact.content_digest.digest}"))
    if not record.files:
        rows += [(name, f"sha256 {digest}") for name, digest in record.artifacts.items()]
        rows.append(("file", record.output_path or ""))
    return rows


def _found(note: Note) -> str:
    subject = f"{note.subject}: " if note.subject else ""
    return f"{subject}{note.message} {note.hint}".rstrip()


def _section(title: str, rows: Iterable[tuple[str, str]]) -> None:
    """Print rows that have a value under a title."""
    cells = [(printable(cut(name)), printable(cut(value))) for name, value in rows if value]
    if cells:
        print_line("")
        print_line(title)
        for line in layout.pairs(cells, layout.terminal_width(), indent=2):
            print_line(line)


def print_table(
    head: tuple[str, ...], rows: Sequence[tuple[str, ...]], *, may_cut: Collection[int] = ()
) -> None:
    """Print rows under a head, each column as wide as it has to be, no line wider than the terminal."""
    rows = [tuple(printable(cut(cell)) for cell in row) for row in rows]
    for line in layout.table(head, rows, layout.terminal_width(), may_cut=may_cut):
        print_line(line)


def print_places(places: Mapping[str, Path | str | None]) -> None:
    """Print a line per place that has one, after its name."""
    for name, place in places.items():
        if place is not None:
            print_line(f"  {name:8} {short_path(place)}")


def print_text(text: str, *, indent: int = 0) -> None:
    """Print a text in lines that are no wider than the terminal, those below the first indented."""
    for line in layout.text(printable(text), layout.terminal_width(), indent=indent):
        print_line(line)


def value_text(value: Any) -> str:
    """Return a value as JSON has it."""
    return "none" if value is None else json.dumps(value, ensure_ascii=False, default=str)


def size(number: int) -> str:
    """Return a number of bytes as people read it."""
    amount = float(number)
    for unit in ("bytes", "kB", "MB", "GB"):
        if amount < 1000:  # noqa: PLR2004  (SI prefixes)
            return f"{amount:.0f} {unit}" if unit == "bytes" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"


def short_path(path: Path | str) -> str:
    """Return a path as one would type it here; a URL and no path as they are."""
    path = str(path)
    if not path or "://" in path:
        return path
    try:
        relative = os.path.relpath(path)
    except (OSError, ValueError):  # the current folder is gone, or on another drive
        return path
    return path if relative.startswith("..") else relative


def as_dict(result: Any) -> dict[str, Any]:
    """Return the fields of a result, also those of results in it."""
    return dataclasses.asdict(result)


def error_document(error: DissmodelError) -> dict[str, str]:
    """Return an error as JSON has it, without secrets."""
    from dissmodel.record.redact import redact

    return {"code": error.code, "message": redact(error.message), "hint": redact(error.hint)}


def tell(document: Mapping[str, Any], *lines: str, as_json: bool, quiet: bool) -> None:
    """Print a result as one JSON object or as lines."""
    if as_json:
        print_json(document)
    elif not quiet:
        for line in lines:
            print_line(line)


def print_json(content: Mapping[str, Any]) -> None:
    """Print one JSON object, with the version of its form; results in it by their fields."""
    document = {"schema_version": SCHEMA_VERSION, **content}
    # In ASCII, for how a terminal spells out other letters is not JSON.
    print_line(json.dumps(document, default=_plain, allow_nan=False))


def _plain(value: Any) -> Any:
    return as_dict(value) if dataclasses.is_dataclass(value) else str(value)


def print_error(error: DissmodelError, name: str = "") -> None:
    """Print an error, its hint and the record of the run that it ended, on standard error."""
    told = error_document(error)
    lines = [f"error: {name}{told['message']}"]
    lines += [f"  {told['hint']}"] if told["hint"] else []
    lines += [f"  record: {error.record_path}"] if error.record_path is not None else []
    sys.stderr.write("".join(f"{printable(cut(line))}\n" for line in lines))


def print_warnings(messages: Iterable[str]) -> None:
    """Print warnings, on standard error."""
    for message in messages:
        sys.stderr.write(f"warning: {printable(message)}\n")


def print_line(text: str) -> None:
    """Print a line of a result; names in it may come from another person's file."""
    sys.stdout.write(f"{printable(text)}\n")
