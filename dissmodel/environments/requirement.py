"""What a spec's ``package`` asks for: a name in an index, a git repository or a folder."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NoReturn
from urllib.parse import SplitResult, urlsplit

from packaging.requirements import InvalidRequirement
from packaging.requirements import Requirement as Pep508
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from dissmodel.errors import UsageError
from dissmodel.record.redact import redact

Kind = Literal["index", "git", "path"]

OURS = "dissmodel"
MAX_LENGTH = 1000

_HINT = 'Write package = "coastal-flood==0.1.0", "git+https://host/org/repo@tag" or the path of a folder.'
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_PATH = re.compile(r"^(?:~|\.{1,2}$|\.{0,2}[/\\]|[A-Za-z]:[/\\])")
_NAMED_URL = re.compile(r"^(?P<name>[A-Za-z0-9][\w.-]*\s*(?:\[[^\]]*\])?)\s*@\s*(?P<url>\S.*)$")
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\]")
_USER = re.compile(r"[A-Za-z0-9_][\w.-]*")
_REF = re.compile(r"[A-Za-z0-9_][\w./+-]*")
_SEGMENT = re.compile(r"(?:[\w.~+,=!-]|%[0-9A-Fa-f]{2})+")
_ENCODED = re.compile(r"%(?:[01][0-9a-f]|2[ef5]|40|5c|7f)", re.IGNORECASE)
_SCHEMES = ("https", "http", "ssh", "file")


@dataclass(frozen=True)
class Requirement:
    """A package that a spec asks for, with nothing in it that an installer or git would take for an option.

    - `kind`: where it comes from.
    - `text`: as it was given.
    - `name`: the package's normalised name (PEP 503), where it is said.
    - `extras`: normalised and sorted.
    - `specifier`: the versions that it admits, of an index package.
    - `url`, `ref`, `subdirectory`: the repository's URL without ``git+``, the tag, branch or commit, and the
      folder in it.
    - `path`: the absolute path of a folder.
    """

    kind: Kind
    text: str
    name: str | None = None
    extras: tuple[str, ...] = ()
    specifier: str = ""
    url: str | None = None
    ref: str | None = None
    subdirectory: str | None = None
    path: Path | None = None

    @staticmethod
    def parse(text: str, relative_to: Path | None = None) -> Requirement:
        """Return what `text` asks for.

        That is ``name[extras]==version``, ``git+https://host/org/repo@tag#subdirectory=folder`` (also http,
        ssh and file, and ``name @ git+...``), or the path of a folder, relative to `relative_to` or the
        current folder.

        Raises UsageError if the text has none of these forms, or contains an option, a marker or a
        credential.

        Examples
        --------
        >>> Requirement.parse("Coastal_Flood[maps] == 0.1.0").name
        'coastal-flood'
        >>> Requirement.parse("git+https://example.org/coast/model.git@v1.2").ref
        'v1.2'
        """
        stripped = text.strip()
        if not stripped or len(stripped) > MAX_LENGTH or _CONTROL.search(stripped):
            _refuse(text, "it is empty, too long or has control characters in it")
        if stripped.startswith("-"):
            _refuse(text, "it is an option, not a package")
        if stripped.startswith("git+"):
            return _git(stripped, stripped, None, ())
        if _PATH.match(stripped):
            return _path(stripped, relative_to)
        named = _NAMED_URL.match(stripped)
        if named is not None:
            package = _pep508(named["name"].strip(), stripped)
            if not named["url"].startswith("git+"):
                _refuse(stripped, "a URL has to be that of a git repository, git+https://...")
            return _git(named["url"], stripped, package.name, package.extras)
        if "://" in stripped:
            _refuse(stripped, "a URL has to be that of a git repository, git+https://...")
        if re.search(r"[/\\]", stripped) and ";" not in stripped:
            return _path(stripped, relative_to)
        return _pep508(stripped, stripped)

    @property
    def exact(self) -> str | None:
        """The only version that it admits; None if there may be others.

        >>> Requirement.parse("coast==1.0").exact, Requirement.parse("coast==1.*").exact
        ('1.0', None)
        """
        specifiers = list(SpecifierSet(self.specifier))
        if len(specifiers) == 1 and specifiers[0].operator == "==" and "*" not in specifiers[0].version:
            return specifiers[0].version
        return None


def _pep508(text: str, given: str) -> Requirement:
    try:
        parsed = Pep508(text)
    except InvalidRequirement:
        _refuse(given, "it is not a name with a version")
    if parsed.marker is not None:
        _refuse(given, "a marker would hide it on some machines")
    if any(clause.operator == "===" for clause in parsed.specifier):
        _refuse(given, "=== compares text; use ==")
    name = canonicalize_name(parsed.name)
    refuse_ours(name, given)
    extras = tuple(sorted(canonicalize_name(extra) for extra in parsed.extras))
    return Requirement("index", given, name, extras, str(parsed.specifier))


def refuse_ours(name: str, given: str) -> None:
    """Refuse a package that calls itself dissmodel: another one has this name in the public index.

    Raises UsageError if `name`, normalised, is ours.
    """
    if name == OURS:
        _refuse(given, "the running dissmodel is always used; the index has a different package of that name")


def _path(text: str, relative_to: Path | None) -> Requirement:
    try:
        path = Path(text).expanduser()
        path = (path if path.is_absolute() else (relative_to or Path.cwd()) / path).resolve()
    except (OSError, RuntimeError) as error:
        _refuse(text, f"it is not a path: {error}")
    return Requirement("path", text, path=path)


def _git(text: str, given: str, name: str | None, extras: tuple[str, ...]) -> Requirement:
    try:
        parts = urlsplit(text.removeprefix("git+"))
        port = parts.port
    except ValueError:
        _refuse(given, "it is not a URL")
    if parts.scheme not in _SCHEMES:
        _refuse(
            given,
            "git+ is followed by https://, http://, ssh:// or file://; git@host:org/repo is written as "
            "git+ssh://git@host/org/repo",
        )
    if parts.query:
        _refuse(given, "a repository's URL has no ?")
    path, at, ref = parts.path.rpartition("@") if "@" in parts.path else (parts.path, "", "")
    _check_segments(path.removeprefix("/").removesuffix("/"), given)
    if at and (not _REF.fullmatch(ref) or ".." in ref or ref.endswith(("/", ".", ".lock"))):
        _refuse(given, "the part after @ is not a tag, branch or commit")
    url = f"{parts.scheme}://{_netloc(parts, port, given)}/{path.strip('/')}"
    subdirectory = _subdirectory(parts.fragment, given)
    return Requirement("git", given, name, extras, url=url, ref=ref or None, subdirectory=subdirectory)


def _netloc(parts: SplitResult, port: int | None, given: str) -> str:
    user, at, machine = parts.netloc.rpartition("@")
    if at and (parts.scheme != "ssh" or not _USER.fullmatch(user)):
        _refuse(given, "a user or a password in a URL would be stored; let git's credential helper give it")
    if parts.scheme == "file":
        if machine:
            _refuse(given, "a file URL names no machine: git+file:///folder")
        return ""
    host = machine.removesuffix(f":{port}")
    if not _HOST.fullmatch(host) or ".." in host:
        _refuse(given, "it has no valid host")
    return f"{user}{at}{machine.lower()}"


def _subdirectory(fragment: str, given: str) -> str | None:
    if not fragment:
        return None
    key, _, folder = fragment.partition("=")
    if key != "subdirectory":
        _refuse(given, "after # only subdirectory=FOLDER may follow")
    _check_segments(folder, given)
    return folder


def _check_segments(path: str, given: str) -> None:
    for segment in path.split("/"):
        if segment in {"", ".", ".."} or not _SEGMENT.fullmatch(segment) or _ENCODED.search(segment):
            _refuse(given, f"{segment!r} can't be part of its path")
        if segment.startswith("-"):
            _refuse(given, f"{segment!r} looks like an option")


def _refuse(text: str, why: str) -> NoReturn:
    shown = redact(text)[:200].encode("unicode_escape").decode()
    raise UsageError(f"package {shown!r}: {why}.", _HINT, code="bad_package")
