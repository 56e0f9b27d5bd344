"""A model's TOML: which executor, which parameters, which names in the data."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from dissmodel import __version__
from dissmodel.config import toml
from dissmodel.config.level import API_LEVEL, is_met
from dissmodel.errors import InvalidInput
from dissmodel.placeholders import refuse_pointer

MAX_BYTES = 1 << 20
_EXAMPLE = 'A spec has a section [model] with a name: name = "coastal_raster".'
_ABOUT = 'Below [about] stand lines such as title = "..." and license = "CC-BY-4.0".'
_SHOWN = 80
_STREAMS = ("/dev/stdin", "/dev/fd/", "/proc/self/fd/")  # as a shell hands them over: <(…)
_SECTIONS = ("parameters", "bands", "columns", "class_map")
_TEXTS = ("name", "class", "package", "executor_module", "description", "dissmodel")
_METADATA = {*_TEXTS, *_SECTIONS}


class SpecError(InvalidInput):
    """A model's TOML can't be used: `detail` is the message without the path."""

    def __init__(
        self,
        path: Path,
        detail: str,
        hint: str,
        *,
        code: str,
        key: str = "",
        table: str = "model",
        line: int | None = None,
    ) -> None:
        super().__init__(f"{path}: {detail}", hint, code=code)
        self.detail, self.key, self.table, self.line = detail, key, table, line


@dataclass(frozen=True)
class Spec:
    """A ``[model]`` table, read from `path`.

    `model` is the whole table as it stands in the file; `parameters` are the model's own keys, overridden
    by ``[model.parameters]``; `bands` and `columns` are canonical name → name in the file; `class_map` is
    field → table of codes; `about` is the table ``[about]``, which `dissmodel.record.about` checks;
    `ignored` are other tables of the file, which mean nothing here. The names of
    files in it are relative to `folder`, and may not leave it unless the TOML is the user's own; without a
    folder it may name no file.
    """

    path: Path
    model: Mapping[str, Any]
    parameters: Mapping[str, Any] = field(default_factory=dict)
    bands: Mapping[str, str] = field(default_factory=dict)
    columns: Mapping[str, str] = field(default_factory=dict)
    class_map: Mapping[str, Any] = field(default_factory=dict)
    about: Mapping[str, Any] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()
    folder: Path | None = None
    is_own: bool = False

    @property
    def executor(self) -> str | None:
        """The executor's name: ``class``, else ``name``."""
        return self.model.get("class") or self.model.get("name")

    @property
    def description(self) -> str:
        """The model's description in the spec."""
        return str(self.model.get("description", ""))

    @property
    def package(self) -> str:
        """Which package has the model; empty if it is installed where dissmodel is."""
        return str(self.model.get("package", ""))

    @property
    def substrate(self) -> str:
        """What the model works on: in so many words, or by the names that it maps; empty if neither says."""
        said = self.model.get("substrate")
        if said in {"raster", "vector"}:
            return str(said)
        names = {"bands": "raster", "columns": "vector"}
        mapped = [name for table, name in names.items() if self.model.get(table)]
        return mapped[0] if len(mapped) == 1 else ""

    @property
    def resolved(self) -> dict[str, Any]:
        """The part of the spec that a record keeps."""
        return {"model": dict(self.model)}


