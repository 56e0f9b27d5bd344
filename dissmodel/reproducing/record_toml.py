"""The spec that repeats a recorded run."""

from __future__ import annotations

import shlex
from typing import Any

from dissmodel.errors import InvalidInput
from dissmodel.record import ExperimentRecord
from dissmodel.registry.spec import plain_spec
from dissmodel.running.repeat import as_number, refuse_hidden

_LONGEST = 200


def repeating_toml(record: ExperimentRecord, shown: str) -> str:
    """Return a TOML that ``dissmodel run --toml`` takes: the model, and every parameter and name of the run.

    Raises
    ------
    UsageError
        If the record hides the value of a parameter.
    InvalidInput
        If it names no model, or a value has no place in TOML.
    """
    import tomlkit  # noqa: PLC0415  (showing a record needs none of it)
    from tomlkit.exceptions import TOMLKitError  # noqa: PLC0415  (as above)

    refuse_hidden(record, shown)
    table = record.resolved_spec.get("model")
    table = table if isinstance(table, dict) else {}
    name = table.get("class") or table.get("name") or record.model_name
    if not name:
        raise InvalidInput(f"{shown}: it names no model.", "Ask the sender of this record.")
    parameters = {key: as_number(value) for key, value in record.parameters.items()}
    maps: dict[str, Any] = {"class_map": record.class_map}
    for other in record.sources:  # the names of files in a TOML are relative to the TOML
        parameters = put_file(parameters, other.name, other.uri)
        maps = put_file(maps, other.name, other.uri)
    bands, columns = record.band_map, record.column_map
    spec = plain_spec(str(name), parameters, bands, columns, table, class_map=maps["class_map"])
    try:
        text = tomlkit.dumps(spec)
    except (TOMLKitError, ValueError, TypeError, RecursionError) as error:
        raise InvalidInput(f"{shown}: its model section is not valid TOML: {error}.", "") from error
    early = "# Its until ended it early; `dissmodel reproduce` repeats that.\n" if record.until else ""
    return f"# {_command(record)}\n{early}{text}"


def _command(record: ExperimentRecord) -> str:
    """Return what repeats the run; a spec has no place for all of it."""
    words = ["dissmodel", "run", "--toml", "FILE.toml", "--input", record.source.uri or "INPUT"]
    words += [] if record.source.layer is None else ["--layer", record.source.layer]
    words += [] if record.input_format == "auto" else ["--format", record.input_format]
    words += [] if record.seed is None else ["--seed", str(record.seed)]
    line = " ".join(shlex.quote(word[:_LONGEST]) for word in words)
    return "".join(letter if letter.isprintable() else "?" for letter in line)


def put_file(inner: Any, name: str, path: str) -> Any:
    """Return a value with the path of a file in the place where the value names the file, if it does."""
    key, _, rest = name.partition(".")
    if not name:
        return path if isinstance(inner, str) else inner
    if isinstance(inner, dict) and key in inner:
        return inner | {key: put_file(inner[key], rest, path)}
    if isinstance(inner, list) and key.isdecimal() and int(key) < len(inner):
        return [put_file(one, rest, path) if at == int(key) else one for at, one in enumerate(inner)]
    return inner
