"""Records below a folder, one at a time, from the files alone."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, ValidationError

from dissmodel.errors import DissmodelError, InvalidInput, StorageError
from dissmodel.record import store
from dissmodel.record.deferred import Deferred
from dissmodel.record.schema import path_of_main

_SCRATCH = ".dissmodel-"
_PUSHED_TO, _PUSHED = "experiments", "record.json"


def _in_utc(time: datetime) -> datetime:
    if time.tzinfo is None:  # the public DisSModel has always noted UTC
        return time.replace(tzinfo=UTC)
    try:
        return time.astimezone(UTC)
    except OverflowError as error:  # in the year 1 or 9999
        raise ValueError(str(error)) from error


def _single_values(metrics: Any) -> dict[str, Any]:
    """Return the metrics that are a number or a text; a foreign record may hold anything there."""
    found = metrics.items() if isinstance(metrics, Mapping) else ()
    return {name: value for name, value in found if isinstance(value, int | float | str)}


class _Part(Deferred):
    model_config = ConfigDict(extra="ignore", frozen=True)


class _File(_Part):
    sha256: str
    path: str = ""


class _Source(_Part):
    uri: str = ""
    checksum: str = ""


class Summary(_Part):
    """The fields of a record that a list needs, named as in `ExperimentRecord`; ``created_at`` in UTC.

    To check the whole of a record takes twice as long as to read it.
    """

    experiment_id: str
    created_at: Annotated[datetime, AfterValidator(_in_utc)] | None = None
    model_name: str = ""
    status: str = "pending"
    parameters: dict[str, Any] = Field(default_factory=dict)
    parameter_origin: dict[str, str] = Field(default_factory=dict)
    seed: Annotated[int | None, BeforeValidator(lambda seed: seed if type(seed) is int else None)] = None
    metrics: Annotated[dict[str, Any], BeforeValidator(_single_values)] = Field(default_factory=dict)
    output_path: str | None = None
    source: _Source = Field(default_factory=_Source)
    artifacts: dict[str, str] = Field(default_factory=dict)
    files: dict[str, _File] = Field(default_factory=dict)
    reproduces: str | None = None
    derived_from: str | None = None

    @property
    def given(self) -> dict[str, Any]:
        """The parameters that someone gave; all of them where the record doesn't say which."""
        return {
            name: value
            for name, value in self.parameters.items()
            if self.parameter_origin.get(name) != "default"
        }

    @property
    def main_path(self) -> str | None:
        """See `dissmodel.record.ExperimentRecord.main_path`."""
        main = self.files.get("output")
        return path_of_main(self.experiment_id, self.output_path, main.path if main is not None else "")

    @property
    def digests(self) -> frozenset[str]:
        """The sha256 of every file that the run made."""
        return frozenset([*self.artifacts.values(), *(file.sha256 for file in self.files.values())])


@dataclass(frozen=True)
class FoundRecord:
    """A record's file, or a folder that can't be looked into: what it says, or why that can't be read."""

    path: Path
    record: Summary | None = None
    error: DissmodelError | None = None


def scan(folder: Path, *, below: bool = True) -> Iterator[FoundRecord]:
    """Yield what the records in a folder say; parameters and errors as for `names`."""
    return (summarise(one.path) if one.error is None else one for one in names(folder, below=below))


def names(folder: Path, *, below: bool = True) -> Iterator[FoundRecord]:
    """Yield the records in a folder, unread, in the order of their names; then those of the folders in it.

    Every file named ``*.record.json`` is one, and ``experiments/<id>/record.json``, as a push leaves it.
    ``experiment_record.json``, the copy of the latest, is not. Folders that are links are not followed, and
    those of runs under way not entered.

    Raises
    ------
    InvalidInput
        If there is no such folder. One further down that can't be looked into is yielded with its ``error``.
    """
    if not os.path.isdir(folder):  # noqa: PTH112  (Path.is_dir raises for a name that is too long)
        what = "this is not a folder" if os.path.lexists(folder) else "there is no such folder"
        raise InvalidInput(f"{folder}: {what}.", "Give the folder of the records.", code="no_folder")
    return _names(str(folder), below=below)


def _names(folder: str, *, below: bool) -> Iterator[FoundRecord]:
    todo = [folder]
    while todo:  # os.walk calls itself for each level, and folders may be nested deeper than Python allows
        place = todo.pop()
        try:
            with os.scandir(place) as entries:
                there = sorted((entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries)
        except OSError as error:
            why = f"{place}: can't be looked into: {error.strerror or error}."
            yield FoundRecord(Path(place), error=StorageError(why, "Check the rights of the folder."))
            continue
        is_pushed = Path(place).absolute().parent.name == _PUSHED_TO
        for name, is_folder in there:
            if (name.endswith(store.SUFFIX) or (is_pushed and name == _PUSHED)) and not is_folder:
                yield FoundRecord(Path(place, name))
        folders = [name for name, is_folder in there if is_folder and not name.startswith(_SCRATCH)]
        todo += [os.path.join(place, name) for name in reversed(folders) if below]  # noqa: PTH118  (a text)


def summarise(path: Path) -> FoundRecord:
    """Return what the record in a file says, or why it can't be read."""
    try:
        return FoundRecord(path, summary_of(store.read_document(path), str(path)))
    except DissmodelError as error:
        return FoundRecord(path, error=error)


def summary_of(document: Mapping[str, Any], shown: str) -> Summary:
    """Return what a record's document says; its metrics and what was measured after the last step are one.

    Raises InvalidInput if a field has a value that the schema doesn't allow; `shown` is what the error calls
    the record.
    """
    try:
        return Summary.model_validate({**document, "metrics": _measured(document)})
    except ValidationError as error:
        raise store.misfit(shown, error) from error


def _measured(document: Mapping[str, Any]) -> dict[str, Any]:
    steps, metrics = (document.get(name) for name in ("step_metrics", "metrics"))
    rows = steps.items() if isinstance(steps, dict) else ()
    last = {name: row[-1] for name, row in rows if isinstance(row, list) and row and name != "step"}
    return last | (metrics if isinstance(metrics, dict) else {})


def same_value(recorded: Any, given: Any) -> bool:
    """Say whether two values are the same parameter: 1 is 1.0, but not true."""
    return isinstance(recorded, bool) is isinstance(given, bool) and bool(recorded == given)