def plain_spec(
    name: str,
    parameters: Mapping[str, Any],
    bands: Mapping[str, Any],
    columns: Mapping[str, Any],
    metadata: Mapping[str, Any] | None = None,
    *,
    class_map: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the spec that gives these parameters and maps, without nulls, which TOML does not have.

    `name` is the executor's. Of `metadata`, what else stands in a model's table is kept, such as its package.

    Examples
    --------
    >>> plain_spec("flood", {"end_time": 3, "seed": None}, {}, {})
    {'model': {'name': 'flood', 'class': 'flood', 'parameters': {'end_time': 3}}}
    """
    kept = {key: value for key, value in (metadata or {}).items() if key in _TEXTS}
    given = (parameters, bands, columns, class_map or {})
    sections = dict(zip(_SECTIONS, map(without_null, given), strict=True))
    return {
        "model": {
            "name": name,
            "class": name,
            **kept,
            **{key: section for key, section in sections.items() if section},
        }
    }


def without_null(value: Any) -> Any:
    """Return a value without the nulls in it, which TOML does not have."""
    if isinstance(value, Mapping):
        return {name: without_null(inner) for name, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [without_null(inner) for inner in value if inner is not None]
    return value


def load_spec(path: Path) -> Spec:
    """Read a model's TOML.

    Raises SpecError if the file is missing, too large, no TOML, has no ``[model]``, misspells a section or
    asks for another dissmodel; InvalidInput if the file is a pointer to data elsewhere.
    """
    spec = spec_of(_parse(path), path)
    return replace(spec, folder=Path() if str(path).startswith(_STREAMS) else path.absolute().parent)


def spec_of(document: Mapping[str, Any], path: Path) -> Spec:
    """Return the spec that the tables of a model's TOML make; `path` is what an error calls it.

    Raises
    ------
    SpecError
        If there is no ``[model]``, a section is misspelt, or another dissmodel is asked for.
    """
    model = document.get("model")
    if "model" in document and not isinstance(model, dict):
        raise SpecError(path, "model must be one section, [model].", _EXAMPLE, code="spec_section")
    if not isinstance(model, dict):
        near = get_close_matches("model", document, n=1, cutoff=0.6)
        hint = f"Rename [{near[0]}] to [model]." if near else _EXAMPLE
        raise SpecError(path, "there is no [model] section.", hint, code="spec_section")
    about = document.get("about", {})
    if not isinstance(about, dict):
        raise SpecError(path, "about must be one section, [about].", _ABOUT, code="spec_section", key="about")
    ignored = tuple(key for key in document if key not in {"model", "about"})
    for key in ignored:
        _refuse_misspelt(path, key, ("model", "about", *_SECTIONS), "")
    for key in model.keys() - _METADATA:
        if isinstance(model[key], dict):
            _refuse_misspelt(path, key, _SECTIONS, "model.")
    sections = {name: _section(path, model, name) for name in _SECTIONS}
    for name in _TEXTS:
        if name in model and not isinstance(model[name], str):
            raise SpecError(
                path,
                f"{name} in [model] has to be text, not {_brief(model[name])}.",
                f'Write it as {name} = "..." or leave it out.',
                code="spec_value",
                key=name,
            )
    _check_version(path, model.get("dissmodel"))
    parameters = {**_own(model), **sections["parameters"]}
    bands, columns, class_map = (sections[name] for name in _SECTIONS[1:])
    return Spec(path, model, parameters, bands, columns, class_map, about, ignored)


def _own(model: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters that stand in the model's table itself; published forms mean the same."""
    own = {key: value for key, value in model.items() if key not in _METADATA}
    types, scalars = own.get("land_use_types"), own.get("allocation")
    if isinstance(types, dict) and "types" in types:
        own["land_use_types"] = types["types"]
    if isinstance(scalars, dict):  # what is said twice and differs is the model's matter
        own |= {name: value for name, value in scalars.items() if name not in own}
        own["allocation"] = {name: value for name, value in scalars.items() if own[name] != value}
        if not own["allocation"]:
            del own["allocation"]
    return own


def _parse(path: Path) -> dict[str, Any]:
    hint = "Give the path of a model's TOML."
    try:
        if not stat.S_ISREG(path.stat().st_mode) and not str(path).startswith(_STREAMS):
            what = "a folder" if path.is_dir() else "not a regular file"
            raise SpecError(path, f"this is {what}.", hint, code="spec_unreadable")
        with path.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise SpecError(path, "there is no such file.", hint, code="spec_missing") from None
    except SpecError:
        raise
    except (OSError, ValueError) as error:  # a name with a NUL in it is a ValueError
        why = getattr(error, "strerror", None) or error
        raise SpecError(path, f"{why}.", hint, code="spec_unreadable") from error
    if len(raw) > MAX_BYTES:
        limit = f"a spec may have at most {MAX_BYTES >> 20} MiB; this file is larger."
        raise SpecError(path, limit, hint, code="spec_too_large")
    refuse_pointer(raw, path)
    try:
        return toml.parse(raw)
    except toml.NotToml as error:
        raise SpecError(
            path,
            f"this is not valid TOML: {error}.",
            f"Fix it there, in UTF-8; text stands in quotes. {_EXAMPLE}",
            code="spec_syntax",
            line=error.line,
        ) from error


def _refuse_misspelt(path: Path, key: str, known: tuple[str, ...], above: str) -> None:
    near = get_close_matches(key, known, n=1, cutoff=0.7)
    if near:
        right = f"[{near[0]}]" if near[0] in {"model", "about"} else f"[model.{near[0]}]"
        detail = f"there is no section [{above}{key}]."
        table = above.removesuffix(".")
        raise SpecError(path, detail, f"Did you mean {right}?", code="spec_section", key=key, table=table)


def _section(path: Path, model: Mapping[str, Any], name: str) -> dict[str, Any]:
    section = model.get(name, {})
    if not isinstance(section, dict):
        raise SpecError(
            path,
            f"{name} has to be a table, not {_brief(section)}.",
            f"Write [model.{name}] and below it a line for each name.",
            code="spec_section",
            key=name,
        )
    for key, value in section.items():
        if name == "class_map" and isinstance(value, dict):
            continue
        if name != "parameters" and not isinstance(value, str):
            raise SpecError(
                path,
                f"{key} in [model.{name}] has to be a name in the data, not {_brief(value)}.",
                f'Write it as {key} = "...".',
                code="spec_value",
                key=key,
                table=f"model.{name}",
            )
    return section


def _brief(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _check_version(path: Path, wanted: str | None) -> None:
    if not wanted:
        return
    from packaging.specifiers import InvalidSpecifier, SpecifierSet  # noqa: PLC0415  (few specs have a range)

    try:
        is_admitted = is_met(SpecifierSet(wanted, prereleases=True))
    except InvalidSpecifier:
        detail = f"dissmodel = {wanted!r} is not a version range."
        hint = f'Write it as dissmodel = ">={API_LEVEL}" or leave it out.'
    else:
        if is_admitted:
            return
        detail = f"it needs dissmodel {wanted}; this is {__version__} (API level {API_LEVEL})."
        hint = "Install a dissmodel that the spec admits, or change the spec."
    raise SpecError(path, detail, hint, code="spec_version", key="dissmodel")
