"""What the project says of itself, as Markdown: its commands, models, errors, Python names and record."""

from __future__ import annotations

import html
import importlib
import json
import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import entry_points
from typing import Any

import typer

import dissmodel
from dissmodel.cli.app import app
from dissmodel.errors import DissmodelError
from dissmodel.executor import ExperimentRecord

PUBLISHED = "https://json-schema.org/draft/2020-12/schema"


def plain(text: str) -> str:
    """Return a text in which no character is a mark of Markdown or HTML, but for code in backticks."""
    parts = re.split(r"(`[^`]*`)", " ".join(text.split()))
    return "".join(
        part if part.startswith("`") else re.sub(r"([\\*_\[\]|#])", r"\\\1", html.escape(part, quote=False))
        for part in parts
    )


def code(text: str) -> str:
    """Return a text as code in a cell of a table; nothing for an empty one."""
    return f"`{text}`" if text else ""


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a table of cells that are Markdown."""
    names = [*head]
    lines = [names, ["---"] * len(names), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield the words and the command of a command and of all below it."""
    yield path, command
    for name in getattr(command, "commands", ()):
        yield from commands(command.get_command(None, name), (*path, name))


def command_line() -> str:
    """Return every command with its help, its arguments and its options."""
    whole = [*commands(typer.main.get_command(app))]
    rows = [
        (f"[`{' '.join(path)}`](#{_link(path)})", plain(command.help.partition("\n")[0]))
        for path, command in whole
        if path
    ]
    return "\n".join([table(("Command", "What it does"), rows), *(_one_command(*one) for one in whole)])


def _one_command(path: tuple[str, ...], command: Any) -> str:
    name = " ".join(("dissmodel", *path))
    text, _, example = (command.help or "").partition("Example:")
    parts = [f"## {name} {{ #{_link(path)} }}\n"]
    parts += [plain(paragraph) + "\n" for paragraph in text.strip().split("\n\n")]
    if example:
        parts.append(f"```sh\n{' '.join(example.split())}\n```\n")
    arguments = [one for one in command.params if one.param_type_name == "argument"]
    options = [one for one in command.params if one.param_type_name == "option"]
    if arguments:
        rows = [(code(one.make_metavar(_context(command))), _told(one)) for one in arguments]
        parts.append(table(("Argument", "Meaning"), rows))
    rows = [(code(_spelt(one, command)), _told(one)) for one in options]
    parts.append(table(("Option", "Meaning"), rows) if rows else "")
    return "\n".join(parts)


def _link(path: tuple[str, ...]) -> str:
    return "-".join(("dissmodel", *path)).replace(" ", "-")


def _context(command: Any) -> Any:
    return command.context_class(command)


def _spelt(option: Any, command: Any) -> str:
    names = ", ".join(sorted(option.opts, key=len))
    return (
        names if option.is_flag or _choices(option) else f"{names} {option.make_metavar(_context(command))}"
    )


def _choices(option: Any) -> str:
    return ", ".join(code(one) for one in getattr(option.type, "choices", ()))


def _told(parameter: Any) -> str:
    default = parameter.default
    is_shown = isinstance(default, str | int | float) and not isinstance(default, bool) and default != ""
    ends = [f"One of {_choices(parameter)}."] if _choices(parameter) else []
    ends += [f"Default: `{default}`."] if is_shown else []
    ends += ["**Required.**"] if parameter.required else []
    return " ".join([plain(parameter.help or ""), *ends])


def models() -> str:
    """Return each built-in model with its fields, classes and parameters."""
    return "\n".join(_one_model(row.name) for row in dissmodel.show().models if row.source == "builtin")


def _one_model(name: str) -> str:
    view = dissmodel.show(name)
    (found,) = entry_points(group="dissmodel.executors", name=name)
    executor = found.load()
    suffixes = executor.output_suffixes or (executor.output_suffix,)
    writes = "a folder" if suffixes == ("/",) else ", ".join(map(code, suffixes))
    parts = [f"## {name} {{ #{name} }}\n", plain(view.row.summary) + "\n", f"Writes {writes}.\n"]
    rows = [(code(field), plain(values)) for field, values in view.input_fields.items()]
    if rows:
        parts.append("**Bands or columns**\n\n" + table(("Name", "Values"), rows))
    for field, legend in executor.legends.items():
        rows = [(f"{one.code}", plain(one.name), _swatch(one.colour)) for one in legend]
        parts.append(f"**Classes of `{field}`**\n\n" + table(("Code", "Class", "Colour"), rows))
    rows = [
        (code(one.name), one.type, plain(one.unit), plain(one.bounds), code(one.default), _meaning(one))
        for one in view.parameters
    ]
    head = ("Name", "Type", "Unit", "Bounds", "Default", "Meaning")
    parts.append("**Parameters**\n\n" + table(head, rows))
    return "\n".join(parts)


def _swatch(colour: str) -> str:
    return f'<span class="swatch" style="background:{colour}"></span> `{colour}`'


def _meaning(parameter: Any) -> str:
    also = ", ".join(map(code, parameter.aliases))
    return plain(parameter.description) + (f" Also {also}." if also else "")


