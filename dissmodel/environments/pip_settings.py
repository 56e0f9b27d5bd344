"""Where pip would look for packages: uv reads neither pip's files nor its variables."""

from __future__ import annotations

import configparser
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

_READ = ("index-url", "extra-index-url", "find-links", "no-index", "trusted-host", "cert", "proxy")
_TRUE = {"1", "true", "yes", "on", "y", "t"}
_NAME = "pip.ini" if sys.platform == "win32" else "pip.conf"


@dataclass(frozen=True)
class PipSettings:
    """What pip's configuration says of indexes; URLs may hold credentials and are not to be shown."""

    index: str | None = None
    extra_indexes: tuple[str, ...] = ()
    find_links: tuple[str, ...] = ()
    no_index: bool = False
    trusted_hosts: tuple[str, ...] = ()
    cert: str | None = None
    proxy: str | None = None


def pip_settings(environment: Mapping[str, str] | None = None) -> PipSettings:
    """Return pip's settings: its files, the later over the earlier, and its variables over all of them."""
    environment = os.environ if environment is None else environment
    found: dict[str, str] = {}
    for path in _files(environment):
        found.update(_read(path))
    for name in _READ:
        value = environment.get(f"PIP_{name.upper().replace('-', '_')}", "")
        if value:
            found[name] = value
    return PipSettings(
        index=found.get("index-url") or None,
        extra_indexes=tuple(found.get("extra-index-url", "").split()),
        find_links=tuple(_as_url(place) for place in found.get("find-links", "").split()),
        no_index=found.get("no-index", "").lower() in _TRUE,
        trusted_hosts=tuple(found.get("trusted-host", "").split()),
        cert=found.get("cert") or None,
        proxy=found.get("proxy") or None,
    )


def _files(environment: Mapping[str, str]) -> Iterator[Path]:
    """Yield the places of pip's files, in its own order: global, user, environment, then the one named."""
    named = environment.get("PIP_CONFIG_FILE")
    if named == os.devnull:
        return
    from platformdirs import PlatformDirs  # noqa: PLC0415  (only a build reads them)

    dirs = PlatformDirs("pip", appauthor=False, roaming=True, multipath=True)
    if sys.platform == "win32":
        yield Path(dirs.site_config_dir.split(os.pathsep)[0]) / _NAME
    else:
        for folder in reversed(dirs.site_config_dir.split(os.pathsep)):
            yield Path(folder) / _NAME
        yield Path("/etc") / _NAME
    yield Path.home() / ("pip" if sys.platform == "win32" else ".pip") / _NAME
    yield Path(dirs.user_config_dir) / _NAME
    if sys.platform == "darwin":
        yield Path.home() / ".config" / "pip" / _NAME
    yield Path(sys.prefix) / _NAME
    if named:
        yield Path(named)


def _read(path: Path) -> dict[str, str]:
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, configparser.Error):
        return {}  # pip itself reports it; here the file counts as empty
    found: dict[str, str] = {}
    for section in ("global", "install"):
        if parser.has_section(section):
            given = {name.replace("_", "-"): value for name, value in parser.items(section)}
            found.update({name: given[name] for name in _READ if name in given})
    return found


def _as_url(place: str) -> str:
    """Return a place as a URL: uv runs in another folder, and a comma would end it."""
    if urlsplit(place).scheme in {"http", "https", "file"}:
        return place
    return Path(place).expanduser().absolute().as_uri()
