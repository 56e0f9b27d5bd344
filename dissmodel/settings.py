"""Show the settings and change those of the user."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from dissmodel.config import load_settings
from dissmodel.config.files import edited, project_file, read_settings, read_text, user_file
from dissmodel.config.keys import Value, from_text, from_toml, key_of
from dissmodel.config.remote import parse_remote
from dissmodel.config.settings import Setting
from dissmodel.errors import StorageError, UsageError
from dissmodel.inherited import current_folder
from dissmodel.locks import busy, held
from dissmodel.record import about, store
from dissmodel.record.redact import redact_document
from dissmodel.storage.settings import VARIABLES

_PATIENCE_S = 5.0


@dataclass(frozen=True)
class SettingRow:
    """One setting: its value without secrets, who set it and where."""

    name: str
    value: Value | None
    origin: str
    where: str
    summary: str


@dataclass(frozen=True)
class ConfigFiles:
    """The user's file of settings, which need not exist, and the project's, if there is one."""

    user: Path
    project: Path | None


def show_settings() -> tuple[SettingRow, ...]:
    """Return every setting as a command started here would see it.

    Raises
    ------
    DissmodelError
        If a file or a variable holds a wrong value.
    """
    return tuple(_row(setting) for setting in load_settings().settings.values())


def _row(setting: Setting) -> SettingRow:
    name, summary = setting.key.name, setting.key.summary
    for variable in VARIABLES.get(name, ()):
        if os.environ.get(variable):
            return SettingRow(name, _shown(os.environ[variable]), "environment", variable, summary)
    return SettingRow(name, _shown(setting.value), setting.origin, setting.where, summary)


def config_files() -> ConfigFiles:
    """Return the files of settings of a command that is started here."""
    return ConfigFiles(user_file(os.environ), project_file(current_folder()))


def set_setting(name: str, text: str) -> SettingRow:
    """Write a setting into the user's file; the rest of the file stays as it is.

    Raises
    ------
    UsageError
        If there is no such setting, or `text` is not a value for it.
    DissmodelError
        If the file can't be read or written.
    """
    key = key_of(name)
    if key.kind == "registry":  # the folder is relative to this one, and the file will be read from elsewhere
        remote = parse_remote(text)
        text = str(remote.folder) if remote.folder is not None else text
    elif key.kind == "folder":
        text = str(Path(text).expanduser().absolute()) if text.strip() else text
    value = from_toml(key, from_text(key, text))
    if name.startswith("about."):
        about.settled({name.removeprefix("about."): value}, name)
    path = change_settings({name: value})
    return SettingRow(name, value, "user file", str(path), key.summary)


def unset_setting(name: str) -> Path:
    """Remove a setting from the user's file, and return the file.

    Raises
    ------
    UsageError
        If the file doesn't set it.
    """
    key_of(name)
    path = user_file(os.environ)
    if name not in read_settings(path, project=False):
        raise UsageError(
            f"{path} doesn't set {name}.",
            "See the origin of each setting: dissmodel config show",
            code="setting_not_set",
        )
    return change_settings({name: None})


def change_settings(changes: Mapping[str, Value | None]) -> Path:
    """Write settings into the user's file, remove those that are None, and return the file.

    Raises
    ------
    DissmodelError
        If the file can't be read or written, or is not TOML.
    """
    path = user_file(os.environ)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        target = path.resolve()  # a link stays a link
        lock = target.with_name(f".{target.name}.lock")
        with held(lock, patience=_PATIENCE_S) as is_held:
            if not is_held:
                raise StorageError(
                    busy(f"{path}: another command is changing it.", lock), "Try again in a moment."
                )
            text = read_text(path)
            for name, value in changes.items():
                text = edited(path, text, name, value)
            store.write_atomically(target, text.encode())
    except OSError as error:
        raise StorageError(
            f"{path}: can't be written: {error.strerror or error}.",
            "Check the rights of the file, or set DISSMODEL_CONFIG.",
        ) from error
    return path


def _shown(value: Value | None) -> Value | None:
    return cast("Value | None", redact_document({"": list(value) if isinstance(value, tuple) else value})[""])