def exit_codes() -> str:
    """Return each error with its code and the exit code of the command line."""
    rows = [
        (str(error.exit_code), code(error.code), code(error.__name__), plain(_first_line(error)))
        for error in sorted(_below(DissmodelError), key=lambda error: (error.exit_code, error.__name__))
        if error.__module__ == DissmodelError.__module__
    ]
    return table(("Exit code", "`code` in `--json`", "Class", "Meaning"), rows)


def _first_line(found: type) -> str:
    return (found.__doc__ or "").partition("\n")[0]


def _below(error: type[DissmodelError]) -> Iterator[type[DissmodelError]]:
    yield error
    for child in error.__subclasses__():
        yield from _below(child)


def python_names(words: str) -> str:
    """Return the directives that show the public names of a module: all, its functions or its classes."""
    return "\n".join(f"::: {name}\n" for name in names_of(words))


def python_places(module: str) -> str:
    """Return the same for a module whose names load on first use, where only Python itself can find them.

    What `dissmodel` has by the same name is left out.
    """
    where = importlib.import_module(module)
    found = {name: getattr(where, name.rpartition(".")[2]) for name in names_of(module)}
    return "\n".join(
        f"::: {value.__module__}.{value.__qualname__}\n    options:\n      heading: {name}\n"
        for name, value in found.items()
        if getattr(dissmodel, value.__name__, None) is not value
    )


def names_of(words: str) -> list[str]:
    """Return the public names of a module, such as ``dissmodel.metrics`` or ``dissmodel functions``."""
    module, _, kind = words.partition(" ")
    where = importlib.import_module(module)
    own = [name for name, value in vars(where).items() if getattr(value, "__module__", "") == module]
    names: Iterable[str] = getattr(where, "__all__", own)
    found = {name: getattr(where, name) for name in names if not name.startswith("_")}
    return [
        f"{module}.{name}"
        for name, value in found.items()
        if callable(value) and (not kind or isinstance(value, type) == (kind == "classes"))
    ]


def record_schema() -> str:
    """Return the JSON Schema of a record."""
    schema = {"$schema": PUBLISHED, **ExperimentRecord.model_json_schema()}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def record_fields() -> str:
    """Return the fields of a record and of its parts, with their types."""
    schema = ExperimentRecord.model_json_schema()
    parts = {"The record": schema, **schema["$defs"]}
    return "[Download the schema](../record.schema.json)\n\n" + "\n".join(
        f"## {name} {{ #{_anchor(name)} }}\n\n{_prose(part)}\n\n{_fields(part)}"
        for name, part in parts.items()
    )


def _anchor(name: str) -> str:
    return "the-record" if name == "The record" else f"part-{name.lower()}"


def _prose(part: Mapping[str, Any]) -> str:
    text = str(part.get("description", "")).partition(">>>")[0].replace("``", "`")
    return "\n\n".join(plain(paragraph) for paragraph in text.split("\n\n"))


def _fields(part: Mapping[str, Any]) -> str:
    required = set(part.get("required", ()))
    rows = [
        (code(name), _type(field), "yes" if name in required else "")
        for name, field in part.get("properties", {}).items()
    ]
    return table(("Field", "Type", "Required"), rows)


def _type(field: Mapping[str, Any]) -> str:
    if "$ref" in field:
        name = str(field["$ref"]).rpartition("/")[2]
        return f"[{name}](#{_anchor(name)})"
    if "anyOf" in field or "oneOf" in field:
        return " or ".join(_type(one) for one in field.get("anyOf") or field["oneOf"])
    if "enum" in field:
        return ", ".join(code(json.dumps(one)) for one in field["enum"])
    if "const" in field:
        return code(json.dumps(field["const"]))
    if field.get("type") == "array":
        return "array of " + (_type(field["items"]) if field.get("items") else "values")
    if isinstance(field.get("additionalProperties"), Mapping):
        return "object of " + _type(field["additionalProperties"])
    return str(field.get("type", "any value"))


class _Heard(logging.Handler):
    """Keeps the messages of a library's log."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())


def check_docstrings(names: Iterable[str]) -> None:
    """End with a list of what is wrong with the docstrings of names, which the site would only log."""
    import griffe  # noqa: PLC0415  (the reference itself needs none of the site's packages)

    heard = _Heard()
    logging.getLogger("griffe").addHandler(heard)
    loader = griffe.GriffeLoader(docstring_parser="numpy")
    loader.load("dissmodel")
    loader.resolve_aliases(implicit=True)
    heard.messages.clear()  # of aliases into other packages
    for name in names:
        _parse(loader.modules_collection[name])
    if heard.messages:
        raise SystemExit("\n".join(["Docstrings that cannot be rendered:", *heard.messages]))


def _parse(found: Any) -> None:
    found = getattr(found, "final_target", found)
    takes_any = found.is_class and "__init__" not in found.members  # a model's keywords go to its `setup`
    if found.docstring is not None:
        found.docstring.parse("numpy", warn_unknown_params=not takes_any)
    if found.is_class:
        for name, member in found.members.items():
            if not name.startswith("_") and not member.is_alias:
                _parse(member)
