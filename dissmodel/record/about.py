"""Who made a result, under which licence, for what: what people say of it, read from ``[about]``.

It is the one part of a record that is not observed: it has what a person wrote, and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from dissmodel.errors import InvalidInput, did_you_mean, near_names

_MOST, _LONGEST, _SHOWN = 1000, 20_000, 80
_ORCID = re.compile(r"(?:https?://orcid\.org/)?(\d{4}-\d{4}-\d{4}-\d{3}[\dX])/?", re.IGNORECASE)
_URL = re.compile(r"https?://[^\s<>\"{}|\\^`]+")
_ORGANIZATION = '"INPE", or { name = "INPE", url = "https://ror.org/04xbn6x09" }'
_CREATORS = '[{ name = "Silva, Ana", orcid = "0000-0002-1825-0097", affiliation = "INPE" }]'
_FUNDING = '[{ funder = "FAPESP", award = "2024/12345-6" }]'

_Part = TypeVar("_Part")


@dataclass(frozen=True)
class Organization:
    """An organization, and its page, best the one at https://ror.org."""

    name: str
    url: str = ""


@dataclass(frozen=True)
class Creator:
    """A person who made a result; a name ``Family, Given`` tells its parts.

    `orcid` has four groups of four, such as ``0000-0002-1825-0097``.
    """

    name: str
    orcid: str = ""
    affiliation: Organization | None = None

    @property
    def family_and_given(self) -> tuple[str, str] | None:
        """The parts of the name, where it is written so that they are known."""
        family, comma, given = self.name.partition(",")
        return (family.strip(), given.strip()) if comma and given.strip() and "," not in given else None


@dataclass(frozen=True)
class Funding:
    """Who paid, and under which number."""

    funder: Organization
    award: str = ""


@dataclass(frozen=True)
class About:
    """What people say of a result. `license` is an identifier of the SPDX list, as it is written there.

    `references` are DOIs, URLs or texts; `publisher` is who will publish the result, where that is known.
    """

    title: str = ""
    description: str = ""
    creators: tuple[Creator, ...] = ()
    license: str = ""
    keywords: tuple[str, ...] = ()
    funding: tuple[Funding, ...] = ()
    references: tuple[str, ...] = ()
    publisher: Organization | None = None


KEYS = tuple(About.__dataclass_fields__)


