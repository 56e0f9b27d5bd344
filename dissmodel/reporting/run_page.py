"""The report of a run: what its record says, what its files say, and whether the two agree."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from dissmodel.errors import DissmodelError, shell_word
from dissmodel.executor import parameters
from dissmodel.executor.model_executor import ModelExecutor
from dissmodel.experiment.files import artifacts_of, name_of
from dissmodel.experiment.source import Source
from dissmodel.experiment.steps import step_table
from dissmodel.experiment.verify import Check, checks
from dissmodel.markup import number, value_text
from dissmodel.printable import count
from dissmodel.record import ExperimentRecord
from dissmodel.record.export.cite import text as citation
from dissmodel.record.export.described import Described, dois_and_urls
from dissmodel.registry.classes import ExecutorRegistry
from dissmodel.reporting.measures import measure_charts, unit_of
from dissmodel.reporting.page import Cell, Code, Page, Table, facts, rendered, table
from dissmodel.reporting.result_maps import Agree, maps_content
from dissmodel.reproducing.recorded_model import find_model

_MOST_STEPS = 200
_MOST_LINES = 100  # of a log or a traceback
_MOST_BYTES = 1_200_000  # of pictures
_PNG = b"\x89PNG\r\n\x1a\n"
_WRONG = ("differs", "missing")
_AS_RECORDED = {"ok": "as recorded"}
_SAID = ("people", "description", "license", "references", "citation")
_SHA256 = re.compile("[0-9a-f]{64}")


def run_page(source: Source, agree: Agree | None) -> tuple[bytes, list[str]]:
    """Return the report of an experiment that was opened, and what it lacks; `agree` as in `maps_content`.

    Raises
    ------
    DissmodelError
        If the record can't be read.
    """
    page, record = Page(), source.record
    source.bring()
    found = list(checks(source, with_input=not source.is_remote))
    wrong = [one for one in found if one.verdict in _WRONG]
    run = Described(record, source.digest, shown=str(source.path.name))
    executor = _executor(source)
    about = _about(run, page)
    maps = maps_content(source, agree, executor, page) if record.status == "completed" else {}
    content = {
        "record": record,
        "name": _name(source),
        "title": about["title"],
        "lede": _lede(record, run),
        "digest": source.digest,
        "wrong": [(one.name, *_said(one, source)) for one in wrong],
        "commands": list(_commands(source)),
        "about": about,
        "at_a_glance": _at_a_glance(record),
        "error": _error(record),
        "maps": maps,
        "pictures": list(_pictures(source, page)),
        "measures": _measures(record, page, executor, maps.get("colours", {})),
        "metrics": _metrics(record, executor),
        "parameters": _parameters(record, executor),
        "inputs": _inputs(record, found),
        "files": _files(record, found),
        "other_checks": _other_checks(source, found),
        "lineage": _lineage(record),
        "software": _software(record, run),
        "packages": _packages(record),
        "log": _tail("\n".join(record.logs)),
    }
    page.told = [_in_folder(one, source) for one in page.told]
    return rendered("run.html", page, **content), page.told


def _in_folder(text: str, source: Source) -> str:
    """Return a text in which files of the record's folder have their names alone, wherever that folder is."""
    return source.shown(text.replace(f"{source.path.parent}{os.sep}", ""))


def _lede(record: ExperimentRecord, run: Described) -> str:
    version = record.code.version if record.code is not None else None
    model = f"{record.model_name or 'a model'} {version or ''}".rstrip()
    ours = f" with dissmodel {record.code_version}" if record.code_version else ""
    return f"A run of the model {model}{ours}, {run.began:%Y-%m-%d %H:%M:%S} UTC."


def _name(source: Source) -> str:
    """Return what a command calls it in its own folder."""
    given = str(source.given)
    return given if source.is_remote else Path(given).name


def _executor(source: Source) -> type[ModelExecutor] | None:
    """Return the model that ran, if it is known here; no file that a record names is run."""
    known = ExecutorRegistry._executors.get(source.record.model_name)  # noqa: SLF001  (the published place)
    with contextlib.suppress(DissmodelError):  # maps tell of it
        return known or find_model(source.path, source.record).executor
    return None


def _said(check: Check, source: Source) -> tuple[str, str]:
    """Return the verdict of a check, and what was found instead of what."""
    what = _in_folder(check.note or check.found, source)
    return check.verdict, f"its sha256 is now {what}" if _SHA256.fullmatch(what) else what


def _about(run: Described, page: Page) -> dict[str, Any]:
    try:
        about = run.about
    except DissmodelError as error:  # someone wrote it by hand
        page.told.append(f"What people say of the result can't be read: {error.message}")
        title, nothing = f"Result of {run.record.model_name or 'a model'}", dict.fromkeys(_SAID)
        return {"title": title, **nothing}
    is_said = bool(run.record.about) and run.record.status == "completed"
    ended = run.title
    if run.record.status != "completed" and not about.title:
        ended = f"Run of {run.record.model_name or 'a model'} that {run.record.status}"
    return {
        "title": ended,
        "people": about if run.record.about else None,
        "description": about.description,
        "license": about.license,
        "references": dois_and_urls(about.references),
        "citation": citation(run) if is_said else "",
    }


