"""The user's consent: installing a package runs its author's code."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

from packaging.requirements import InvalidRequirement
from packaging.requirements import Requirement as Pep508
from packaging.utils import canonicalize_name

from dissmodel.bounded import contents
from dissmodel.environments.requirement import Requirement
from dissmodel.environments.resolved import Resolved
from dissmodel.errors import ConsentRequired, StorageError, UsageError, disk_errors
from dissmodel.locks import required
from dissmodel.record.store import write_atomically

_FORM = 1
_PATIENCE_S = 10.0
_MAX_BYTES = 4 << 20
_SHOWN = 12


@dataclass(frozen=True)
class Approval:
    """What the user agreed to: an exact version, commit or folder, or a server; when, and who had asked."""

    what: str
    when: str
    registry: str = ""


def check(
    resolved: Resolved,
    data_dir: Path,
    *,
    registry: str = "",
    patterns: Iterable[str] = (),
    ask: Callable[[str], bool] | None = None,
) -> None:
    """Return if the user consents to an installation; consent is remembered.

    `registry` is who offers the package, and `patterns` what the settings trust (see `matches`). `ask` shows
    a text and returns whether the user agrees; it is None where the user can't be asked.

    Raises ConsentRequired if the user refuses, or can't be asked; UsageError if a pattern can't be read.
    """
    # All of them: a broken pattern is always an error.
    trusted = [matches(pattern, resolved) for pattern in patterns]
    if any(trusted) or any(approval.what == resolved.identity for approval in approvals(data_dir)):
        return
    what = describe(resolved, registry)
    if ask is None or not ask(what):
        refused = ConsentRequired(
            f"{what} This runs its author's code on this machine.",
            "To trust a package permanently, use the setting trust: dissmodel config show trust",
        )
        refused.what = resolved.identity
        raise refused
    remember(resolved.identity, data_dir, registry=registry)


def describe(resolved: Resolved, registry: str = "") -> str:
    """Return what would be installed, in a sentence."""
    asked = f", asked for by {registry}" if registry else ""
    match resolved.kind:
        case "index":
            return f"{resolved.name} {resolved.version} would be installed from {resolved.source}{asked}."
        case "git":
            name = resolved.name or Requirement.parse(resolved.requirement).name or "A package"
            package = f"{name} {resolved.version or ''}".strip()
            state = f" at {'revision' if resolved.is_local else 'commit'} {resolved.commit}"
            place = f"{resolved.source}{state if resolved.commit else ''}"
            return f"{package} would be built from {place}{asked}."
        case "path":
            return f"{resolved.name} would be installed from the folder {resolved.source}{asked}."
    # What is built here runs its code at once: it is named first, and all of it.
    lines = sorted(resolved.lines, key=lambda line: " @ " not in line)
    shown = max(_SHOWN, len(resolved.built))
    more = f" and {len(lines) - shown} more" if len(lines) > shown else ""
    return (
        f"{', '.join(lines[:shown])}{more} would be installed from {resolved.source or 'no index'}, "
        f"as a record has them{asked}."
    )


def matches(pattern: str, resolved: Resolved) -> bool:
    """Tell whether a pattern of the trust list means a package.

    ``coastal-flood`` means that name in the index, any version; ``coastal-flood==0.1.0`` one version;
    ``git+https://host/org/repo`` that repository; ``git+https://host/org/*`` all that is below.
    Scheme, host and port must be the same, and a folder's whole name.

    >>> model = Resolved("git", "coast", None, "1f", "https://github.com/org/coast", "")
    >>> matches("git+https://github.com/org/*", model), matches("git+https://github.com/org/c", model)
    (True, False)

    Raises UsageError if it is not a pattern.
    """
    text = pattern.strip()
    if text.startswith("git+"):
        below = text.endswith("/*")
        plain = text.removesuffix("/*")
        if "*" in plain:
            _refuse(pattern, "a * stands for all below a folder: .../org/*")
        requirement = Requirement.parse(plain)
        if requirement.ref or requirement.subdirectory:
            _refuse(pattern, "a repository is trusted as a whole, not a tag of it")
        if resolved.kind != "git":
            return False
        trusted, found = _plain(requirement.url or ""), _plain(resolved.source)
        return found.startswith(f"{trusted}/") if below else found == trusted
    try:
        named = Pep508(text)
    except InvalidRequirement:
        _refuse(pattern, "write a package's name, or git+https://host/org/*")
    if named.url or named.marker or named.extras:
        _refuse(pattern, "write a package's name, or git+https://host/org/*")
    return (
        resolved.kind == "index"
        and canonicalize_name(named.name) == resolved.name
        and named.specifier.contains(resolved.version or "0", prereleases=True)
    )


def approvals(data_dir: Path) -> tuple[Approval, ...]:
    """Return what the user agreed to, the oldest first.

    Raises StorageError if the file of approvals can't be read.
    """
    path = _path(data_dir)
    try:
        document = json.loads(contents(path, _MAX_BYTES))
        if document["schema_version"] != _FORM:
            raise ValueError("another version of dissmodel wrote it")
        return tuple(Approval(**entry) for entry in document["approved"])
    except FileNotFoundError:
        return ()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StorageError(
            f"{path}: it can't be read: {error}.", f"Remove the file; you are asked for consent again: {path}"
        ) from error


def remember(what: str, data_dir: Path, *, registry: str = "") -> None:
    """Remember that the user agreed to a package by its identity, or to a server by its URL.

    Raises StorageError if the file of approvals can't be read or written.
    """
    now = datetime.now(UTC).isoformat(timespec="seconds")
    added = Approval(what, now, registry)
    with _changing(data_dir):
        others = [approval for approval in approvals(data_dir) if approval.what != added.what]
        _write(data_dir, [*others, added])


def revoke(what: str, data_dir: Path) -> tuple[Approval, ...]:
    """Forget the approvals of a package (all of its versions), a repository or one exact text; return them.

    Raises UsageError if there is no such approval.
    """
    with _changing(data_dir):
        known = approvals(data_dir)
        gone = tuple(approval for approval in known if _means(what.strip(), approval.what))
        if not gone:
            raise UsageError(
                f"{what}: you have not consented to anything of that name.",
                "List your consents: dissmodel registry trust",
                code="no_approval",
            )
        _write(data_dir, [approval for approval in known if approval not in gone])
    return gone


def _means(given: str, approved: str) -> bool:
    name, found, _ = approved.partition("==")
    if found:
        return given == approved or canonicalize_name(given) == name
    repository = re.sub(r"@[0-9a-f]{40,64}(?:#.*)?$", "", approved)
    return given in {approved, repository} or _plain(given) == _plain(repository)


def _plain(url: str) -> str:
    return url.removesuffix("/").removesuffix(".git")


def _refuse(pattern: str, why: str) -> NoReturn:
    raise UsageError(
        f"trust {pattern[:200]!r}: {why}.", "See what it takes: dissmodel config show trust", code="bad_trust"
    )


def _path(data_dir: Path) -> Path:
    return data_dir / "trust.json"


@contextmanager
def _changing(data_dir: Path) -> Iterator[None]:
    path = data_dir / ".trust.lock"
    busy = f"{path}: another process has locked it."
    with disk_errors(str(path), "Choose another data folder: DISSMODEL_DATA"):
        data_dir.mkdir(parents=True, exist_ok=True)
        with required(path, busy, code="trust_busy", patience=_PATIENCE_S):
            yield


def _write(data_dir: Path, approved: Iterable[Approval]) -> None:
    document = {"schema_version": _FORM, "approved": [asdict(approval) for approval in approved]}
    write_atomically(_path(data_dir), (json.dumps(document, indent=1) + "\n").encode())