def settled(table: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return an ``[about]`` as a record keeps it: ORCIDs and the licence in their own spelling.

    `where` is what an error calls the file or the setting that the table is from.

    Raises InvalidInput if a key is unknown, or a value is not one (code ``about``).
    """
    for key in table:
        if key not in KEYS:
            raise _wrong(where, str(key), "there is no such key in [about].", did_you_mean(str(key), KEYS))
    return {key: kept for key, value in vars(about_of(table, where)).items() if (kept := _document(value))}


def about_of(table: Mapping[str, Any], where: str) -> About:
    """Return what a table says; keys that this version does not know are left out.

    Raises InvalidInput if a value is not one.
    """
    reader = _Reader(where, table)
    return About(
        title=reader.text("title"),
        description=reader.text("description"),
        creators=reader.several("creators", _creator, _CREATORS),
        license=checked_license(reader.text("license"), where),
        keywords=reader.texts("keywords"),
        funding=reader.several("funding", _funding, _FUNDING),
        references=reader.texts("references"),
        publisher=reader.organization("publisher"),
    )


def checked_license(text: str, where: str) -> str:
    """Return the identifier of a licence as SPDX spells it; empty for an empty one.

    Raises InvalidInput with the nearest identifiers if it is not on the list.
    """
    if not text:
        return ""
    from packaging.licenses import _spdx  # noqa: PLC0415  (the list; its public part knows no near names)

    names = {one["id"].casefold(): one["id"] for one in _spdx.LICENSES.values()}
    if text.casefold() not in names:
        near = [names[one] for one in near_names(text.casefold(), names)]
        hint = f"Did you mean {' or '.join(near)}? " if near else ""
        raise _wrong(
            where,
            "license",
            f"{text[:_SHOWN]!r} is not an identifier of the SPDX list.",
            f"{hint}For data often CC-BY-4.0 or CC0-1.0; see https://spdx.org/licenses.",
        )
    return names[text.casefold()]


def checked_orcid(text: str, where: str, key: str = "orcid") -> str:
    """Return an ORCID without its URL.

    >>> checked_orcid("https://orcid.org/0000-0002-1694-233x", "a.toml")
    '0000-0002-1694-233X'

    Raises InvalidInput if it is not one, or its last character is not the check digit of the others (MOD 11-2
    of ISO 7064).
    """
    if not text:
        return ""
    found = _ORCID.fullmatch(text.strip())
    if found is None:
        raise _wrong(where, key, f"{text[:_SHOWN]!r} is not an ORCID.", "Write it as 0000-0002-1825-0097.")
    orcid = found[1].upper()
    total = 0
    for digit in orcid.replace("-", "")[:-1]:
        total = (total + int(digit)) * 2
    check = "0123456789X"[(12 - total % 11) % 11]
    if orcid[-1] != check:
        raise _wrong(
            where,
            key,
            f"{orcid} is not an ORCID: with these digits it would end with {check}, not {orcid[-1]}.",
            "A digit is wrong: copy it from https://orcid.org.",
        )
    return orcid


@dataclass(frozen=True)
class _Reader:
    """Reads the values of a table; errors name the place of a value."""

    where: str
    table: Mapping[str, Any]
    above: str = ""

    def text(self, key: str, *, needed: bool = False) -> str:
        value = self.table.get(key, "")
        if not isinstance(value, str) or len(value) > _LONGEST or (needed and not value.strip()):
            raise self.wrong(key, "it has to be text.", f'Write it as {key} = "...".')
        return value.strip()

    def texts(self, key: str) -> tuple[str, ...]:
        value = self.table.get(key, ())
        if not isinstance(value, (list, tuple)) or len(value) > _MOST:
            raise self.wrong(key, "it has to be a list of texts.", f'Write it as {key} = ["...", "..."].')
        items = {str(at): one for at, one in enumerate(value)}
        inner = _Reader(self.where, items, f"{self.above}{key}.")
        return tuple(inner.text(at, needed=True) for at in items)

    def several(self, key: str, read: Callable[[_Reader], _Part], example: str) -> tuple[_Part, ...]:
        value = self.table.get(key, ())
        is_list = isinstance(value, (list, tuple)) and len(value) <= _MOST
        if not is_list or not all(isinstance(one, Mapping) for one in value):
            raise self.wrong(key, "it has to be a list of tables.", f"Write it as {key} = {example}.")
        return tuple(
            read(_Reader(self.where, one, f"{self.above}{key}.{at}.")) for at, one in enumerate(value)
        )

    def organization(self, key: str) -> Organization | None:
        value = self.table.get(key)
        if isinstance(value, tuple) and len(value) == 1:  # as the settings keep a table
            (value,) = value
        if value is None or isinstance(value, str):
            name = self.text(key) if value is not None else ""
            return Organization(name) if name else None
        if not isinstance(value, Mapping):
            raise self.wrong(key, "it has to be an organization.", f"Write it as {key} = {_ORGANIZATION}.")
        inner = _Reader(self.where, value, f"{self.above}{key}.").knowing("name", "url")
        url = inner.text("url")
        if url and not _URL.fullmatch(url):
            raise inner.wrong("url", f"{url[:_SHOWN]!r} is not a URL.", f"Write it as {_ORGANIZATION}.")
        return Organization(inner.text("name", needed=True), url)

    def knowing(self, *keys: str) -> _Reader:
        for key in self.table:
            if key not in keys:
                raise self.wrong(str(key), "there is no such key.", did_you_mean(str(key), keys))
        return self

    def wrong(self, key: str, why: str, hint: str) -> InvalidInput:
        return _wrong(self.where, self.above + key, why, hint)


def _creator(reader: _Reader) -> Creator:
    reader.knowing("name", "orcid", "affiliation")
    orcid = checked_orcid(reader.text("orcid"), reader.where, f"{reader.above}orcid")
    return Creator(reader.text("name", needed=True), orcid, reader.organization("affiliation"))


def _funding(reader: _Reader) -> Funding:
    funder = reader.knowing("funder", "award").organization("funder")
    if funder is None:
        raise reader.wrong("funder", "it is missing.", f"Write it as funding = {_FUNDING}.")
    return Funding(funder, reader.text("award"))


def _document(value: Any) -> Any:
    """Return a value as a record keeps it: nothing empty, and an organization without a page as its name."""
    if isinstance(value, tuple):
        return [_document(one) for one in value]
    if isinstance(value, Organization) and not value.url:
        return value.name
    if isinstance(value, (Organization, Creator, Funding)):
        return {key: kept for key, inner in vars(value).items() if (kept := _document(inner))}
    return value


def _wrong(where: str, key: str, why: str, hint: str) -> InvalidInput:
    shown = "".join(letter if letter.isprintable() else "?" for letter in key[:_SHOWN])
    return InvalidInput(f"{where}: {shown}: {why}", hint, code="about")
