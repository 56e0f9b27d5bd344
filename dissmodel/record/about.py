"""Who made a result, under which licence, for what: what people say of it, read from ``[about]``.

It is the one part of a record that is not observed: it has what a person wrote, and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, ValidationError

from dissmodel.errors import InvalidInput, did_you_mean, near_names
from dissmodel.record.deferred import Deferred

_SHOWN = 80
_ORCID = re.compile(r"(?:https?://orcid\.org/)?(\d{4}-\d{4}-\d{4}-\d{3}[\dX])/?", re.IGNORECASE)
_ORGANIZATION = '"INPE", or { name = "INPE", url = "https://ror.org/04xbn6x09" }'
_EXAMPLES = {
    "title": '"..."',
    "description": '"..."',
    "license": '"CC-BY-4.0"',
    "keywords": '["...", "..."]',
    "references": '["10.1000/182", "https://example.org/report"]',
    "publisher": _ORGANIZATION,
    "creators": f'[{{ name = "Silva, Ana", orcid = "0000-0002-1825-0097", affiliation = {_ORGANIZATION} }}]',
    "funding": '[{ funder = "FAPESP", award = "2024/12345-6" }]',
}

_ID = re.compile(r"(?!LicenseRef-)[A-Za-z0-9.-]+")
# The licences of data and code that a misspelt one most likely stands for.
_COMMON = (
    *("CC0-1.0", "CC-BY-4.0", "CC-BY-SA-4.0", "CC-BY-NC-4.0", "CC-BY-NC-SA-4.0", "CC-BY-ND-4.0", "CC-BY-3.0"),
    *("ODbL-1.0", "ODC-By-1.0", "PDDL-1.0", "CDLA-Permissive-2.0", "etalab-2.0", "OGL-UK-3.0"),
    *("MIT", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MPL-2.0", "EUPL-1.2", "Unlicense"),
    *("GPL-2.0-or-later", "GPL-3.0-only", "GPL-3.0-or-later", "LGPL-3.0-or-later", "AGPL-3.0-or-later"),
)
_WHY = {
    "missing": "is missing",
    "model_type": "has to be a table",
    "string_pattern_mismatch": "is not a URL",
    "string_too_long": "is too long",
    "string_too_short": "is empty",
    "string_type": "has to be text",
    "too_long": "has too many items",
    "tuple_type": "has to be a list",
}


def checked_license(text: str) -> str:
    """Return the identifier of a licence as SPDX spells it; empty for an empty one.

    Raises InvalidInput with the nearest identifiers if it is not on the list.
    """
    if not text:
        return ""
    from packaging.licenses import (  # noqa: PLC0415  (few runs have a licence)
        InvalidLicenseExpression,
        canonicalize_license_expression,
    )

    try:
        found = str(canonicalize_license_expression(text))
    except InvalidLicenseExpression:
        found = ""
    if _ID.fullmatch(found) is None:  # an expression, or a licence of one's own
        names = {one.casefold(): one for one in _COMMON}
        near = [names[one] for one in near_names(text.casefold(), names)]
        hint = f"Did you mean {' or '.join(near)}? " if near else ""
        raise InvalidInput(
            f"{text[:_SHOWN]!r} is not an identifier of the SPDX list.",
            f"{hint}For data often CC-BY-4.0 or CC0-1.0; see https://spdx.org/licenses.",
            code="about",
        )
    return found


def checked_orcid(text: str) -> str:
    """Return an ORCID without its URL; empty for an empty one.

    >>> checked_orcid("https://orcid.org/0000-0002-1694-233x")
    '0000-0002-1694-233X'

    Raises InvalidInput if it is not one, or its last character is not the check digit of the others (MOD 11-2
    of ISO 7064).
    """
    if not text:
        return ""
    found = _ORCID.fullmatch(text)
    if found is None:
        raise InvalidInput(f"{text[:_SHOWN]!r} is not an ORCID.", "Write it as 0000-0002-1825-0097.")
    orcid = found[1].upper()
    total = 0
    for digit in orcid.replace("-", "")[:-1]:
        total = (total + int(digit)) * 2
    check = "0123456789X"[(12 - total % 11) % 11]
    if orcid[-1] != check:
        raise InvalidInput(
            f"{orcid} is not an ORCID: with these digits it would end with {check}, not {orcid[-1]}.",
            "A digit is wrong: copy it from https://orcid.org.",
        )
    return orcid


class _Said(Deferred):
    """A table of ``[about]``."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True, str_max_length=20_000)


