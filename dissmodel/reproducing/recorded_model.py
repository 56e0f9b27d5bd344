"""The model that a record names; nothing is installed, and no file is imported, because a record says so."""

from __future__ import annotations

import contextlib
import difflib
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from packaging.utils import canonicalize_name

from dissmodel.config import load_settings
from dissmodel.consent import Consent
from dissmodel.environments import Requirement, Resolved, trust
from dissmodel.environments.recorded import recorded
from dissmodel.errors import InvalidInput, UsageError
from dissmodel.executor.host import InProcess
from dissmodel.record import Code, ExperimentRecord
from dissmodel.registry import plugins
from dissmodel.running.isolation import Isolation, isolated
from dissmodel.running.model import ModelRequest, OpenedModel, load, open_model

_LONGEST = 200
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,198}[A-Za-z0-9])?")


@contextlib.contextmanager
def open_recorded(
    record_path: Path,
    record: ExperimentRecord,
    given: str | None,
    consent: Consent,
    *,
    as_recorded: bool = False,
) -> Iterator[OpenedModel]:
    """Open the model that a record names, for the block.

    A model of a package is installed in the version or commit that the record has, if the user agrees: a
    record is no consent.

    With `as_recorded` all packages are those of the record, in an environment of their own.

    Raises
    ------
    DissmodelError
        As `find_model`, and as `dissmodel.running.isolation.isolated`.
    """
    code = record.code or Code()
    module = _text(_spec(record).get("executor_module"))
    requirement = recorded_package(record_path, record)
    if as_recorded:
        if given is not None:
            raise UsageError("--env recorded and --model contradict each other.", "Leave one out.")
        if code.package is None:
            # It raises that a file is not run because a record names it.
            find_model(record_path, record)
        model = Isolation(record.model_name[:_LONGEST], module, str(record_path))
        wanted = recorded(record, record.runtime.lock if record.runtime is not None else None)
        with isolated(wanted, model, consent, distribution=code.package) as (host, lock):
            yield OpenedModel(host, lock=lock)
    elif given is not None:
        with open_model(ModelRequest(model=given, consent=consent)) as found:
            yield found
    elif requirement is not None:
        model = Isolation(record.model_name[:_LONGEST], module, str(record_path))
        _agree_to_ask(requirement, code, record_path, consent)
        with isolated(requirement, model, consent) as (host, lock):
            yield OpenedModel(host, lock=lock)
    else:
        here = find_model(record_path, record)
        yield OpenedModel(InProcess(here.executor, here.origin, here.distribution))


def recorded_package(record_path: Path, record: ExperimentRecord) -> Requirement | None:
    """Return what asks for the package of a record's model, in the recorded version; None if it has none.

    Raises
    ------
    UsageError
        If what the record has can't be read.
    """
    package = _text(_spec(record).get("package"))
    return _as_recorded(Requirement.parse(package, record_path.parent), record) if package else None


def _spec(record: ExperimentRecord) -> dict[str, object]:
    spec = record.resolved_spec.get("model")
    return spec if isinstance(spec, dict) else {}


def _agree_to_ask(requirement: Requirement, code: Code, record_path: Path, consent: Consent) -> None:
    """Require consent before a repository is asked that only a record names.

    Raises
    ------
    ConsentRequired
        If the user has not agreed to it.
    """
    if requirement.kind != "git" or consent.yes:
        return
    settings = load_settings()
    wanted = Resolved(
        "git",
        requirement.name or code.package or "its package",
        code.version,
        code.commit,
        requirement.url or "",
        requirement.text,
        requirement.extras,
        requirement.subdirectory,
    )
    if wanted.identity not in consent.agreed:
        trust.check(wanted, settings.data_dir, registry=str(record_path), patterns=settings.trust)