def _at_a_glance(record: ExperimentRecord) -> dict[str, object]:
    grid, seed = record.grid, record.parameter_origin.get("seed")
    took = record.metrics.get("time_total_sec")
    cells = "" if grid is None or grid.cells is None else f", {grid.cells:,} cells in the space"
    return facts(
        {
            "Took": f"{number(took)} s" if isinstance(took, int | float) else "",
            "Input": name_of(record.source.uri),
            "Grid": f"{grid.shape[0]:,} rows × {grid.shape[1]:,} columns{cells}" if grid else "",
            "Seed": "" if record.seed is None else f"{record.seed}{' (drawn)' if seed == 'drawn' else ''}",
            "Ended when": record.until,
            "Result": (record.files["output"].path if "output" in record.files else record.main_path) or "",
            "Typed": Code(" ".join(map(shell_word, record.command))) if record.command else "",
        }
    )


def _commands(source: Source) -> Iterator[tuple[str, str]]:
    """Yield what a command is for, and the command, as it is typed in the folder of the record."""
    record, name = source.record, shell_word(_name(source))
    yield (
        "Check that the record, the result and the input are what was recorded",
        f"dissmodel record verify {name}",
    )
    if record.status != "completed":
        yield "See all that is known of the run", f"dissmodel record show {name}"
        return
    code = record.code
    is_file = code is not None and code.package is None
    model = f" --model {shell_word(_file_of(code.module))}" if code is not None and is_file else ""
    yield "Run the model again and compare the results", f"dissmodel reproduce {name}{model}"
    if not is_file and record.runtime is not None and record.runtime.packages:
        yield (
            "The same with the packages of the record, in an environment of their own",
            f"dissmodel reproduce {name} --env recorded",
        )


def _file_of(module: str | None) -> str:
    return f"{(module or 'FILE').removeprefix('dissmodel_file_')}.py"


def _error(record: ExperimentRecord) -> dict[str, Any] | None:
    error = record.error
    if error is None:
        return None
    return {
        "facts": facts({"Phase": error.phase, "Error": error.type}),
        "message": f"{error.message} {error.hint}".strip(),
        "traceback": _tail(error.traceback),
    }


def _tail(text: str) -> str:
    lines = text.splitlines()
    left_out = len(lines) - _MOST_LINES
    begin = [f"… {left_out:,} lines before these"] if left_out > 0 else []
    return "\n".join([*begin, *(line[:500] for line in lines[-_MOST_LINES:])])


