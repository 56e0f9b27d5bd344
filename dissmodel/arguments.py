"""The arguments of a Python call, checked: an error names the argument, what was given and what to give."""

from __future__ import annotations

import operator
import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time
from pathlib import Path
from typing import SupportsIndex, TypeAlias, TypeVar

from dissmodel.consent import Consent
from dissmodel.errors import WrongType, WrongValue, did_you_mean

StrPath: TypeAlias = str | os.PathLike[str]
T = TypeVar("T")

_A_PATH = "Give a str or a pathlib.Path; a URL as str."
_LONGEST = 200
_PAIR = 2
_UNITS = {"mb": 10**6, "gb": 10**9, "tb": 10**12, "mib": 2**20, "gib": 2**30, "tib": 2**40}
_MEMORY = re.compile(r"(\d{1,12}(?:\.\d{1,12})?) ?([MGT]i?B)", re.IGNORECASE | re.ASCII)


def text(given: object, name: str) -> str:
    """Return a path or URL as text."""
    found = os.fspath(given) if isinstance(given, str | os.PathLike) else None
    if not isinstance(found, str):
        raise _wrong(given, name, "not a path", _A_PATH)
    return found


def optional_text(given: object, name: str) -> str | None:
    """Return a path or URL as text, or None."""
    return None if given is None else text(given, name)


def optional_path(given: object, name: str) -> Path | None:
    """Return a path, or None."""
    return None if given is None else Path(text(given, name))


def paths(given: object, name: str) -> tuple[Path, ...]:
    """Return several paths; a single path is an error, not its letters."""
    if isinstance(given, str | os.PathLike):
        raise _wrong(given, name, "one path", f"Give a list: {name}=[{str(given)!r}]")
    return tuple(Path(text(one, name)) for one in _several(given, name, _A_PATH))


def texts(given: object, name: str) -> tuple[str, ...]:
    """Return one or several paths or URLs as texts."""
    single = isinstance(given, str | os.PathLike)
    return tuple(text(one, name) for one in ([given] if single else _several(given, name, _A_PATH)))


def word(given: object, name: str, example: str) -> str:
    """Return a text that is no path; `example` is what may be given."""
    if not isinstance(given, str):
        raise _wrong(given, name, "not a text", f"{name}={example!r}")
    return given


def optional_word(given: object, name: str, example: str) -> str | None:
    """Return a text that is no path, or None."""
    return None if given is None else word(given, name, example)


def words(given: object, name: str, example: str) -> tuple[str, ...]:
    """Return one or several texts that are no paths."""
    several = [given] if isinstance(given, str) else _several(given, name, f"{name}={example!r}")
    return tuple(word(one, name, example) for one in several)


def choice(given: T, name: str, known: Sequence[T]) -> T:
    """Return one of the known values."""
    if not isinstance(given, str) or given not in known:
        hint = did_you_mean(str(given), map(str, known))
        raise WrongValue(f"{name}={_shown(given)}: this is not a valid choice.", hint)
    return given


def flag(given: object, name: str) -> bool:
    """Return True or False; a text such as "no" is neither."""
    found = _of_python(given)
    if not isinstance(found, bool):
        raise _wrong(given, name, "neither True nor False", f"{name}=True")
    return found


def optional_flag(given: object, name: str) -> bool | None:
    """Return True, False or None."""
    return None if given is None else flag(given, name)


def whole_number(given: object, name: str, least: int = 0) -> int | None:
    """Return a whole number of `least` or more, or None."""
    if given is None:
        return None
    found = _of_python(given)
    if isinstance(found, bool) or not isinstance(found, SupportsIndex):
        raise _wrong(given, name, "not a whole number", f"{name}=1")
    whole = operator.index(found)
    if whole < least:
        raise WrongValue(f"{name}={_shown(given)}: it is a whole number of {least} or more.", f"{name}=1")
    return whole


def memory(given: object, name: str) -> int | None:
    """Return a number of bytes, such as 2_000_000_000 or "2GB", or None.

    >>> memory("2GB", "memory"), memory("1.5 GiB", "memory"), memory("60MB", "memory")
    (2000000000, 1610612736, 60000000)
    """
    if not isinstance(given, str):
        return whole_number(given, name, least=1)
    found = _MEMORY.fullmatch(given.strip())
    if found is None:
        raise WrongValue(f"{name}={_shown(given)}: this is no size of a memory.", f'{name}="2GB"')
    return max(1, int(float(found[1]) * _UNITS[found[2].casefold()]))


def number(given: object, name: str) -> float | None:
    """Return a number, or None."""
    if given is None:
        return None
    found = _of_python(given)
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise _wrong(given, name, "not a number", f"{name}=1e-9")
    return found


def moment(given: object, name: str) -> datetime | None:
    """Return a time with its zone, or None; a time without a zone is local."""
    if given is None:
        return None
    example = f"{name}=datetime.datetime(2026, 1, 31)"
    if not isinstance(given, datetime):
        raise _wrong(given, name, "not a datetime.datetime", example)
    try:
        return given if given.tzinfo is not None else given.astimezone()
    except (OverflowError, ValueError, OSError):
        raise WrongValue(f"{name}={given!r}: it is too far from today.", example) from None