def _as_recorded(requirement: Requirement, record: ExperimentRecord) -> Requirement:
    """Return what asks for the version, the commit or the folder that the record has, where it has one."""
    code = record.code or Code()
    if requirement.kind == "path" and code.package and record.runtime is not None:
        # The spec's path is relative to the spec, which may have lain anywhere.
        known = record.runtime.packages.get(canonicalize_name(code.package))
        place = urlsplit((known.url if known is not None else None) or "")
        if place.scheme == "file" and not place.netloc:
            return replace(requirement, path=Path(url2pathname(place.path)))
    extras = f"[{','.join(requirement.extras)}]" if requirement.extras else ""
    if requirement.kind == "index" and code.version:
        return Requirement.parse(f"{requirement.name}{extras}=={code.version}")
    if requirement.kind == "git" and code.commit:
        name = f"{requirement.name}{extras} @ " if requirement.name else ""
        below = f"#subdirectory={requirement.subdirectory}" if requirement.subdirectory else ""
        return Requirement.parse(f"{name}git+{requirement.url}@{code.commit}{below}")
    return requirement


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def find_model(record_path: Path, record: ExperimentRecord) -> plugins.LoadedModel:
    """Return the installed model of the recorded name and package.

    Parameters
    ----------
    record_path : Path
        Where the record is.
    record : ExperimentRecord
        The record.

    Raises
    ------
    UsageError
        If there is none, or the model was in a file, which only the user can name.
    """
    name = record.model_name[:_LONGEST]
    code = record.code
    if code is not None and code.package is None:
        source = f" (its sha256 was {code.source_digest})" if code.source_digest else ""
        raise UsageError(
            f"{record_path}: its model {name!r} was in the file {_file_of(code.module)}{source}.",
            "The file is not run only because a record names it. If you trust it, type: --model FILE.py",
            code="model_needed",
        )
    offers = [offer for offer in plugins.offers() if offer.name in _names(record)]
    if code is not None and code.package is not None:
        if not _NAME.fullmatch(code.package):
            raise InvalidInput(
                f"{record_path}: {code.package[:_LONGEST]!r} is not a package's name.",
                "Ask the sender of this record, or name the model: --model NAME",
                code="not_a_record",
            )
        package = canonicalize_name(code.package)
        mine = [offer for offer in offers if canonicalize_name(offer.distribution) == package]
        if not mine and offers:
            raise UsageError(
                f"{record_path}: its model {name!r} is of the package {package[:_LONGEST]}, which has"
                " no model of that name here.",
                f"Install the package, or take the model of another package: --model {offers[0].qualified}",
                code="unknown_model",
            )
        offers = mine
    if not offers:
        raise _unknown(record_path, name, code.package if code is not None else None)
    if len(offers) > 1:
        raise UsageError(
            f"{record_path}: its model may be {' or '.join(offer.qualified for offer in offers)}.",
            f"Choose one: --model {offers[0].qualified}",
            code="ambiguous_model",
        )
    return load(offers[0].load)


def _unknown(record_path: Path, name: str, package: str | None) -> UsageError:
    here = {offer.name: offer.distribution for offer in plugins.offers()}
    (near,) = difflib.get_close_matches(name, here, n=1) or ("NAME",)
    missing, install = "", ""
    if package is not None and canonicalize_name(package) not in map(canonicalize_name, here.values()):
        missing = f"; it was of the package {package[:_LONGEST]}, which is not installed here"
        install = "Install the package, or: "
    return UsageError(
        f"{record_path}: there is no model {name!r} here{missing}.",
        f"{install}Give an installed model: --model {near}. List the models: dissmodel show",
        code="unknown_model",
    )


def refuse_package(record_path: Path, record: ExperimentRecord) -> None:
    """Refuse a record whose spec names a package that is none.

    Raises
    ------
    InvalidInput
        If it has.
    """
    model = record.resolved_spec.get("model")
    package = model.get("package") if isinstance(model, dict) else None
    if package is None:
        return
    try:
        if not isinstance(package, str):
            raise UsageError("This is not text.")
        Requirement.parse(package, record_path.parent)
    except UsageError as error:
        raise InvalidInput(
            f"{record_path}: the spec in it names no package: {str(package)[:_LONGEST]!r}.",
            "A package is a name, name==version or git+https://…; ask the sender of this record.",
            code="spec_package",
        ) from error


def _names(record: ExperimentRecord) -> set[str]:
    """Return what the model may be called; the public DisSModel calls many of them ``local``."""
    names = {record.model_name}
    model = record.resolved_spec.get("model")
    if record.schema_version == 0 and isinstance(model, dict):
        names |= {one for one in (model.get("class"), model.get("name")) if isinstance(one, str)}
    return names


def _file_of(module: str | None) -> str:
    return f"{(module or 'a').removeprefix('dissmodel_file_')[:_LONGEST]}.py"
