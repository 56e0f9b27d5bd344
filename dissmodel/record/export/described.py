"""What every export says of a run: its title, who made it, its software and its files."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Literal
from urllib.parse import quote

from dissmodel.errors import InvalidInput
from dissmodel.record.about import About, about_of, checked_license
from dissmodel.record.schema import Code, ExperimentRecord

Role = Literal["input", "result", "record", "other"]
OCTETS = "application/octet-stream"
_MEDIA_TYPE = re.compile(r"\w+/\w[\w.-]*(\+\w[\w.-]*)?(;\w+=[^;\s]+)*")
_SHOWN = 200


@dataclass(frozen=True)
class File:
    """A file of a run, as an export names it.

    `name` is its path, with slashes; `role` is what it is for the run, `label` says more.
    """

    name: str
    role: Role
    sha256: str = ""
    size: int | None = None
    media_type: str = OCTETS
    label: str = ""

    @property
    def encoding(self) -> str:
        """The media type without white space, as a crate has it; a record is not trusted."""
        compact = re.sub(r"\s", "", self.media_type)
        return compact if _MEDIA_TYPE.fullmatch(compact) else OCTETS


@dataclass(frozen=True)
class Software:
    """A program: `url` is where its code is, or the name of its digest; `iri` names this state of it."""

    name: str
    version: str
    url: str
    iri: str


@dataclass(frozen=True)
class Described:
    """A record, its digest and its files; `given_license` is one for a record that has none.

    `shown` is what errors call the record.
    """

    record: ExperimentRecord
    digest: str
    files: tuple[File, ...] = ()
    given_license: str = ""
    shown: str = "the record"

    @cached_property
    def about(self) -> About:
        """What people say of the result.

        Raises InvalidInput if the record holds something else, or if its licence and the given one differ.
        """
        found = about_of(self.record.about, self.shown)
        given = checked_license(self.given_license)
        if given and found.license not in {"", given}:
            raise InvalidInput(
                f"{self.shown}: its licence is {found.license}, not {given}.", "Leave --license out."
            )
        return found.model_copy(update={"license": found.license or given})

    @property
    def title(self) -> str:
        """The title, or what the record itself can say."""
        name = shortened(self.record.model_name) or "a model"
        return self.about.title or f"Result of {name}, run {shortened(self.record.experiment_id)[:8]}"

    @property
    def description(self) -> str:
        """The description, or what the record itself can say."""
        return self.about.description or self.statement

    @property
    def statement(self) -> str:
        """What was run, in one sentence."""
        record, model = self.record, self.model
        version = f" {model.version}" if model.version else ""
        return (
            f"A run of the model {shortened(record.model_name)}{version} with dissmodel"
            f" {shortened(record.code_version)}, {record.status}; its record has the digest {self.digest}."
        )

    @property
    def began(self) -> datetime:
        """When the run began, in UTC."""
        return as_utc(self.record.created_at)

    @property
    def ended(self) -> datetime:
        """When the run ended; of a record that lacks it, when it began."""
        return as_utc(self.record.finished_at or self.record.created_at)

    @property
    def model(self) -> Software:
        """The model."""
        name = shortened(self.record.model_name) or "model"
        code = self.record.code or Code()
        return _software(name, code, code.version or self.record.model_commit, f"#{quote(name)}")

    @property
    def dissmodel(self) -> Software:
        """The dissmodel that ran it."""
        runtime = self.record.runtime
        return _software("dissmodel", runtime.dissmodel if runtime else Code(), self.record.code_version, "")

    def of_role(self, *roles: str) -> list[File]:
        """Return the files of these roles."""
        return [one for one in self.files if one.role in roles]


def _software(name: str, code: Code, version: str, end: str) -> Software:
    digest = code.source_digest or ""
    state = code.commit if code.commit and not code.dirty else ""
    url = (code.repository or "").removeprefix("git+").removesuffix(".git")
    if not re.fullmatch(r"https?://[^\s\"<>]+", url):
        url = ""
    if url:
        return Software(
            name, version, url, f"{url}#{quote(state or digest or version)}{end.replace('#', '-')}"
        )
    if state and re.fullmatch(r"[0-9a-f]{40}", state):
        url = f"https://archive.softwareheritage.org/swh:1:rev:{state}"
        return Software(name, version, url, url + end)
    named = base64.urlsafe_b64encode(bytes.fromhex(digest)).decode().rstrip("=") if _is_hex(digest) else ""
    # RFC 6920 names code by its digest; a crate's own names of software have to begin with http.
    url = f"ni:///sha-256;{named}" if named else "https://dissmodel.invalid/"
    return Software(name, version, url, f"https://dissmodel.invalid/.well-known/ni/sha-256/{named}{end}")


def _is_hex(text: str) -> bool:
    return re.fullmatch(r"[0-9a-f]{64}", text) is not None


def as_utc(moment: datetime) -> datetime:
    """Return a time in UTC; one without a zone is taken for UTC."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def shortened(text: str, most: int = _SHOWN) -> str:
    """Return a text of a record in one line that is not too long."""
    line = "".join(letter if letter.isprintable() else " " for letter in text)
    return line if len(line) <= most else f"{line[: most - 1]}…"


def as_value(value: Any) -> str | int | float | bool:
    """Return the value of a parameter as a number or a text; lists and tables as JSON, which may be cut."""
    if isinstance(value, (bool, int, float)):
        return value
    return shortened(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False), 1000)


def filled(**values: Any) -> dict[str, Any]:
    """Return the values that say something, and single values instead of lists of one."""
    found = {}
    for name, value in values.items():
        one = value[0] if isinstance(value, list) and len(value) == 1 else value
        if one is not None and one not in ("", []):
            found[name] = one
    return found


def dois_and_urls(references: Iterable[str]) -> list[tuple[str, str]]:
    """Return each reference with its URL; empty for a text.

    >>> dois_and_urls(["10.1000/182", "Alongi (2008)"])
    [('10.1000/182', 'https://doi.org/10.1000/182'), ('Alongi (2008)', '')]
    """
    found = []
    for one in references:
        doi = re.fullmatch(r"(?:doi:\s*|https?://(?:dx\.)?doi\.org/)?(10\.\d{4,9}/\S+)", one, re.IGNORECASE)
        url = one if re.fullmatch(r"https?://[^\s<>\"]+", one) else ""
        found.append((one, f"https://doi.org/{doi[1]}" if doi is not None else url))
    return found
