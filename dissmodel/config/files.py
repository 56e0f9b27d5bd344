"""The two files that settings come from: where they are, what they say, how a line in them is changed."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from dissmodel import bounded
from dissmodel.config import toml
from dissmodel.config.keys import KEYS, Key, Value, from_toml, key_of
from dissmodel.errors import InvalidInput, StorageError, UsageError

MAX_BYTES = 1 << 18
PROJECT_NAME = "dissmodel.toml"


def user_file(environ: Mapping[str, str]) -> Path:
    """Return where the user's settings are: ``DISSMODEL_CONFIG``, or where this system keeps such files."""
    given = environ.get("DISSMODEL_CONFIG")
    if given:
        return Path(given).expanduser().absolute()
    import platformdirs  # noqa: PLC0415  (only where the variable is not set)

    return Path(platformdirs.user_config_dir("dissmodel", appauthor=False)) / "config.toml"


def project_file(folder: Path | None) -> Path | None:
    """Return the nearest ``dissmodel.toml``: in `folder`, or above it within the same git repository."""
    if folder is None:  # the current folder was removed
        return None
    folder = folder.absolute()
    # Where a folder may not be looked into, there is none: pathlib would raise (before Python 3.14).
    root = next((place for place in (folder, *folder.parents) if os.path.exists(place / ".git")), folder)  # noqa: PTH110
    for place in (folder, *folder.parents):
        if os.path.isfile(place / PROJECT_NAME):  # noqa: PTH113
            return place / PROJECT_NAME
        if place == root:
            break
    return None


def read_settings(path: Path, *, project: bool) -> dict[str, tuple[Key, Value]]:
    """Return what a file sets, by name; nothing if there is no such file.

    A project's file may not say whom to trust or where secrets go.

    Raises InvalidInput if it is too large or no TOML, or a setting in it is unknown, of another type, or not
    allowed in it; StorageError if it can't be read.
    """
    found = {}
    for name, value in _flat(_parse(path, read_text(path))):
        try:
            key = key_of(name)
            if project and not key.project:
                raise UsageError(
                    f"{name} can't be set for a project: its settings may come from other people.",
                    "Take the line out. If you want it, set it for yourself: dissmodel config set "
                    f"{name} VALUE",
                    code="project_setting",
                )
            found[name] = (key, from_toml(key, value))
        except UsageError as error:
            raise InvalidInput(f"{path}: {error.message}", error.hint, code=error.code) from None
    return found


def read_text(path: Path) -> str:
    """Return a settings file's text; empty if there is no such file.

    Raises InvalidInput if it is not a regular file, too large or not UTF-8; StorageError if it can't be read.
    """
    try:
        return bounded.contents(path, MAX_BYTES).decode("utf-8-sig")
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError:
        raise InvalidInput(
            f"{path}: this is not text in UTF-8.", "Save it as UTF-8.", code="config_file"
        ) from None
    except bounded.Unfit as error:
        raise InvalidInput(f"{path}: {error}.", "Name a TOML file.", code="config_file") from None
    except (OSError, ValueError) as error:  # a name with a NUL in it is a ValueError
        why = getattr(error, "strerror", None) or error
        raise StorageError(
            f"{path}: the settings can't be read: {why}.",
            "Check the rights of the file, or set DISSMODEL_CONFIG.",
        ) from error


def edited(path: Path, text: str, name: str, value: Value | None) -> str:
    r"""Return a settings file's text with one setting changed, or taken out; all else stays as it is.

    >>> edited(Path("c.toml"), "# mine\ntrust = []\n", "storage.bucket", "results")
    '# mine\ntrust = []\n\n[storage]\nbucket = "results"\n'

    Raises InvalidInput if the text is not TOML.
    """
    _parse(path, text)
    import tomlkit  # noqa: PLC0415  (only what writes needs it)

    document = tomlkit.parse(text)
    *tables, last = name.split(".")
    inner: Any = document
    chain = [inner]
    for table in tables:
        if table not in inner:
            if value is None:
                return text
            inner[table] = tomlkit.table(is_super_table=table == "registries")
        inner = inner[table]
        if not isinstance(inner, dict):
            raise InvalidInput(f"{path}: {table} has to be a table.", f"Write [{table}].", code="config_file")
        chain.append(inner)
    if value is not None:
        inner[last] = list(value) if isinstance(value, tuple) else value
        return tomlkit.dumps(document)
    inner.pop(last, None)
    for table, outer, left in reversed(list(zip(tables, chain, chain[1:], strict=False))):
        if not left:
            del outer[table]
    return tomlkit.dumps(document)


def _parse(path: Path, text: str) -> dict[str, Any]:
    try:
        return toml.parse(text.encode())
    except toml.NotToml as error:
        raise InvalidInput(
            f"{path}: this is not valid TOML: {error}.",
            'Fix it there; text stands in quotes, as in bucket = "results".',
            code="config_file",
        ) from None


def _flat(table: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for part, value in table.items():
        # A name in quotes may hold a dot, and must not pass for a table and a name.
        name = f"{above}{part}" if "." not in part else f"{above}{part!r}"
        if isinstance(value, dict) and name not in KEYS:
            yield from _flat(value, f"{name}.")
        else:
            yield name, value