def optional_consent(given: object) -> Consent | None:
    """Return what the user consents to, or None."""
    if not (given is None or isinstance(given, Consent)):
        raise _wrong(given, "consent", "not a dissmodel.Consent", "consent=dissmodel.Consent(yes=True)")
    return given


def inputs(given: object, name: str) -> list[tuple[str, str]]:
    """Return the name of each dataset, empty without one, and its path or URL."""
    if isinstance(given, Mapping):
        return list(named_files(given, name).items())
    if isinstance(given, str | os.PathLike):
        raise _wrong(given, name, "one path", f"Give a list: {name}=[{str(given)!r}]")
    found = []
    for one in _several(given, name, f'{name}={{"alt": "dem.tif"}}'):
        pair = one if isinstance(one, tuple) and len(one) == _PAIR else ("", one)
        found.append((word(pair[0], name, "alt"), text(pair[1], name)))
    return found


def named_files(given: object, name: str) -> dict[str, str]:
    """Return paths or URLs by name."""
    found = _mapping(given, name, '{"demand": "demand.csv"}')
    return {each: text(one, f"{name}[{each!r}]") for each, one in found.items()}


def tls_files(given: object, name: str) -> dict[str, str]:
    """Return the certificate files of a cluster by the settings that they take the place of."""
    found = named_files(given, name) if given is not None else {}
    known = ("ca", "cert", "key")
    return {f"cluster.tls_{choice(one, name, known)}": os.path.abspath(path) for one, path in found.items()}  # noqa: PTH100  (resolve would follow links)


def column_map(given: object) -> dict[str, str]:
    """Return the names of columns by the model's names."""
    example = '{"uso": "LandUse"}'
    given = _mapping(given, "column_map", example)
    return {name: word(one, f"column_map[{name!r}]", "LandUse") for name, one in given.items()}


def band_map(given: object) -> dict[str, str]:
    """Return the names or numbers of bands by the model's names, each as text."""
    found = {}
    for name, one in _mapping(given, "band_map", '{"uso": 1}').items():
        band = _of_python(one)
        if isinstance(band, bool) or not isinstance(band, str | int):
            wanted = "neither a band's name nor its number"
            raise _wrong(one, f"band_map[{name!r}]", wanted, 'band_map={"uso": 1}')
        found[name] = str(band)
    return found


def class_map(given: object) -> dict[str, object]:
    """Return the class maps by field: names of tables, paths, or tables with codes as text."""
    found: dict[str, object] = {}
    for name, one in _mapping(given, "class_map", '{"uso": "mapbiomas"}').items():
        place = f"class_map[{name!r}]"
        if isinstance(one, Mapping):
            found[name] = {str(old): _value(new, f"{place}[{old!r}]") for old, new in one.items()}
        else:
            found[name] = text(one, place)
    return found


def parameters(given: object) -> dict[str, object]:
    """Return parameters by name, each as a record can hold it."""
    found = _mapping(given, "parameters", '{"end_time": 10}')
    return {name: _value(value, f"parameters[{name!r}]") for name, value in found.items()}


def varied(given: object) -> Mapping[str, object]:
    """Return what varies in many runs, by name, as it was given: texts, values, bounds, lists, arrays."""
    found = _mapping(given, "vary", '{"rate": [0.1, 0.2]}')
    for name, one in found.items():
        plain = list(one) if isinstance(one, range) else one
        _value(plain.tolist() if hasattr(plain, "tolist") else plain, f"vary[{name!r}]")
    return found


def _value(given: object, where: str) -> object:
    """Return a value as a record can hold it."""
    given = _of_python(given)
    if given is None or isinstance(given, bool | int | float | str | date | time):
        return given
    if isinstance(given, os.PathLike):
        return text(given, where)
    pandas = sys.modules.get("pandas")
    if pandas is not None and isinstance(given, pandas.DataFrame):
        given = given.to_dict("list")
    if isinstance(given, list | tuple):
        return [_value(one, f"{where}[{number}]") for number, one in enumerate(given)]
    if isinstance(given, Mapping) and all(isinstance(key, str) for key in given):
        return {key: _value(one, f"{where}[{key!r}]") for key, one in given.items()}
    raise WrongType(
        f"{where}: a parameter can't be of the type {type(given).__name__}.",
        "Give a number, a text, a list (of an array: array.tolist()) or a mapping whose keys are texts.",
    )


def _mapping(given: object, name: str, example: str) -> Mapping[str, object]:
    if given is None:
        return {}
    if not isinstance(given, Mapping) or not all(isinstance(key, str) for key in given):
        raise _wrong(given, name, "not a mapping whose keys are texts", f"{name}={example}")
    return given


def _several(given: object, name: str, hint: str) -> Iterable[object]:
    if isinstance(given, bytes) or not isinstance(given, Iterable):
        raise _wrong(given, name, "not a list", hint)
    return given


def _of_python(given: object) -> object:
    """Return a scalar of NumPy as what it stands for, anything else as it is."""
    numpy = sys.modules.get("numpy")
    return given.item() if numpy is not None and isinstance(given, numpy.generic) else given


def _wrong(given: object, name: str, what: str, hint: str) -> WrongType:
    return WrongType(f"{name}={_shown(given)}: this is {what}.", hint)


def _shown(given: object) -> str:
    shown = repr(given)
    return shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}…"
