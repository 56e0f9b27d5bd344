"""The records below a folder: which there are, filtered and in order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from dissmodel import markup
from dissmodel.errors import DissmodelError, InvalidInput, did_you_mean
from dissmodel.experiment import columns
from dissmodel.experiment.source import InFolder, interruption
from dissmodel.experiment.verify import Check, verified, verify
from dissmodel.progress import Reporter, Silent
from dissmodel.record import store
from dissmodel.record.plain import plain
from dissmodel.record.scan import Summary, names, same_value, summary_of
from dissmodel.storage.uri import is_remote, parse

if TYPE_CHECKING:
    from pandas import DataFrame

State = Literal["ok", "differs", "missing", "not checked"]

_LONGEST_HINT = 300
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class ListRequest:
    """Which records to list.

    Attributes
    ----------
    folder : str
        They are in it or below: a folder, or ``s3://BUCKET/PREFIX``.
    model, status : str or None
        Only records of this model, or with this status.
    parameters : Mapping
        Only records of runs with these values.
    since : datetime or None
        Only those of runs that began then or later; it knows its time zone.
    sort : str
        ``when``, ``model``, ``status``, ``output``, ``seed``, a metric or a parameter; a ``-`` before it
        reverses the order.
    columns : tuple of str
        The columns to show, as `dissmodel.experiment.columns.value` takes them; empty: the usual ones.
    verify : bool
        Whether to check files and inputs too.
    index : bool
        Whether to read only records that are new or changed since the user's index was brought up to date.
    """

    folder: str
    model: str | None = None
    status: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    since: datetime | None = None
    sort: str = "-when"
    columns: tuple[str, ...] = ()
    verify: bool = False
    index: bool = False


@dataclass(frozen=True)
class Row:
    """A record of the list.

    Attributes
    ----------
    path : Path or str
        Where it is; a text is its URI.
    record : Summary
        What it says.
    output : str or None
        Where its main file is, so far as the record says.
    checks : tuple of Check or None
        What was found of its files; None if nobody asked.
    """

    path: Path | str
    record: Summary
    output: str | None
    checks: tuple[Check, ...] | None = None

    @property
    def state(self) -> State | None:
        """The worst of the checks; None if nobody asked."""
        if self.checks is None:
            return None
        verdicts = {check.verdict for check in self.checks}
        for bad in ("differs", "missing"):
            if bad in verdicts:
                return bad
        return "ok" if "ok" in verdicts and self.record.status == "completed" else "not checked"


@dataclass(frozen=True)
class Listing:
    """The records that were asked for, in order.

    Attributes
    ----------
    rows : tuple of Row
        The records.
    total : int
        How many there are that can be read.
    unreadable : tuple of str
        What can't be, and why.
    hint : str
        What may have been meant, where nothing matches.
    interrupted : tuple of str
        Of each record in the rows whose result a run began to replace: which file is where, what to do.
    columns : tuple of str
        The columns that were asked for.
    """

    rows: tuple[Row, ...]
    total: int
    unreadable: tuple[str, ...]
    hint: str = ""
    interrupted: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[Row]:
        """Yield the rows."""
        return iter(self.rows)

    def __len__(self) -> int:
        """Count the rows."""
        return len(self.rows)

    def table(self) -> DataFrame:
        """Return a row for each record: the columns that were asked for, else all.

        These are those of the list, the metrics and the parameters. A metric or a parameter has its name if
        no other column has it, else ``metrics.NAME`` or ``parameters.NAME``. A record without a value has an
        empty cell (NaN, None or NaT).
        """
        import pandas as pd  # noqa: PLC0415  (it takes long to load)

        names = self.columns or columns.all_of(self.rows)
        values = [[columns.value(row, name) for name in names] for row in self.rows]
        return pd.DataFrame(values, columns=list(names))

    def __repr__(self) -> str:
        """Say how many records there are: the rows have all parameters."""
        return f"Listing({len(self.rows)} of {self.total} records)"

    def _repr_html_(self) -> str:
        def content() -> str:
            names = self.columns or ("when", "model", "status", "given", "output", "id")
            rows = [[columns.value(row, name) for name in names] for row in self.rows]
            told = map(markup.paragraph, (*self.unreadable, *self.interrupted, self.hint))
            return markup.table(names, rows) + "".join(told)

        return markup.cell(content)

    @property
    def differs(self) -> bool:
        """Whether a check found something that differs or is missing."""
        return any(row.state in {"differs", "missing"} for row in self.rows)


def list_records(request: ListRequest, reporter: Reporter | None = None) -> Listing:
    """Read the records below a folder; a file that can't be read is listed as unreadable, and is no failure.

    Raises
    ------
    InvalidInput
        If there is no such folder.
    StorageError
        If the place can't be reached.
    UsageError
        If there is no such order, or no such column.
    """
    order = request.sort.removeprefix("-")
    kept: list[Row] = []
    unreadable: list[str] = []
    records: list[Summary] = []
    for path, record, document in _records(request, reporter or Silent()):
        if isinstance(record, DissmodelError):
            unreadable.append(record.message)
            continue
        records.append(record)
        if _matches(record, request):
            kept.append(Row(path, record, _output(path, record), _checks(path, document, request)))
    columns.checked([order], "--sort", records, columns.SORTED)
    columns.checked(request.columns, "--columns", records)
    # A stable sort: what is equal stays with the newest first.
    kept.sort(key=_when, reverse=True)
    columns.in_order(kept, order, reverse=request.sort.startswith("-"))
    hint = _hint(request, records) if records and not kept else ""
    cut = [row.path for row in kept if row.record.status == "replacing"]
    interrupted = [_interruption(path) for path in cut if isinstance(path, Path)]
    return Listing(tuple(kept), len(records), tuple(unreadable), hint, tuple(interrupted), request.columns)


def _interruption(path: Path) -> str:
    try:
        return interruption(path, store.read(path))
    except DissmodelError as error:  # it was replaced meanwhile, or a summary alone can be read
        return error.message


def _checks(
    path: Path | str, document: dict[str, Any] | None, request: ListRequest
) -> tuple[Check, ...] | None:
    if not request.verify:
        return None
    if isinstance(path, str):
        return verify((path,)).checks
    return tuple(verified(InFolder(path, document)))


def _records(
    request: ListRequest, reporter: Reporter
) -> Iterator[tuple[Path | str, Summary | DissmodelError, dict[str, Any] | None]]:
    """Yield where each record lies, its summary or why it has none, and the document where it was read."""
    folder = request.folder
    if request.index:
        from dissmodel.experiment.ingest import indexed_records  # noqa: PLC0415  (most lists need no database)

        for where, outcome in indexed_records(folder, reporter):
            yield where, outcome, None
        return
    if is_remote(folder):
        from dissmodel.config import load_settings  # noqa: PLC0415  (as above)
        from dissmodel.experiment.placed import placed_records  # noqa: PLC0415  (it loads what speaks to servers)
        from dissmodel.storage.settings import StorageSettings  # noqa: PLC0415  (as above)

        for uri, outcome in placed_records(folder, StorageSettings.of(load_settings()), reporter):
            yield uri, outcome, None
        return
    for one in names(parse(folder).local()):
        if one.error is not None:
            yield one.path, one.error, None
            continue
        try:
            document = store.read_document(one.path)
            summary = summary_of(document, str(one.path))
        except DissmodelError as error:
            yield one.path, error, None
        else:
            yield one.path, summary, document


def _when(row: Row) -> datetime:
    return row.record.created_at or _LONG_AGO


def _matches(record: Summary, request: ListRequest) -> bool:
    return (
        request.model in {None, record.model_name}
        and request.status in {None, record.status}
        and (request.since is None or (record.created_at is not None and record.created_at >= request.since))
        and all(
            name in record.parameters and same_value(record.parameters[name], plain(value))
            for name, value in request.parameters.items()
        )
    )


def _output(path: Path | str, record: Summary) -> str | None:
    """Return where the main file is; what a record of another machine says, as it says it."""
    said = record.main_path
    if said is None or isinstance(path, str):
        return said
    try:
        return str(store.artifact_path(path, said))
    except InvalidInput:
        return said


def _hint(request: ListRequest, records: Iterable[Summary]) -> str:
    """Return a sentence about the first name that no record has; empty if each name is in a record."""
    asked: list[tuple[str, str | None, set[str]]] = [
        ("--model", request.model, {one.model_name for one in records}),
        ("--status", request.status, {one.status for one in records}),
        *(
            ("--param", name, {known for one in records for known in one.parameters})
            for name in request.parameters
        ),
    ]
    for option, name, known in asked:
        if name is not None and name not in known:
            meant = did_you_mean(name, known)
            return f"{option} {name}: no record has it. {meant[:_LONGEST_HINT]}".rstrip()
    return ""
