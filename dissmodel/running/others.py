"""The inputs of a run beside the first one, as they are given."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import get_args

from dissmodel.errors import InvalidInput, UsageError
from dissmodel.experiment.at_hand import AtHand
from dissmodel.experiment.files import name_of
from dissmodel.io.resampling import EXACT, Method
from dissmodel.record import ExperimentRecord

INPUT = "input"
"""The role of such an input in a record."""
SPACE = "space"
"""The name of the input whose cells are the space, where another one comes first."""

_METHODS: tuple[Method, ...] = get_args(Method)
_SHOWN = 40


@dataclass(frozen=True, kw_only=True)
class OtherInput:
    """An input beside the first one.

    `fields` has the model's name of each field that is read from it → the band or column, empty where there
    is one only, or one of that name; without fields they are found by the names of its bands or columns.
    `methods` has how a field is read onto the cells, where that is settled; `method` is for all others.
    `name` is what a record calls the input; `at_hand` is the input where the caller has it.
    """

    place: str
    fields: Mapping[str, str] = field(default_factory=dict)
    name: str = ""
    method: Method | None = None
    methods: Mapping[str, Method] = field(default_factory=dict)
    at_hand: AtHand | None = None


def given_inputs(
    given: Sequence[tuple[str, str]], method: Method | None
) -> tuple[str, dict[str, str], tuple[OtherInput, ...]]:
    """Return the input whose cells are the space, the fields that it was given for, and the other inputs.

    `given` has each input's name, empty without one, and its place, which may end in ``:`` and a band.

    Raises
    ------
    UsageError
        If there is no input, or one name is given twice.

    Examples
    --------
    >>> place, fields, others = given_inputs([("", "use.tif"), ("alt", "dem.tif:2")], None)
    >>> place, fields, [(one.place, one.fields) for one in others]
    ('use.tif', {}, [('dem.tif', {'alt': '2'})])
    """
    if not given:
        raise UsageError("Which input?", "--input FILE")
    names = [name for name, _ in given if name]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise UsageError(f"--input {twice[0]}=… is given twice.", "Give one.")
    at = next((at for at, (name, _) in enumerate(given) if name == SPACE), 0)
    ordered = [given[at], *given[:at], *given[at + 1 :]]
    found = []
    for name, text in ordered:
        place, band = _split(text) if name and name != SPACE else (text, "")
        found.append((place, {name: band} if name and name != SPACE else {}))
    (first, fields), *rest = found
    return first, fields, tuple(OtherInput(place=place, fields=known, method=method) for place, known in rest)


def _split(text: str) -> tuple[str, str]:
    """Return a place and the band that follows it after a colon, empty without one."""
    place, sign, band = text.rpartition(":")
    is_band = sign and place and band and not re.search(r"[\\/]", band) and not os.path.lexists(text)
    # A drive is no place of its own, and what follows the name of a server is its port.
    return (place, band) if is_band and len(place) > 1 and not place.endswith(":/") else (text, "")


def names_in_a_record(others: Iterable[OtherInput], taken: Iterable[str]) -> list[str]:
    """Return what a record calls each input: its field, else its file's name without the suffix."""
    known, found = set(taken), []
    for one in others:
        stem = re.sub(r"[^\w-]", "_", PurePosixPath(name_of(one.place)).stem)
        start = name = one.name or next(iter(one.fields), "") or stem or INPUT
        number = 2
        while name in known:
            name, number = f"{start}_{number}", number + 1
        known.add(name)
        found.append(name)
    return found


def recorded_inputs(record: ExperimentRecord, at_hand: Mapping[str, AtHand]) -> tuple[OtherInput, ...]:
    """Return the inputs beside the first one as a run had them; `at_hand` has each by its name.

    Raises
    ------
    InvalidInput
        If the record names a method that does not exist.
    """
    return tuple(
        OtherInput(
            place=str(at_hand[one.name].path),
            fields={name: read.name for name, read in one.fields.items()},
            methods={name: _method(read.how) for name, read in one.fields.items() if read.how != EXACT},
            name=one.name,
            at_hand=at_hand[one.name],
        )
        for one in record.sources
        if one.role == INPUT
    )


def _method(text: str) -> Method:
    for one in _METHODS:
        if one == text:
            return one
    raise InvalidInput(
        f"{text[:_SHOWN]!r} is no way to read values onto cells.",
        "Ask the sender of this record.",
        code="not_a_record",
    )