def _measures(
    record: ExperimentRecord,
    page: Page,
    executor: type[ModelExecutor] | None,
    colours: Mapping[str, Mapping[str, str]],
) -> dict[str, Any] | None:
    """Return charts and a table of what the model measured at each step."""
    if not any(values for name, values in record.step_metrics.items() if name != "step"):
        return None
    try:
        steps = step_table(record, "the record")
    except DissmodelError as error:
        page.told.append(error.message)
        return None
    rows = steps.rows()
    stride = -(-len(rows) // _MOST_STEPS)
    shown = [row for at, row in enumerate(rows) if at % stride == 0 or at == len(rows) - 1]
    thinned = f", every {stride}th of {len(rows):,} steps" if stride > 1 else ""
    units = {name: unit_of(name, executor) for name in steps.measures}
    head = ("step", *(f"{name}, {unit}" if unit else name for name, unit in units.items()))
    return {
        "charts": measure_charts(steps, units, record, page, colours),
        "table": table(
            f"Measures after each step{thinned}",
            head,
            ([number(one) for one in row] for row in shown),
            texts=1,
        ),
    }


def _pictures(source: Source, page: Page) -> Iterator[tuple[str, bytes]]:
    """Yield the PNGs that are files of the result and are as recorded, by their names."""
    left = _MOST_BYTES
    for name, one in source.files.items():
        path = one.intact() if one.artifact.path.lower().endswith(".png") else None
        if path is None:
            continue
        left -= path.stat().st_size
        if left < 0:
            page.told.append(f"The picture {name} is not shown: the pictures have too many bytes.")
        elif (image := path.read_bytes()).startswith(_PNG):
            yield name, image


def _metrics(record: ExperimentRecord, executor: type[ModelExecutor] | None) -> Table | None:
    own = {name: value for name, value in record.metrics.items() if not name.startswith("time_")}
    rows = [(name, value_text(value), unit_of(name, executor)) for name, value in own.items()]
    return table("Metrics of the model", ("metric", "value", "unit"), rows) if rows else None


def _parameters(record: ExperimentRecord, executor: type[ModelExecutor] | None) -> Table | None:
    declared = getattr(executor, "Parameters", None)
    resolved = parameters.ResolvedParameters(record.parameters, record.parameter_origin)
    known = {one.name: one for one in parameters.describe(declared, resolved)} if declared else {}
    rows = []
    for name, value in record.parameters.items():
        one = known.get(name)
        unit, what = (one.unit, one.description) if one is not None else ("", "")
        rows.append((name, value_text(value), unit, record.parameter_origin.get(name, ""), what))
    if not rows:
        return None
    return table("Parameters", ("parameter", "value", "unit", "from", "what it is"), rows)


def _verdict(found: Sequence[Check], name: str) -> str:
    verdicts = [one.verdict for one in found if one.name == name]
    worst = next((one for one in (*_WRONG, "not checked", "ok") if one in verdicts), "not checked")
    return _AS_RECORDED.get(worst, worst)


def _inputs(record: ExperimentRecord, found: Sequence[Check]) -> Table | None:
    rows: list[tuple[Cell, ...]] = []
    for one in record.inputs:
        if not (one.uri or one.checksum):
            continue
        name = one.called.removeprefix("input ")
        verdict = _verdict(found, one.called)
        rows.append((name, one.uri, _bytes(one.size), Code(one.checksum), verdict))
        rows += [(f"{name}, beside it", file, "", Code(sha), "") for file, sha in one.sidecars.items()]
    return table("Inputs", ("input", "file", "bytes", "sha256", "now"), rows) if rows else None


def _files(record: ExperimentRecord, found: Sequence[Check]) -> Table | None:
    rows: list[tuple[Cell, ...]] = []
    for name, one in artifacts_of(record).items():
        digest = one.content_digest.digest if one.content_digest is not None else ""
        path, size = one.path or "not known", _bytes(one.size or None)
        rows.append((name, path, size, Code(one.sha256), Code(digest), _verdict(found, name)))
    head = ("file", "path", "bytes", "sha256", "content digest", "now")
    return table("Files of the result", head, rows) if rows else None


def _bytes(size: int | None) -> str:
    return "" if size is None else f"{size:,}"


def _other_checks(source: Source, found: Sequence[Check]) -> Table | None:
    """Return the checks that are not of a file of the result or of an input: of the record, of signatures."""
    known = {*artifacts_of(source.record), *(one.called for one in source.record.inputs)}
    rows = [
        (one.name, _AS_RECORDED.get(one.verdict, one.verdict), _in_folder(one.note or one.found, source))
        for one in found
        if one.name not in known
    ]
    return table("Other checks", ("of", "verdict", "found"), rows) if rows else None


def _lineage(record: ExperimentRecord) -> dict[str, Any] | None:
    repeated = record.reproduction
    known = facts(
        {
            "Repeats the run": record.reproduces,
            "Compared with its record": Code(repeated.record_digest or "") if repeated else "",
            "Verdict": repeated.verdict if repeated else "",
            "Its input was made by the run": record.derived_from,
        }
    )
    if not known:
        return None
    changed = [] if repeated is None else repeated.changed
    rows = [tuple(value_text(one.get(key)) for key in ("name", "a", "b")) for one in changed]
    differences = table("What differs around the two runs", ("what", "then", "here"), rows) if rows else None
    return {"facts": known, "differences": differences}


def _software(record: ExperimentRecord, run: Described) -> dict[str, object]:
    runtime, code = record.runtime, record.code
    ours = run.dissmodel
    known: dict[str, object] = {
        "Model": _code(code.package or code.module or "", code.version or "", code) if code else "",
        "Digest of the model's code": Code(code.source_digest or "") if code else "",
        "dissmodel": _code("dissmodel", ours.version, runtime.dissmodel if runtime else None),
    }
    if runtime is not None:
        native = [f"{name} {one} ({by})" for by, all_ in runtime.native.items() for name, one in all_.items()]
        threads = "" if runtime.threads is None else f", {count(runtime.threads, 'thread')}"
        known |= {
            "Python": f"{runtime.implementation} {runtime.python}",
            "System": f"{runtime.os or runtime.platform}, {runtime.machine}",
            "Processor": runtime.cpu,
            "Libraries": ", ".join(native),
            "Kernel": f"{runtime.kernel}{threads}" if runtime.kernel else "",
            "Settings that were not obeyed": ", ".join(runtime.ignored_settings),
        }
    memory = record.peak_memory_bytes
    return facts(known | {"Memory at most": "" if memory is None else f"{memory / 1e6:,.0f} MB"})


def _code(name: str, version: str, code: Any) -> str:
    commit = f"commit {code.commit}" if code is not None and code.commit else ""
    changed = "with changes that are in no commit" if code is not None and code.dirty else ""
    return ", ".join(filter(None, [f"{name} {version}".strip(), commit, changed]))


def _packages(record: ExperimentRecord) -> Table | None:
    installed = record.runtime.packages if record.runtime is not None else {}
    rows = [(name, one.version, one.commit or one.url or "") for name, one in installed.items()]
    if not rows:
        return None
    return table("Installed packages", ("package", "version", "from"), rows, most=2000)
