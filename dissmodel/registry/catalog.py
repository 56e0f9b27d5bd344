"""A registry's ``catalog.yaml``: titles, descriptions and groups of its models, for people.

It is a help and no more: what is wrong with it is a warning, and each model works without it.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from dissmodel.registry.state import CATALOG

MAX_BYTES = 128 << 10
_LONGEST = {"title": 200, "description": 2000, "group": 100}
_TEXT = "tag:yaml.org,2002:str"
_SHOWN = 80
_EXAMPLE = "Write it as: models: {NAME: {title: ..., description: ..., group: ...}}"


@dataclass(frozen=True)
class CatalogEntry:
    """What a catalog says about a model; a text is empty where it says nothing."""

    title: str = ""
    description: str = ""
    group: str = ""


@dataclass(frozen=True)
class CatalogProblem:
    """What is wrong with a catalog; `line` counts from 1, and is None for the file as a whole."""

    line: int | None
    message: str
    hint: str = ""


@dataclass(frozen=True)
class Catalog:
    """A catalog: what it says about each model, on which line, and what is wrong with it.

    `is_unread` says that there is one, and no parser for it here.
    """

    models: Mapping[str, CatalogEntry] = field(default_factory=dict)
    lines: Mapping[str, int] = field(default_factory=dict)
    problems: tuple[CatalogProblem, ...] = ()
    is_unread: bool = False

    def of(self, name: str) -> CatalogEntry:
        """Return what it says about a model."""
        return self.models.get(name, CatalogEntry())


def read_catalog(registry: Path) -> Catalog:
    """Return the catalog in the folder of a registry; without one it is empty. It never fails."""
    path = registry / CATALOG
    try:
        now = path.lstat()
        if not stat.S_ISREG(now.st_mode):
            return _broken(None, "a registry holds files, and this is not a file.")
        return _read(path, (now.st_mtime_ns, now.st_ctime_ns, now.st_size, now.st_ino))
    except (FileNotFoundError, NotADirectoryError):
        return Catalog()
    except OSError as error:
        return _broken(None, f"can't be read: {error.strerror or error}.")


@lru_cache(maxsize=64)  # the service asks again and again, and to parse YAML takes long
def _read(path: Path, version: tuple[int, ...]) -> Catalog:
    del version  # it only tells one content of the file from the next
    with path.open("rb") as stream:
        raw = stream.read(MAX_BYTES + 1)
    return parse_catalog(raw)


def parse_catalog(raw: bytes) -> Catalog:
    """Return what the bytes of a catalog say; they are not trusted.

    Nothing is constructed from them but texts: no tag has an effect, and an alias stands for one model's
    text at the most.
    """
    if len(raw) > MAX_BYTES:
        return _broken(None, f"it has more than {MAX_BYTES >> 10} KiB.")
    try:
        from ruamel.yaml import YAML  # noqa: PLC0415  (only the extra `service` brings it)
        from ruamel.yaml.error import MarkedYAMLError, YAMLError  # noqa: PLC0415  (as above)
    except ImportError:
        return Catalog(is_unread=True)
    try:
        root = YAML(typ="safe", pure=True).compose(raw.decode("utf-8-sig"))
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark is not None else None
        return _broken(line, f"this is not valid YAML: {str(error.problem)[:_SHOWN]}.")
    except (YAMLError, UnicodeDecodeError) as error:
        return _broken(None, f"this is not valid YAML: {str(error).splitlines()[0][:_SHOWN]}.")
    except (RecursionError, ValueError, LookupError, TypeError, AttributeError, AssertionError):
        return _broken(None, "this is not valid YAML.")  # what the parser meets in text that is none
    return _of(root)


def _of(root: Any) -> Catalog:
    problems: list[CatalogProblem] = []
    models: dict[str, CatalogEntry] = {}
    lines: dict[str, int] = {}
    for key, value in _pairs(root, "the file", problems):
        if key.value != "models":
            problems.append(CatalogProblem(_line(key), f"{_shown(key)} has no effect.", _EXAMPLE))
            continue
        for name, entry in _pairs(value, "models", problems):
            texts = {}
            for what, text in _pairs(entry, _shown(name), problems):
                problem = _text_problem(what, text)
                if problem:
                    problems.append(CatalogProblem(_line(what), f"{_shown(name)}: {problem}", _EXAMPLE))
                else:
                    texts[what.value] = text.value.strip()
            models[name.value] = CatalogEntry(**texts)
            lines[name.value] = _line(name)
    return Catalog(models, lines, tuple(problems))


def _pairs(node: Any, what: str, problems: list[CatalogProblem]) -> Iterator[tuple[Any, Any]]:
    """Yield the keys, which are texts, and the values of a mapping."""
    if node is None or node.id != "mapping":
        problems.append(CatalogProblem(_line(node) if node else None, f"{what} is not a table.", _EXAMPLE))
        return
    met = set()
    for key, value in node.value:
        is_text = key.id == "scalar"
        if not is_text or key.value in met:
            why = "is given twice" if is_text else "is not a name"
            problems.append(CatalogProblem(_line(key), f"{what}: {_shown(key)} {why}.", _EXAMPLE))
            continue
        met.add(key.value)
        yield key, value


def _text_problem(key: Any, value: Any) -> str:
    longest = _LONGEST.get(key.value)
    if longest is None:
        return f"{_shown(key)} has no effect."
    if value.id != "scalar" or value.tag != _TEXT:
        return f"{key.value} has to be a text."
    if len(value.value) > longest:
        return f"{key.value} has more than {longest} characters."
    return ""


def _line(node: Any) -> int:
    return int(node.start_mark.line) + 1


def _shown(node: Any) -> str:
    return repr(node.value)[:_SHOWN] if node.id == "scalar" else "a key"


def _broken(line: int | None, message: str) -> Catalog:
    return Catalog(problems=(CatalogProblem(line, message),))
