"""What is set, and by whom: default < user file < project file < environment < command line."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, cast

from dissmodel.config.files import project_file, read_settings, user_file
from dissmodel.config.keys import DEFAULT, KEYS, Key, Value, from_text, key_of
from dissmodel.errors import UsageError
from dissmodel.inherited import current_folder

Origin = Literal["default", "user file", "project file", "environment", "command line"]


@dataclass(frozen=True)
class Setting:
    """A setting's value, and who set it: `where` is the file or the variable, empty for a default."""

    key: Key
    value: Value | None = field(repr=False)
    origin: Origin = "default"
    where: str = ""


@dataclass(frozen=True)
class RegistrySetting:
    """A registry that is set: its place, which may hold a token, and its branch; None: the remote's own."""

    name: str
    url: str = field(repr=False)
    branch: str | None = None


@dataclass(frozen=True)
class UserSettings:
    """Every setting, by name."""

    settings: Mapping[str, Setting]

    def value(self, name: str) -> Value | None:
        """Return what is set, or None."""
        found = self.settings.get(name)
        return found.value if found is not None else None

    def text(self, name: str) -> str | None:
        """Return a setting that is text, or None."""
        return cast("str | None", self.value(name))

    @property
    def data_dir(self) -> Path:
        """The folder of registries and environments; it need not exist yet."""
        return self._folder("data_dir")

    @property
    def cache_dir(self) -> Path:
        """The folder of files that can be fetched again; it need not exist yet."""
        return self._folder("cache_dir")

    @property
    def service_engine(self) -> str:
        """Where the service's jobs run; empty: in processes of this machine.

        Raises UsageError if it is no cluster.
        """
        engine = self.text("service.engine") or ""
        if engine == "here":  # an engine, but a job in it can't be ended
            raise UsageError(
                "service.engine: here is no cluster.",
                "Jobs run on this machine without it: dissmodel config set --unset service.engine",
                code="setting_value",
            )
        return engine

    @property
    def service_scratch(self) -> Path:
        """The folder of the service's running jobs.

        Hosts that share a folder have one each below it: they may not see each other's locks.
        """
        if self.text("service.scratch") is None:
            return self.data_dir / "service" / "scratch"
        return self._folder("service.scratch") / platform.node()

    @property
    def trust(self) -> tuple[str, ...]:
        """The packages that are installed without asking."""
        return cast("tuple[str, ...]", self.value("trust") or ())

    @property
    def registries(self) -> Mapping[str, RegistrySetting]:
        """The registries that are set, by name; ``registry.default`` is the one called ``default``."""
        names = [name.split(".")[1] for name in self.settings if name.endswith(".url")]
        found = {}
        default = self.text("registry.default")
        if default is not None:
            found[DEFAULT] = RegistrySetting(DEFAULT, default)
        for name in sorted(names):
            url = self.text(f"registries.{name}.url")
            if url is not None:
                found[name] = RegistrySetting(name, url, self.text(f"registries.{name}.branch"))
        return found

    def _folder(self, name: str) -> Path:
        return Path(self.text(name) or "").expanduser().absolute()


def load_settings(
    *,
    folder: Path | None = None,
    environ: Mapping[str, str] | None = None,
    given: Mapping[str, Value] | None = None,
) -> UserSettings:
    """Return every setting with the value of its strongest origin.

    A project's file is looked for from `folder` on, by default the current folder. `given` is what the
    command line says, by the setting's name.

    Raises InvalidInput if a file is not TOML, or what it sets is unknown or not allowed in it; UsageError if
    a variable's value is wrong.
    """
    environ = os.environ if environ is None else environ
    found = {name: Setting(key, _default(name)) for name, key in KEYS.items()}
    user = user_file(environ)
    project = project_file(folder or current_folder())
    for path, origin in ((user, "user file"), (project, "project file")):
        if path is not None and not (origin == "project file" and path == user):
            values = read_settings(path, project=origin == "project file")
            for name, (key, value) in values.items():
                found[name] = Setting(key, value, cast("Origin", origin), str(path))
    for key in [setting.key for setting in found.values()]:
        text = environ.get(key.variable)
        if text:
            found[key.name] = Setting(key, _from_variable(key, text), "environment", key.variable)
    for name, value in (given or {}).items():
        found[name] = Setting(key_of(name), value, "command line")
    return UserSettings(found)


def _from_variable(key: Key, text: str) -> Value:
    try:
        return from_text(key, text)
    except UsageError as error:
        message = error.message.removeprefix(f"{key.name}: ")
        raise UsageError(f"{key.variable}: {message}", error.hint, code=error.code) from None


def _default(name: str) -> Value | None:
    if name not in {"data_dir", "cache_dir"}:
        return None
    import platformdirs  # noqa: PLC0415  (help and completion don't need it)

    if name == "data_dir":
        return platformdirs.user_data_dir("dissmodel", appauthor=False)
    return platformdirs.user_cache_dir("dissmodel", appauthor=False)
