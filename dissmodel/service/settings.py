"""What is set about the service: the settings ``service.*``, and the variables that its containers know."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast
from urllib.parse import quote

from dissmodel.config import UserSettings, load_settings
from dissmodel.config.keys import KEYS, from_text, parse_size
from dissmodel.errors import UsageError
from dissmodel.experiment.layout import INPUTS_BUCKET

LEASE_S, TIMEOUT_S, SYNC_S, LONGEST_SYNC_S = 30.0, 6 * 3600.0, 300.0, 900.0


@dataclass(frozen=True)
class ServiceSettings:
    """How the service runs.

    Attributes
    ----------
    data_dir : Path
        The folder of its state, ``service/`` in the user's data folder.
    place, inputs : str
        Where jobs and results are, and uploads: a folder or ``s3://BUCKET[/PREFIX]``.
    queue : str
        ``sqlite``, or the URL of a Redis.
    keys_file : Path or None
        The file of API keys.
    admin_keys : tuple of str
        Keys of administrators from ``API_KEYS``.
    buckets, hosts, inputs_folder
        What an input may be read from, besides the place of inputs.
    engine : str
        Where jobs run, as `dissmodel.engines.open_engine` takes it; empty: in processes of this machine.
    scratch : Path
        The folder of running jobs, which all workers of the engine see.
    memory : int or None
        How many bytes of memory a job may use.
    timeout_s, lease_s, sync_s : float
        How long a job may take; after how long without a beat its worker is lost; how often registries are
        fetched.
    legacy_objects : bool
        Whether the objects that older notebooks read are written too.
    registry, branch : str
        Where the default registry is fetched from, if ``CONFIGS_REPO`` says it (it may hold a token), and its
        branch from ``CONFIGS_BRANCH``.
    """

    data_dir: Path
    place: str
    inputs: str
    queue: str = field(default="sqlite", repr=False)
    keys_file: Path | None = None
    admin_keys: tuple[str, ...] = field(default=(), repr=False)
    buckets: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    inputs_folder: Path | None = None
    engine: str = ""
    scratch: Path = Path()
    memory: int | None = None
    timeout_s: float = TIMEOUT_S
    lease_s: float = LEASE_S
    sync_s: float = SYNC_S
    legacy_objects: bool = False
    registry: str = field(default="", repr=False)
    branch: str = ""

    @classmethod
    def load(
        cls, settings: UserSettings | None = None, environ: Mapping[str, str] | None = None
    ) -> ServiceSettings:
        """Return what the user's settings and the environment say.

        Raises
        ------
        UsageError
            If a value can't be used.
        """
        environ = os.environ if environ is None else environ
        settings = settings or load_settings(environ=environ)
        data_dir = settings.data_dir / "service"
        place = settings.text("service.place") or str(data_dir / "place")
        is_bucket = place.startswith("s3://")
        default_inputs = f"s3://{settings.text('storage.inputs_bucket') or INPUTS_BUCKET}"
        inputs = settings.text("service.inputs") or (
            default_inputs if is_bucket else str(data_dir / "inputs")
        )
        keys_file, folder = settings.text("service.keys"), settings.text("service.inputs_folder")
        memory = settings.text("service.memory")
        sync_s = _seconds(settings, environ, "service.sync_interval", "CONFIGS_SYNC_INTERVAL", SYNC_S)
        return cls(
            data_dir=data_dir,
            place=place if is_bucket else str(Path(place).expanduser().absolute()),
            inputs=inputs if inputs.startswith("s3://") else str(Path(inputs).expanduser().absolute()),
            queue=settings.text("service.queue") or _redis(environ),
            keys_file=Path(keys_file).expanduser() if keys_file else None,
            admin_keys=tuple(key.strip() for key in environ.get("API_KEYS", "").split(",") if key.strip()),
            buckets=_texts(settings, "service.buckets"),
            hosts=_texts(settings, "service.hosts"),
            inputs_folder=Path(folder).expanduser() if folder else None,
            engine=settings.service_engine,
            scratch=settings.service_scratch,
            memory=parse_size(memory, "service.memory") if memory else None,
            timeout_s=_seconds(settings, environ, "service.timeout", "DISSMODEL_TIMEOUT", TIMEOUT_S),
            lease_s=_seconds(settings, environ, "service.lease", "", LEASE_S),
            sync_s=min(sync_s, LONGEST_SYNC_S),
            legacy_objects=bool(settings.value("service.legacy_objects")),
            registry=environ.get("CONFIGS_REPO", "").strip(),
            branch=environ.get("CONFIGS_BRANCH", "").strip(),
        )


def _texts(settings: UserSettings, name: str) -> tuple[str, ...]:
    return cast("tuple[str, ...]", settings.value(name) or ())


def _seconds(
    settings: UserSettings, environ: Mapping[str, str], name: str, variable: str, default: float
) -> float:
    text = settings.text(name) or environ.get(variable) or ""
    if not text:
        return default
    seconds = float(str(from_text(KEYS[name], text)))
    if seconds <= 0:
        raise UsageError(f"{name}: {text} seconds are no time.", "Write it as 30.", code="setting_value")
    return seconds


def _redis(environ: Mapping[str, str]) -> str:
    """Return the queue that a container's variables name; by default the one that needs no server."""
    host = environ.get("REDIS_HOST")
    if not host:
        return "sqlite"
    password = environ.get("REDIS_PASSWORD")
    user = f":{quote(password, safe='')}@" if password else ""
    return f"redis://{user}{host}:{environ.get('REDIS_PORT') or 6379}/0"
