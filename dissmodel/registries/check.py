"""What is wrong with a registry, or with one model's TOML, before others sync it."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from dissmodel.environments.requirement import Requirement
from dissmodel.errors import DissmodelError, InvalidInput, UsageError
from dissmodel.registries.placeholders import is_reserved, placeholder_in
from dissmodel.registry.catalog import read_catalog
from dissmodel.registry.index import file_problem, files_in
from dissmodel.registry.spec import MAX_BYTES, Spec, SpecError, load_spec
from dissmodel.registry.state import CATALOG

Severity = Literal["warning", "error"]
Further = Callable[[Spec], Iterator["SpecFinding"]]
"""From a spec that nothing is wrong with to what is found by trying it."""

_SHOWN = 80
_PUBLISHED = "Write where the package is: NAME==VERSION, or git+https://host/org/repo@tag."
_HEADER = re.compile(r"\s*\[\[?\s*([^\]]+?)\s*\]")
_MODULE = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*")


@dataclass(frozen=True)
class SpecFinding:
    """A problem in a registry: with an error the model can't be used.

    ``line`` counts from 1; it is None for what concerns the file, or a folder, as a whole.
    """

    severity: Severity
    path: str
    line: int | None
    message: str
    hint: str = ""


@dataclass(frozen=True)
class RegistryCheck:
    """How many files were looked at, and what was found, file by file."""

    files: int
    findings: tuple[SpecFinding, ...]

    @property
    def ok(self) -> bool:
        """Whether no error was found."""
        return all(finding.severity != "error" for finding in self.findings)


def check_registry(path: Path, further: Further | None = None) -> RegistryCheck:
    """Look at every TOML of a registry, or at one; nothing is fetched, installed or imported.

    `path` is a folder with ``models/`` in it, that folder itself, or one model's TOML. `further` tries each
    spec in which no error was found.

    Raises
    ------
    UsageError
        If there is no such file or folder.
    InvalidInput
        If the folder is not a registry.
    """
    if path.is_dir():
        is_models = path.name == "models" and not (path / "models").exists()
        models = path if is_models else path / "models"
        files = [(models / name, why) for name, why in files_in(models)]
        others = [*_not_taken(models), *_catalog(models)]
    elif path.is_file():
        files, others = [(path, file_problem(path.name) if path.suffix == ".toml" else "")], []
    else:
        raise UsageError(
            f"{path}: there is no such file or folder.", "Give a registry's folder, or a model's TOML."
        )
    findings = list(others)
    for file, why in files:
        findings += [SpecFinding("error", str(file), None, f"{why}.")] if why else _check(file, further)
    return RegistryCheck(len(files), tuple(findings))


@dataclass(frozen=True)
class _Problem:
    """What is wrong with a key of a spec, not yet with its line."""

    severity: Severity
    key: str
    message: str
    hint: str
    table: str = "model"


def _not_taken(models: Path) -> Iterator[SpecFinding]:
    for path in sorted(models.iterdir()):
        if path.suffix != ".toml" and path.name.lower() not in {"readme.md", ".gitkeep"}:
            message = "this file is ignored; models are in models/NAME.toml."
            yield SpecFinding("warning", str(path), None, message)


def _catalog(models: Path) -> Iterator[SpecFinding]:
    """Yield what is wrong with the catalog beside the models; each model works without it."""
    catalog = read_catalog(models.parent)
    path = str(models.parent / CATALOG)
    if catalog.is_unread:
        hint = 'Install a parser: python -m pip install "ruamel.yaml>=0.18"'
        yield SpecFinding("warning", path, None, "it is not checked: no parser for YAML is installed.", hint)
    found = [(one.line, one.message, one.hint) for one in catalog.problems]
    found += [
        (line, f"there is no model {name[:_SHOWN]!r}.", "Take it out, or add its TOML.")
        for name, line in catalog.lines.items()
        if file_problem(f"{name}.toml") or not (models / f"{name}.toml").is_file()
    ]
    for line, message, hint in sorted(found, key=lambda one: one[0] or 0):
        yield SpecFinding("warning", path, line, message, hint)


def _check(path: Path, further: Further | None) -> list[SpecFinding]:
    lines = TomlLines(path)
    try:
        spec = load_spec(path)
    except SpecError as error:
        line = error.line or lines.of(error.key, error.table)
        return [SpecFinding("error", str(path), line, error.detail, error.hint)]
    except InvalidInput as error:
        return [SpecFinding("error", str(path), None, error.message, error.hint)]
    found = [
        SpecFinding(
            problem.severity, str(path), lines.of(problem.key, problem.table), problem.message, problem.hint
        )
        for problem in _problems(spec, path)
    ]
    if further is not None and all(finding.severity != "error" for finding in found):
        found += further(spec)
    return sorted(found, key=lambda finding: finding.line or 0)


def _problems(spec: Spec, path: Path) -> Iterator[_Problem]:
    model = spec.model
    yield from _name_problems(model, path)
    if "class" not in model:
        message = "the class is missing; the executor is taken to have the model's name."
        yield _Problem("warning", "", message, 'Add class = "...", the name of the executor.')
    if not str(model.get("description", "")).strip():
        yield _Problem("warning", "description", "there is no description.", 'Add description = "..."')
    module = model.get("executor_module")
    if module is not None and not _MODULE.fullmatch(module):
        message = f"{module[:_SHOWN]!r} is not a valid module name."
        yield _Problem("error", "executor_module", message, 'Write it as in "coast.executors".')
    package = model.get("package")
    if package is None:
        hint = 'Add package = "NAME==VERSION", unless the model comes with dissmodel.'
        yield _Problem("warning", "", "there is no package.", hint)
    else:
        yield from _package_problems(package, path)
    for table in ("model.parameters", "model"):
        values = model.get("parameters", {}) if table == "model.parameters" else model
        for key, value in values.items():
            why = "" if key == "parameters" else _not_plain(value)
            if why:
                message = f"{key} is {why}, which no record can hold."
                yield _Problem("error", key, message, "Write it as text.", table)
    for table in spec.ignored:
        message = f"[{table}] has no effect here."
        yield _Problem("warning", table, message, "A model's tables are below [model].", "")


def _name_problems(model: Mapping[str, Any], path: Path) -> Iterator[_Problem]:
    name = model.get("name")
    if name is None:
        yield _Problem("error", "", "the name is missing.", f'Add name = "{path.stem}".')
    elif file_problem(f"{name}.toml"):
        message = f"{name[:_SHOWN]!r} is not a valid model name."
        yield _Problem("error", "name", message, f'Write name = "{path.stem}".')
    elif name != path.stem:
        message = f"the name is {name!r}, and the file's is {path.stem!r}."
        yield _Problem("warning", "name", message, f"Rename the file to {name}.toml, or the model.")
    for key in ("name", "class", "executor_module", "description"):
        placeholder = placeholder_in(str(model.get(key, "")), is_text=key == "description")
        if placeholder:
            message = f"{placeholder!r} is a placeholder."
            yield _Problem("error", key, message, f"Write the model's own {key}.")


def _package_problems(package: str, path: Path) -> Iterator[_Problem]:
    placeholder = placeholder_in(package)
    if placeholder:
        yield _Problem("error", "package", f"{placeholder!r} is a placeholder.", _PUBLISHED)
        return
    try:
        wanted = Requirement.parse(package, path.parent)
    except DissmodelError as error:
        yield _Problem("error", "package", error.message, error.hint)
        return
    if wanted.kind == "path":
        hint = "Publish it: an index, or git+https://host/org/repo@tag."
        yield _Problem("warning", "package", "this folder is on one machine only.", hint)
    elif wanted.kind == "index" and wanted.exact is None:
        message = "no exact version: a later run may use another version."
        yield _Problem("warning", "package", message, f'Write it as "{wanted.name}==VERSION".')
    elif wanted.kind == "git" and wanted.ref is None:
        message = "no tag or commit: a later run may use another commit."
        yield _Problem("warning", "package", message, f'Write it as "{package}@TAG".')
    elif wanted.kind == "git" and is_reserved(wanted.url or ""):
        message = f"nothing can be published at {wanted.url}: its host is for examples."
        yield _Problem("error", "package", message, _PUBLISHED)


def _not_plain(value: Any) -> str:
    """Return why JSON can't hold `value`; empty if it can."""
    if isinstance(value, float) and not math.isfinite(value):
        return "not finite"
    if isinstance(value, (dt.date, dt.time)):
        return "a date or time"
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return next(filter(None, map(_not_plain, inner)), "")


class TomlLines:
    """The lines of a TOML, to be asked where a key is.

    A file that can't be read has none.
    """

    def __init__(self, path: Path) -> None:
        try:
            with path.open("rb") as stream:
                self.lines = stream.read(MAX_BYTES).decode("utf-8", "replace").splitlines()
        except OSError:
            self.lines = []

    def of(self, key: str, table: str) -> int | None:
        """Return the line of a key in a table; else that of the table; else None."""
        here, at = "", None
        key_first = re.compile(rf"""\s*["']?{re.escape(key)}["']?\s*[.=]""")
        for number, line in enumerate(self.lines, 1):
            header = _HEADER.match(line)
            if header is not None:
                here = header[1].replace(" ", "")
                at = number if at is None and here in {table, key, f"{table}.{key}"} else at
                if key and here in {key, f"{table}.{key}"}:
                    return number
            elif key and here == table and key_first.match(line):
                return number
        return at