def _as_table(given: Any) -> Any:
    """Return an organization as a table: a text is its name; the settings keep a list of one."""
    if isinstance(given, (list, tuple)) and len(given) == 1:
        (given,) = given
    return {"name": given} if isinstance(given, str) else given


def _one_line(text: str) -> str:
    if not text.isprintable():
        raise InvalidInput("it has line breaks or invisible characters.", "Write it in one line.")
    return text


_Line = Annotated[str, AfterValidator(_one_line)]
_Text = Annotated[str, Field(min_length=1), AfterValidator(_one_line)]
_Texts = Annotated[tuple[_Text, ...], Field(max_length=1000)]


class _Organization(_Said):
    """An organization, and its page, best the one at https://ror.org."""

    name: _Text
    url: str = Field(default="", pattern=r"^(https?://[^\s<>\"{}|\\^`]+)?$")


Organization = Annotated[_Organization, BeforeValidator(_as_table)]


class Creator(_Said):
    """A person who made a result; a name ``Family, Given`` tells its parts.

    `orcid` has four groups of four, such as ``0000-0002-1825-0097``.
    """

    name: _Text
    orcid: Annotated[str, AfterValidator(checked_orcid)] = ""
    affiliation: Organization | None = None

    @property
    def family_and_given(self) -> tuple[str, str] | None:
        """The parts of the name, where it is written so that they are known."""
        family, comma, given = self.name.partition(",")
        return (family.strip(), given.strip()) if comma and given.strip() and "," not in given else None


class Funding(_Said):
    """Who paid, and under which number."""

    funder: Organization
    award: _Line = ""


class About(_Said):
    """What people say of a result. `license` is an identifier of the SPDX list, as it is written there.

    `references` are DOIs, URLs or texts; `publisher` is who will publish the result, where that is known.
    """

    title: _Line = ""
    description: str = ""
    creators: Annotated[tuple[Creator, ...], Field(max_length=1000)] = ()
    license: Annotated[str, AfterValidator(checked_license)] = ""
    keywords: _Texts = ()
    funding: Annotated[tuple[Funding, ...], Field(max_length=1000)] = ()
    references: _Texts = ()
    publisher: Organization | None = None


def settled(table: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return an ``[about]`` as a record keeps it: nothing empty, ORCIDs and licence in their own spelling.

    `where` is what an error calls the file or the setting that the table is from.

    Raises InvalidInput if a key is unknown, or a value is not one (code ``about``).
    """
    try:
        return About.model_validate(table).model_dump(mode="json", exclude_defaults=True)
    except ValidationError as error:
        raise _mistake(error, where) from None


def about_of(table: Mapping[str, Any], where: str) -> About:
    """Return what a record says; keys that this version does not know are left out.

    Raises InvalidInput if a value is not one.
    """
    known = {key: value for key, value in table.items() if key in About.model_fields}
    return About.model_validate(settled(known, where))


def _mistake(error: ValidationError, where: str) -> InvalidInput:
    first = error.errors(include_url=False, include_input=False)[0]
    *above, key = first["loc"]
    place = ".".join(str(part) for part in first["loc"])[:_SHOWN]
    shown = "".join(letter if letter.isprintable() else "?" for letter in place)
    raised = first.get("ctx", {}).get("error")
    top = str(first["loc"][0])
    if isinstance(raised, InvalidInput):
        why, hint = raised.message, raised.hint
    elif first["type"] == "extra_forbidden":
        known = Creator if "creators" in above else Funding if "funding" in above else _Organization
        fields = known.model_fields if above else About.model_fields
        why, hint = "there is no such key.", did_you_mean(str(key), fields)
    else:
        why, hint = f"it {_WHY.get(first['type'], 'is not valid')}.", f"Write it as {top} = {_EXAMPLES[top]}."
    return InvalidInput(f"{where}: {shown}: {why}", hint, code="about")
