"""Which of the given values a model read: parameters, and names of bands and columns."""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterable, Iterator, KeysView, Mapping
from dataclasses import dataclass
from typing import Any, Self

from dissmodel.errors import did_you_mean, near_names
from dissmodel.record import ExperimentRecord
from dissmodel.record.redact import is_secret_name

_SHOWN = 80
_MOST_ABSENT = 1000
_EXPLAINS = "dissmodel: "
# What Python and NumPy say where a text stands in place of a number.
_OF_A_TEXT = re.compile(r"\bstr\b|<U\d|sequence by non-int|slice indices")


class _LikeDict(type):
    """The type of `Watched`: libraries such as PyYAML choose what they do with a value by its type alone."""

    def __eq__(cls, other: object) -> bool:
        return other is dict or other is cls

    def __hash__(cls) -> int:
        return hash(dict)


class Watched(dict[str, Any], metaclass=_LikeDict):
    """A dictionary that notes which of its keys somebody read; copies of it are plain ones.

    Iterating over the dictionary reads every key.

    Attributes
    ----------
    unread : dict
        The first keys that were never read, in order; their values have no meaning.
    absent : dict
        Keys that were read but do not exist.

    Examples
    --------
    >>> given = Watched({"end_tme": 10, "rate": 0.5})
    >>> given.get("end_time", 88), given["rate"]
    (88, 0.5)
    >>> list(given.unread), list(given.absent)
    (['end_tme'], ['end_time'])
    """

    def __init__(self, given: Mapping[str, Any]) -> None:
        super().__init__(given)
        self.unread: dict[Any, None] = dict.fromkeys(given)
        self.absent: dict[Any, None] = {}

    def _one(self, key: Any) -> None:
        self.unread.pop(key, None)
        if not super().__contains__(key) and len(self.absent) < _MOST_ABSENT:
            self.absent[key] = None

    def _all(self) -> Self:
        self.unread.clear()
        return self

    def __getitem__(self, key: Any) -> Any:
        self._one(key)
        return super().__getitem__(key)

    def __contains__(self, key: object) -> bool:
        self._one(key)
        return super().__contains__(key)

    def __delitem__(self, key: Any) -> None:
        self._one(key)
        super().__delitem__(key)

    def get(self, key: Any, default: Any = None) -> Any:
        """Note one key."""
        self._one(key)
        return super().get(key, default)

    def pop(self, key: Any, *default: Any) -> Any:
        """Note one key."""
        self._one(key)
        return super().pop(key, *default)

    def setdefault(self, key: Any, default: Any = None) -> Any:
        """Note one key."""
        self._one(key)
        return super().setdefault(key, default)

    def keys(self) -> Any:
        """Return a view; who asks it for one key reads that one."""
        return KeysView(self)

    def __iter__(self) -> Iterator[str]:
        self._all()
        return super().__iter__()

    def __reversed__(self) -> Iterator[str]:
        self._all()
        return super().__reversed__()

    def items(self) -> Any:
        """Note all."""
        self._all()
        return super().items()

    def values(self) -> Any:
        """Note all."""
        self._all()
        return super().values()

    def popitem(self) -> tuple[str, Any]:
        """Note all."""
        self._all()
        return super().popitem()

    def copy(self) -> dict[str, Any]:
        """Return a plain dictionary."""
        return dict(self)

    def __or__(self, other: Any) -> Any:
        return dict(self) | other

    def __ror__(self, other: Any) -> Any:
        return other | dict(self)

    def __reduce_ex__(self, _protocol: Any) -> tuple[Any, ...]:
        return dict, (list(self.items()),)


