"""What differs between two runs, as their records tell it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dissmodel import markup
from dissmodel.errors import DissmodelError
from dissmodel.experiment.recorded_input import local_input
from dissmodel.experiment.source import InFolder, Source, open_source
from dissmodel.record import MAIN, Artifact, ExperimentRecord
from dissmodel.record.diff import CodeDifference, Difference, runtime_differences
from dissmodel.record.plain import as_text, plain
from dissmodel.registry.spec import plain_spec

# What a run was given explains what it made, never the other way round.
_MADE = ("grid", "metrics", "result")
# Where the command found and left things, and how it was to talk.
_PLACES = frozenset({"--input", "-i", "--output", "-o"})
_MANNERS = frozenset({"--debug", "--json", "--overwrite", "--quiet", "-q", "--verbose", "-v"})


@dataclass(frozen=True)
class Section:
    """What differs in one part of two records."""

    name: str
    differences: tuple[Difference, ...]


@dataclass(frozen=True)
class RecordDiff:
    """What differs between two runs.

    Attributes
    ----------
    a, b : pathlib.Path or str
        The records; a text is the URL of a remote file, without credentials.
    sections : tuple of Section
        Those in which something differs. What was given (parameters, names, settings, input, code, runtime)
        comes before what was made (grid, metrics, result); of the former the one that could change a bit of
        the result and says it in the fewest lines comes first.
    hints : tuple of str
        What to type to see more.
    """

    a: Path | str
    b: Path | str
    sections: tuple[Section, ...]
    hints: tuple[str, ...] = ()

    @property
    def same(self) -> bool:
        """Whether nothing differs except identity, time, memory and paths."""
        return not self.sections

    def _repr_html_(self) -> str:
        def content() -> str:
            rows = [
                (section.name, one.what, one.recorded, one.now)
                for section in self.sections
                for one in section.differences
            ]
            if not rows:
                return markup.paragraph("The same run except for identity, times and paths.")
            return markup.table(("part", "what", str(self.a), str(self.b)), rows)

        return markup.cell(content)


def diff(a: Path | str, b: Path | str) -> RecordDiff:
    """Return what differs between the runs of two records; no file but the records is read.

    Raises
    ------
    InvalidInput, StorageError
        If one of them is not a record or can't be read.
    """
    with open_source(a) as old, open_source(b) as new:
        found = sections(old.record, new.record)
        return RecordDiff(old.given, new.given, found, tuple(_hints(old, new)))


def sections(old: ExperimentRecord, new: ExperimentRecord) -> tuple[Section, ...]:
    """Return the parts in which two records differ; left out are identity, times, memory, places and logs.

    Nothing is listed twice: not the sha256 of a file whose bands are listed, not the default in a spec
    behind a listed parameter, and the words of the command only where nothing else differs.

    Examples
    --------
    >>> old, new = (ExperimentRecord(parameters={"end_time": steps}) for steps in (3, 5))
    >>> for section in sections(old, new):
    ...     print(section.name, [f"{one.what}: {one.recorded} -> {one.now}" for one in section.differences])
    parameters ['end_time: 3 -> 5']
    """
    around = runtime_differences(old, new)
    code = [*_model(old, new), *(one for one in around if isinstance(one, CodeDifference))]
    parameters = list(_parameters(old, new))
    names = list(_names(old, new))
    told = {one.what for one in parameters} | {one.what.partition(" ")[2] for one in names}
    given = {
        "parameters": parameters,
        "names": names,
        "settings": [*_settings(old, new), *_spec(old, new, told)],
        "input": list(_input(old, new)),
        "code": code,
        "runtime": [one for one in around if not isinstance(one, CodeDifference)],
    }
    grid = list(_grid(old, new))
    made = (grid, list(_metrics(old, new)), list(_result(old, new, grid_told=bool(grid))))
    found = [Section(name, tuple(rows)) for name, rows in given.items() if rows]
    found.sort(key=lambda one: (not any(row.matters for row in one.differences), len(one.differences)))
    found += [Section(name, tuple(rows)) for name, rows in zip(_MADE, made, strict=True) if rows]
    others = [*_items("", _extra(old), _extra(new))]
    if not found and not others and old.command and new.command:  # a Python call has none
        others = list(_value("command", _words(old.command), _words(new.command), matters=False))
    return (*found, Section("other", tuple(others))) if others else tuple(found)


def _model(old: ExperimentRecord, new: ExperimentRecord) -> Iterator[Difference]:
    yield from _value("model", old.model_name, new.model_name)
    if old.code is None and new.code is None:
        yield from _value("model commit", old.model_commit or None, new.model_commit or None)


def _parameters(old: ExperimentRecord, new: ExperimentRecord) -> Iterator[Difference]:
    for name in _union(old.parameters, new.parameters):
        a, b = _text(old.parameters.get(name, _ABSENT)), _text(new.parameters.get(name, _ABSENT))
        origins = (old.parameter_origin.get(name), new.parameter_origin.get(name))
        # A record that says no origins is an old one, not another run.
        if a != b or (None not in origins and origins[0] != origins[1]):
            yield Difference(name, _from(a, origins[0]), _from(b, origins[1]), matters=a != b)


def _names(old: ExperimentRecord, new: ExperimentRecord) -> Iterator[Difference]:
    yield from _items("band ", old.band_map, new.band_map)
    yield from _items("column ", old.column_map, new.column_map)
    yield from _items("class map ", old.class_map, new.class_map)


def _settings(old: ExperimentRecord, new: ExperimentRecord) -> Iterator[Difference]:
    yield from _value("seed", old.seed, new.seed)
    yield from _value("period", old.period, new.period)
    yield from _value("input format", old.input_format, new.input_format)
    if _threads(old) == _threads(new):  # else the threads themselves are told
        yield from _value("thread limit", old.thread_limit, new.thread_limit)


def _spec(old: ExperimentRecord, new: ExperimentRecord, told: Iterable[str]) -> Iterator[Difference]:
    known = set(told)
    for one in _items("", _own_spec(old), _own_spec(new)):
        if one.what.rpartition(".")[2] not in known:
            yield Difference(f"spec {one.what}", one.recorded, one.now, matters=True)


def _own_spec(record: ExperimentRecord) -> dict[str, Any]:
    """Return what the spec alone says; the rest is in other fields, and older records have no spec of it."""
    maps = record.band_map, record.column_map
    said = _flat(plain_spec(record.model_name, record.parameters, *maps, class_map=record.class_map))
    found = _flat(record.resolved_spec).items()
    return {name: value for name, value in found if _text(said.get(name, _ABSENT)) != _text(value)}


def _input(old: ExperimentRecord, new: ExperimentRecord) -> Iterator[Difference]:
    a, b = old.source, new.source
    yield from _value("sha256", a.checksum or None, b.checksum or None)
    if not (a.checksum and b.checksum):
        yield from _value("type", a.type, b.type)
        yield from _value("size", a.size, b.size)
    for name in ("collection", "version", "layer"):
        yield from _value(name, getattr(a, name) or None, getattr(b, name) or None)
    yield from _items("sha256 of ", a.sidecars, b.sidecars)
    yield from _items("sha256 of ", *({one.name: one.checksum for one in run.sources} for run in (old, new)))


def _grid(old: ExperimentRecord, new: ExperimentRecord) -> Iterator[Difference]:
    if old.grid is None or new.grid is None:
        shapes = (None if one is None else one.shape for one in (old.grid, new.grid))
        yield from _value("shape", *shapes)
        return
    for name in ("shape", "transform", "crs", "cells"):
        yield from _value(name, getattr(old.grid, name), getattr(new.grid, name))


def _metrics(old: ExperimentRecord, new: ExperimentRecord) -> Iterator[Difference]:
    measured = (
        {name: value for name, value in _flat(one.metrics).items() if not name.startswith("time_")}
        for one in (old, new)
    )
    yield from _items("", *measured)
    a, b = old.step_metrics, new.step_metrics
    yield from _value("steps", _longest(a), _longest(b))
    for name in sorted(a.keys() ^ b.keys()) if a and b else ():
        yield from _value(f"{name}, steps", *(len(one[name]) if name in one else None for one in (a, b)))
    parted: list[tuple[int, Difference]] = []
    for name in sorted(a.keys() & b.keys()):
        pairs = enumerate(zip(a[name], b[name], strict=False))
        first = next((at for at, (one, other) in pairs if _text(one) != _text(other)), None)
        if first is not None:
            what = f"{name}, from step {_step(old, first)}"
            parted += [(first, one) for one in _value(what, a[name][first], b[name][first])]
    yield from (one for _, one in sorted(parted, key=lambda pair: pair[0]))


def _result(old: ExperimentRecord, new: ExperimentRecord, *, grid_told: bool) -> Iterator[Difference]:
    yield from _value("status", old.status, new.status)
    errors = (f"{one.error.type} in {one.error.phase}" if one.error else None for one in (old, new))
    yield from _value("error", *errors)
    for name in _union([*old.artifacts, *old.files], [*new.artifacts, *new.files]):
        a, b = old.files.get(name), new.files.get(name)
        if a is None or b is None:
            yield from _value(f"{name}, sha256", *(_sha256(one, name) for one in (old, new)))
        elif a.sha256 != b.sha256:
            yield from _artifact(name, a, b, grid_told=grid_told)
    notes = [[f"{one.severity}: {one.subject} {one.message}" for one in each.findings] for each in (old, new)]
    yield from (Difference("finding", text, None, matters=True) for text in notes[0] if text not in notes[1])
    yield from (Difference("finding", None, text, matters=True) for text in notes[1] if text not in notes[0])


def _sha256(record: ExperimentRecord, name: str) -> str | None:
    """Return the sha256 of a file, which the public DisSModel notes in one of the two places only."""
    file = record.files.get(name)
    return file.sha256 if file is not None else record.artifacts.get(name)


def _artifact(name: str, a: Artifact, b: Artifact, *, grid_told: bool) -> Iterator[Difference]:
    said_by, said = a.content_digest, b.content_digest
    other_format = list(_value(f"{name}, format", _format(a), _format(b)))
    yield from other_format
    if said_by is None or said is None or (said_by.version, said_by.kind) != (said.version, said.kind):
        if not other_format:
            yield from _value(f"{name}, sha256", a.sha256, b.sha256)
    elif said_by.digest != said.digest:
        what = "band" if said.kind == "raster" else "column"
        parts = [*_items(f"{name}, {what} ", said_by.parts, said.parts)]
        if not grid_told or not parts:
            parts += _value(
                f"{name}, {'grid' if said.kind == 'raster' else 'features'}", said_by.grid, said.grid
            )
        yield from parts or _value(f"{name}, content", said_by.digest, said.digest)
    elif not other_format:
        yield Difference(f"{name}, sha256 (equal content)", a.sha256, b.sha256, matters=True)


def _hints(old: Source, new: Source) -> Iterator[str]:
    if not (isinstance(old, InFolder) and isinstance(new, InFolder)):  # only their files are there to compare
        return
    a, b = old.record, new.record
    pairs = {"input": (_input_file(old), _input_file(new)), "output": (_output(old), _output(new))}
    differ = {"input": a.source.checksum != b.source.checksum, "output": a.output_sha256 != b.output_sha256}
    for name, (one, other) in pairs.items():
        if one is not None and other is not None and one != other and differ[name]:
            yield f'Where the {name} differs: dissmodel compare "{one}" "{other}"'


def _input_file(source: Source) -> Path | None:
    return _present(local_input(source.path, source.record.source.uri))


def _output(source: Source) -> Path | None:
    main = source.record.files.get(MAIN)
    try:
        return _present(source.located(main)) if main is not None else None
    except DissmodelError:
        return None


def _present(path: Path | None) -> Path | None:
    try:
        return path if path is not None and path.is_file() else None
    except (OSError, ValueError):  # a name that no file can have
        return None


_ABSENT = object()


def _items(prefix: str, a: Mapping[str, Any], b: Mapping[str, Any]) -> Iterator[Difference]:
    for name in _union(a, b):
        yield from _value(f"{prefix}{name}", a.get(name, _ABSENT), b.get(name, _ABSENT))


def _value(what: str, a: Any, b: Any, *, matters: bool = True) -> Iterator[Difference]:
    recorded, now = (None if one is None else _text(one) for one in (a, b))
    if recorded != now:
        yield Difference(what, recorded, now, matters)


def _text(value: Any) -> str | None:
    """Return a value as JSON writes it, a text as it is; 1 and 1.0 are two."""
    return None if value is _ABSENT else as_text(plain(value))


def _from(value: str | None, origin: str | None) -> str | None:
    return f"{value} ({origin})" if value is not None and origin else value


def _union(a: Iterable[str], b: Iterable[str]) -> Iterable[str]:
    return dict.fromkeys([*a, *b])


def _flat(value: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, item in value.items():
        inside = isinstance(item, Mapping) and item
        found |= _flat(item, f"{prefix}{name}.") if inside else {f"{prefix}{name}": item}
    return found


def _step(record: ExperimentRecord, at: int) -> float:
    """Return the number of a step as the model counts; from 1 where it does not say."""
    counted = record.step_metrics.get("step", [])
    return counted[at] if at < len(counted) else at + 1


def _threads(record: ExperimentRecord) -> int | None:
    return record.runtime.threads if record.runtime is not None else None


def _extra(record: ExperimentRecord) -> dict[str, Any]:
    """Return the fields that no other part tells, such as those of a newer version."""
    return {name: value for name, value in (record.model_extra or {}).items() if value is not None}


def _longest(series: Mapping[str, list[float | int]]) -> int | None:
    return max(map(len, series.values()), default=None)


def _format(artifact: Artifact) -> str:
    return artifact.media_type or Path(artifact.path).suffix


def _words(command: list[str]) -> list[str]:
    """Return the words of a command that say what it did."""
    kept = [word for word, before in zip(command[1:], command, strict=False) if before not in _PLACES]
    return [word for word in kept if word not in _PLACES | _MANNERS and word.partition("=")[0] not in _PLACES]
