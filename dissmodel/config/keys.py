"""Which settings there are, and what each may hold."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

from dissmodel.config import toml
from dissmodel.config.remote import parse_remote
from dissmodel.errors import UsageError, did_you_mean

Value: TypeAlias = str | bool | tuple[str, ...] | tuple[Mapping[str, Any], ...]
Kind = Literal["text", "flag", "list", "tables", "folder", "registry", "endpoint", "size", "seconds"]

DEFAULT = "default"
"""The name of the registry that ``registry.default`` says the place of."""

_RESERVED = {DEFAULT, "builtin"}
_REGISTRY = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,62}[a-z0-9])?")
_FLAGS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_SECRET = re.compile(
    r"secret|token|passw|credential|(?:access|private|api)[-_]?key|(?:^|[._])auth", re.IGNORECASE
)
_LONGEST = 4096
_SIZE = re.compile(r"(\d{1,12}(?:\.\d{1,6})?)\s*([kMGT]?)B?", re.IGNORECASE)
_POWERS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}


@dataclass(frozen=True)
class Key:
    """One setting.

    - `name`: as it is typed, its tables with dots.
    - `kind`: what it holds: ``text``, ``flag`` (true or false), ``list`` of texts, ``tables`` of TOML (a text
      is a table with this ``name``), ``folder``, ``registry`` (a place, see `parse_remote`), ``endpoint``
      (a host and port, or a URL, without a password), ``size`` (see `parse_size`) or ``seconds``.
    - `summary`: what it is for.
    - `short_variable`: the environment variable that sets it, where its name is not made from the setting's.
    - `project`: whether a project's file may set it: its settings may come from other people.
    """

    name: str
    kind: Kind
    summary: str
    short_variable: str = ""
    project: bool = False

    @property
    def variable(self) -> str:
        """The environment variable that sets it."""
        return self.short_variable or "DISSMODEL_" + re.sub(r"[.-]", "_", self.name).upper()


_ABOUT: tuple[tuple[str, Kind, str], ...] = (
    ("title", "text", "the title of results"),
    ("description", "text", "what results are about"),
    ("creators", "tables", "who makes results: name, orcid, affiliation"),
    ("license", "text", "the licence of results, as SPDX names it"),
    ("keywords", "list", "keywords of results"),
    ("funding", "tables", "who pays for results: funder, award"),
    ("references", "list", "what results rest on: DOIs, URLs or texts"),
    ("publisher", "tables", "who publishes results: name, url"),
)
_ALL = (
    Key("registry.default", "registry", "the registry that sync fetches by default", "DISSMODEL_REGISTRY"),
    Key("trust", "list", "packages that are installed without asking"),
    Key("storage.endpoint", "endpoint", "the object store's host and port"),
    Key("storage.region", "text", "its region", project=True),
    Key("storage.bucket", "text", "where push puts results", project=True),
    Key("storage.inputs_bucket", "text", "where push puts inputs", project=True),
    Key("storage.secure", "flag", "whether the object store is reached by https"),
    Key("storage.profile", "text", "a profile of ~/.aws/credentials"),
    Key("storage.mc_alias", "text", "an alias of ~/.mc/config.json"),
    Key("data_dir", "folder", "the folder of registries and environments", "DISSMODEL_DATA"),
    Key("cache_size", "size", "the size that fetched inputs may take", "DISSMODEL_CACHE_SIZE"),
    Key("cache_dir", "folder", "the folder of files that can be fetched again", "DISSMODEL_CACHE"),
    Key("output.cog", "flag", "whether GeoTIFFs of results are Cloud Optimized", project=True),
    Key("cluster.tls_ca", "folder", "the file of certificates that a Dask cluster's are checked against"),
    Key("cluster.tls_cert", "folder", "the file with this user's certificate for a Dask cluster"),
    Key("cluster.tls_key", "folder", "the file with the key of that certificate"),
    Key("slurm.partition", "text", "the partition of Slurm that workers run in"),
    Key("slurm.time", "text", "how long a worker's job of Slurm may run, as in 04:00:00"),
    Key("slurm.memory", "text", "the memory of a worker's job of Slurm, as in 4G"),
    Key("slurm.interface", "text", "the network interface that the nodes of Slurm reach this machine by"),
    Key("slurm.folder", "folder", "a folder that this machine and the nodes of Slurm share"),
    Key("slurm.lines", "list", "further lines of a worker's script, such as #SBATCH --account=coast"),
    *(Key(f"about.{name}", kind, text, project=name != "creators") for name, kind, text in _ABOUT),
    Key("client.server", "endpoint", "the URL of the service that jobs are submitted to", "DISSMODEL_SERVER"),
    Key("client.key_file", "folder", "the file with this user's API key for it"),
    Key("service.place", "text", "where the service puts jobs and results: a folder or s3://BUCKET"),
    Key("service.inputs", "text", "where the service puts uploads: a folder or s3://BUCKET"),
    Key("service.queue", "text", "the service's queue: sqlite, or redis://HOST:PORT"),
    Key("service.keys", "folder", "the file with the service's API keys"),
    Key("service.buckets", "list", "further buckets that jobs may read inputs from"),
    Key("service.hosts", "list", "web servers that jobs may read inputs from"),
    Key("service.inputs_folder", "folder", "a folder that jobs may read inputs from"),
    Key("service.engine", "text", "where jobs run: tcp://SCHEDULER, tls://SCHEDULER, its file, or slurm"),
    Key("service.scratch", "folder", "the folder of running jobs; a cluster's workers have to share it"),
    Key("service.memory", "size", "how much memory a job may use"),
    Key("service.timeout", "seconds", "how long a job may take"),
    Key("service.lease", "seconds", "after how long without a sign of life a worker is lost"),
    Key("service.sync_interval", "seconds", "how often the service fetches the registries"),
    Key("service.legacy_objects", "flag", "whether older clients find the names of files that they know"),
)
KEYS: Mapping[str, Key] = MappingProxyType({key.name: key for key in _ALL})
"""Every setting whose name is fixed; ``registries.NAME.url`` and ``.branch`` are the others."""


def key_of(name: str) -> Key:
    """Return the setting of that name.

    >>> key_of("registries.coast.branch").variable
    'DISSMODEL_REGISTRIES_COAST_BRANCH'

    Raises UsageError if there is no such setting (code ``"unknown_setting"``), or it would be a secret
    (``"secret_setting"``).
    """
    if name in KEYS:
        return KEYS[name]
    table, _, rest = name.partition(".")
    if table == "registries":
        registry, _, last = rest.rpartition(".")
        if registry and last in {"url", "branch"}:
            check_registry_name(registry)
            summary = f"the {'place' if last == 'url' else 'branch'} of the registry {registry}"
            return Key(name, "registry" if last == "url" else "text", summary)
        raise UsageError(
            f"There is no setting {name[:80]!r}.",
            "A registry has registries.NAME.url and registries.NAME.branch.",
            code="unknown_setting",
        )
    if _SECRET.search(name):
        raise UsageError(
            f"{name[:80]} would be a secret, and the settings keep no secrets.",
            "Keep it in the environment, ~/.aws/credentials, an mc alias or git's credential helper.",
            code="secret_setting",
        )
    raise UsageError(
        f"There is no setting {name[:80]!r}.",
        f"{did_you_mean(name, KEYS)} See them: dissmodel config show",
        code="unknown_setting",
    )


def check_registry_name(name: str) -> str:
    """Return `name` if a registry may have it; it becomes a folder's name and the start of ``NAME/model``.

    Raises UsageError if it may not (code ``"registry_name"``).
    """
    if not _REGISTRY.fullmatch(name):
        raise UsageError(
            f"{name[:80]!r} is not a valid name of a registry.",
            "Use small letters, digits, - and _, as in coast-models.",
            code="registry_name",
        )
    if name in _RESERVED:
        hint = "Set its place with: dissmodel config set registry.default URL"
        raise UsageError(
            f"The name {name!r} is taken.", hint if name == DEFAULT else "Take another.", code="registry_name"
        )
    return name


def from_text(key: Key, text: str) -> Value:
    """Return what a user typed for `key`, or set in the environment, as its value.

    Raises UsageError if it is not a valid value.
    """
    if key.kind == "flag":
        flag = _FLAGS.get(text.strip().lower())
        if flag is None:
            raise _wrong(key, f"{text[:80]!r} is neither true nor false.", "Write true or false.")
        return flag
    if key.kind == "list":
        return tuple(_checked_text(key, part.strip()) for part in text.split(",") if part.strip())
    if key.kind == "tables" and text.lstrip()[:1] in {"[", "{"}:
        try:
            return from_toml(key, toml.parse(f"it = {_checked_text(key, text)}".encode())["it"])
        except toml.NotToml:
            raise _wrong_tables(key) from None
    if key.kind == "tables":
        return tuple({"name": _checked_text(key, part.strip())} for part in text.split(",") if part.strip())
    return _checked_text(key, text)


def from_toml(key: Key, value: object) -> Value:
    """Return what a file holds for `key`: no secret, and no path relative to the current folder.

    Raises UsageError if it is of another type, or not fit to be kept in a file.
    """
    if key.kind == "flag":
        if not isinstance(value, bool):
            raise _wrong(key, "it has to be true or false.", "Write it without quotes.")
        return value
    if key.kind == "list":
        if not isinstance(value, (list, tuple)) or not all(isinstance(text, str) for text in value):
            raise _wrong(key, "it has to be a list of texts.", f'Write it as {key.name} = ["...", "..."]')
        return tuple(_checked_text(key, text) for text in value)
    if key.kind == "tables":
        tables = value if isinstance(value, (list, tuple)) else [value]
        tables = [{"name": one} if isinstance(one, str) else one for one in tables]
        if not all(isinstance(one, dict) for one in tables):
            raise _wrong_tables(key)
        return tuple(tables)
    if key.kind == "seconds" and type(value) in {int, float}:
        value = str(value)
    if not isinstance(value, str):
        raise _wrong(key, "it has to be text.", "Write it in quotes.")
    return _lasting(key, _checked_text(key, value))


def _lasting(key: Key, text: str) -> str:
    if key.kind == "registry":
        remote = parse_remote(text)
        if remote.secret is not None:
            raise UsageError(
                f"{remote.url}: a user name or a token in the URL is a secret, and the settings keep none.",
                "Give the URL without it, and store it in git: git config --global credential.helper store",
                code="secret_setting",
            )
        is_relative = remote.folder is not None and not Path(text).expanduser().is_absolute()
    else:
        is_relative = key.kind == "folder" and not Path(text).expanduser().is_absolute()
    if is_relative:
        raise _wrong(
            key,
            f"{text!r} is relative, so its folder would depend on the current folder.",
            "Give the whole path.",
        )
    return text


def _checked_text(key: Key, text: str) -> str:
    if not text.strip() or not text.isprintable() or len(text) > _LONGEST:
        raise _wrong(key, "it is empty, too long, or has invisible characters.", "Correct the value.")
    if key.kind == "registry":
        parse_remote(text)
    if key.kind == "endpoint" and re.search(r"[@?#\s]", text):
        raise UsageError(
            f"{key.name}: this holds more than a host and a port.",
            "Write it as minio.example.org:9000, and keep user and password out of it.",
            code="secret_setting",
        )
    if key.kind == "size":
        parse_size(text, key.name)
    if key.kind == "seconds" and not re.fullmatch(r"\d{1,7}(\.\d{1,3})?", text.strip()):
        raise _wrong(key, f"{text[:80]!r} is not a number of seconds.", "Write it as 30.")
    if key.kind == "folder":
        try:
            Path(text).expanduser()
        except RuntimeError:
            raise _wrong(key, f"{text!r} names an unknown user.", "Give the whole path.") from None
    return text


def parse_size(text: str, name: str = "size") -> int:
    """Return a size in bytes; `name` is what an error calls it.

    >>> parse_size("20 GB"), parse_size("1.5M"), parse_size("1000")
    (20000000000, 1500000, 1000)

    Raises UsageError if the text is not a size.
    """
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise UsageError(f"{name}: {text[:80]!r} is not a size.", "Write it as 20 GB.", code="setting_value")
    return int(float(found[1]) * _POWERS[found[2].lower()])


def _wrong_tables(key: Key) -> UsageError:
    return _wrong(
        key, "it has to be tables, in TOML.", f"""dissmodel config set {key.name} '[{{ name = "..." }}]'"""
    )


def _wrong(key: Key, why: str, hint: str) -> UsageError:
    return UsageError(f"{key.name}: {why}", hint, code="setting_value")