@dataclass(frozen=True)
class Given:
    """What a model was given by name; its dictionaries note what is read of them.

    The dictionaries are those of the record; `origin` is where each parameter is from.
    """

    parameters: Watched
    band_map: Watched
    column_map: Watched
    class_map: Watched
    spec: Watched
    origin: Mapping[str, str]

    @classmethod
    def in_record(cls, record: ExperimentRecord) -> Given:
        """Let the dictionaries of a record be watched ones."""
        record.parameters, record.band_map = Watched(record.parameters), Watched(record.band_map)
        record.column_map, record.class_map = Watched(record.column_map), Watched(record.class_map)
        record.resolved_spec = Watched(record.resolved_spec)
        origin = dict(record.parameter_origin)
        maps = record.band_map, record.column_map, record.class_map
        return cls(record.parameters, *maps, record.resolved_spec, origin)

    def never_read(self, *, declared: bool) -> Iterator[str]:
        """Yield sentences about what nobody read; parameters that a model declares were checked before."""
        # What a TOML says, a model may also read there.
        in_spec = len(self.spec.unread) < len(self.spec)
        names = [name for name in self.parameters.unread if not (in_spec and self.origin.get(name) == "spec")]
        if not declared:
            yield from _sentence(f"the parameter{'s' * (len(names) > 1)} ", names, self.parameters.absent)
        for option, given in (
            ("--band-map", self.band_map),
            ("--column-map", self.column_map),
            ("--class-map", self.class_map),
        ):
            yield from _sentence(f"from {option}: ", list(given.unread), given.absent)

    def explain(self, error: BaseException) -> None:
        """Add a note to an error that may come from a parameter that is a text, or has a wrong name.

        It is the parameter that the failing code had at hand; where that can't be seen, all texts that were
        read.
        """
        if isinstance(error, KeyError):
            for name in self._meant(error):
                error.add_note(f"{_EXPLAINS}the parameter {_name(name)} was given but not read")
            return
        said = text_of(error)
        texts = {
            name: value
            for name, value in dict.items(self.parameters)
            if isinstance(value, str) and name not in self.parameters.unread
        }
        if isinstance(error, ValueError):
            texts = {name: value for name, value in texts.items() if value and repr(value) in said}
        elif isinstance(error, TypeError) and _OF_A_TEXT.search(said):
            texts = {name: texts[name] for name in _at_hand(error, texts)} or texts
        else:
            return
        for name, value in texts.items():
            shown = "" if is_secret_name(name) else f" {_short(repr(value))}"
            origin = self.origin.get(name, "origin not known")
            error.add_note(f"{_EXPLAINS}the parameter {_name(name)} is the text{shown} ({origin})")

    def _meant(self, error: KeyError) -> Iterator[str]:
        """Yield the unread parameters whose names are near the one that was asked for and is not there."""
        asked = error.args[0] if error.args else None
        if isinstance(asked, str) and asked in self.parameters.absent:
            for name in self.parameters.unread:
                if near_names(name, [asked]):
                    yield name


def text_of(error: BaseException) -> str:
    """Return the text of an error of any class."""
    try:
        return str.__str__(str(error))  # a plain text, whatever class of text it is
    except Exception as failed:  # noqa: BLE001  (a foreign class's own method)
        return f"its text can't be made: {type(failed).__name__}"


def explanations(error: BaseException) -> list[str]:
    """Return what `Given.explain` found out about an error."""
    notes = getattr(error, "__notes__", ())
    return [note.removeprefix(_EXPLAINS) for note in notes if note.startswith(_EXPLAINS)]


def explain_as(error: BaseException, texts: Iterable[str]) -> None:
    """Let an error have the `explanations` of another one."""
    for text in texts:
        error.add_note(_EXPLAINS + text)


def _sentence(what: str, names: list[str], asked: Iterable[Any]) -> Iterator[str]:
    if not names:
        return
    texts = [one for one in asked if isinstance(one, str)]
    hints = [did_you_mean(name, texts) for name in names if near_names(name, texts)]
    listed = ", ".join(map(_name, names))
    yield " ".join([f"The model never read {what}{listed}.", *hints])


def _at_hand(error: BaseException, texts: Mapping[str, str]) -> list[str]:
    """Return which texts the innermost frame had in a variable, or an object there as an attribute."""
    for frame, _ in reversed(list(traceback.walk_tb(error.__traceback__))):
        near: set[int] = set()
        for value in frame.f_locals.values():
            near.add(id(value))
            if isinstance(inner := getattr(value, "__dict__", None), dict):
                near.update(map(id, inner.values()))
        found = [name for name, text in texts.items() if id(text) in near]
        if found:
            return found
    return []


def _name(name: str) -> str:
    return _short(name if name.isidentifier() else repr(name))


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
