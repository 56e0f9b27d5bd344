"""The table of a sweep: a row for each row of the plan, as CSV and, where pyarrow is, as Parquet."""

from __future__ import annotations

import contextlib
import csv
import io
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TextIO

from dissmodel import temporary
from dissmodel.errors import disk_errors
from dissmodel.sweeping.folder import (
    AFTER_METRICS,
    BEFORE_METRICS,
    PENDING,
    SweepFolder,
    column_of_metric,
    column_of_varied,
    relative_output,
)
from dissmodel.sweeping.runs import GO_ON, EndedRun, PlannedRun


def write_table(
    folder: SweepFolder,
    names: Iterable[str],
    metrics: Iterable[str],
    rows: Iterable[tuple[PlannedRun, EndedRun | None]],
) -> None:
    """Write the table, each file whole or not at all.

    `names` are those that the plan varies, `metrics` those that any run has.

    Raises
    ------
    StorageError
        If it can't be written.
    """
    varied = {name: column_of_varied(name) for name in names}
    before = ("run", "key", *varied.values(), *BEFORE_METRICS)
    others = {*before, *AFTER_METRICS}
    columns = {name: column_of_metric(name, others) for name in metrics}
    with _replacing(folder.table_path) as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow((*before, *columns.values(), *AFTER_METRICS))
        for planned, ended in rows:
            given = {f"input.{name}".rstrip("."): one for name, one in planned.inputs.items()}
            given |= planned.values
            values = [given.get(name) for name in varied]
            writer.writerow(map(_cell, (*_before(planned, ended, values), *_after(ended, columns))))
    parquet = folder.table_path.with_suffix(".parquet")
    with disk_errors(f"{parquet}: can't be written", GO_ON):
        if not _write_parquet(folder.table_path, parquet):
            parquet.unlink(missing_ok=True)  # it would be of an earlier table


def _before(planned: PlannedRun, ended: EndedRun | None, varied: list[Any]) -> Iterator[Any]:
    seed = planned.seed if ended is None or ended.seed is None else ended.seed
    key, status = (planned.key, PENDING) if ended is None else (ended.key, ended.status)
    yield from (planned.number, key, *varied, planned.replicate, seed, status)


def _after(ended: EndedRun | None, columns: Iterable[str]) -> Iterator[Any]:
    if ended is None:
        yield from (None for _ in (*columns, *AFTER_METRICS))
        return
    yield from (ended.metrics.get(name) for name in columns)
    for name in AFTER_METRICS:
        value = getattr(ended, name)
        yield relative_output(ended.key, value) if name == "output" else value


def _cell(value: Any) -> Any:
    """Return a value as a cell of the CSV has it."""
    if isinstance(value, list | tuple | dict):
        value = json.dumps(value, ensure_ascii=False)
    if isinstance(value, str):
        return value.replace("\r\n", "\n").replace("\r", "\n")
    return value


@contextlib.contextmanager
def _replacing(path: Path) -> Iterator[TextIO]:
    with disk_errors(f"{path}: can't be written", GO_ON), temporary.new_file(path.parent) as stream:
        text = io.TextIOWrapper(stream, encoding="utf-8", errors="backslashreplace", newline="")
        yield text
        text.flush()
        temporary.replace(stream, path)
        text.detach()


def _write_parquet(table: Path, path: Path) -> bool:
    """Write the table as Parquet; return whether pyarrow is there to do so."""
    try:
        import pyarrow as pa  # noqa: PLC0415  (an extra)
        from pyarrow import csv as reader  # noqa: PLC0415  (as above)
        from pyarrow import parquet  # noqa: PLC0415  (as above)
    except ImportError:
        return False
    texts = ("key", "status", "output", "sha256", "content_digest", "record_digest", "error", "worker")
    options = reader.ConvertOptions(column_types=dict.fromkeys(texts, pa.string()))
    whole = reader.read_csv(
        table, convert_options=options, parse_options=reader.ParseOptions(newlines_in_values=True)
    )
    with temporary.new_file(path.parent) as stream:
        parquet.write_table(whole, stream)
        temporary.replace(stream, path)
    return True
