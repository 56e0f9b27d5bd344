"""Which code ran and where: machine, libraries, memory. What can't be observed is left out."""

from __future__ import annotations

import importlib.metadata
import locale
import os
import platform
import re
import sys
from pathlib import Path

from dissmodel import gdal_settings
from dissmodel.progress import Silent, reporting
from dissmodel.record import observed
from dissmodel.record.git import without_credentials
from dissmodel.record.identity import code_of, direct_url, vcs_of
from dissmodel.record.redact import redact
from dissmodel.record.schema import Code, ExperimentRecord, Package, Runtime

# Loader → native library → where the loader says its version. A wheel carries its own copy of each.
_NATIVE = {
    "fiona": {"GDAL": "__gdal_version__"},
    "llvmlite.binding": {"LLVM": "llvm_version_info"},
    "pyogrio": {"GDAL": "__gdal_version__", "GEOS": "__gdal_geos_version__"},
    "pyproj": {"PROJ": "__proj_version__"},
    "rasterio": {"GDAL": "__gdal_version__", "GEOS": "__geos_version__", "PROJ": "__proj_version__"},
    "shapely": {"GEOS": "geos_version"},
}


_FIELD = re.compile(r"^(Name|Version):[ \t]*(\S+)[ \t]*$", re.MULTILINE)


def runtime(executor: Code | None = None) -> Runtime:
    """Return the machine and the libraries of this process; call it after the run, when they are loaded.

    `executor` is the executor's code; where that is dissmodel's own, dissmodel need not be looked at again.
    """
    return Runtime(
        python=platform.python_version(),
        implementation=platform.python_implementation(),
        platform=platform.platform(),
        os=_os(),
        machine=platform.machine(),
        cpu=_cpu(),
        # The processors that this process may use.
        cpu_count=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        locale=locale.setlocale(locale.LC_CTYPE),
        dissmodel=_ours(executor),
        packages=observed.once(packages, packages),
        native=native(),
        ignored_settings={name: redact(value) for name, value in gdal_settings.ignored().items()},
    )


def _ours(executor: Code | None) -> Code:
    if executor is not None and executor.package == "dissmodel":
        return executor.model_copy(update={"model_digest": None})
    with reporting(Silent()):  # what git can't say of dissmodel's own code, doctor says
        return code_of(ExperimentRecord, "dissmodel")


def packages() -> dict[str, Package]:
    """Return every installed distribution by its normalised name, in alphabetical order."""
    found: dict[str, Package] = {}
    for dist in importlib.metadata.distributions():
        # Not dist.metadata: it parses every project's whole description.
        headers, _, _ = (
            (dist.read_text("METADATA") or dist.read_text("PKG-INFO") or "")
            .replace("\r", "")
            .partition("\n\n")
        )
        fields = dict(_FIELD.findall(headers))
        name, version = fields.get("Name"), fields.get("Version")
        if not name or not version:  # the remains of an install that was interrupted
            continue
        origin = direct_url(dist)
        url = origin.get("url")
        package = Package(
            version=version,
            url=without_credentials(url) if isinstance(url, str) else None,
            commit=vcs_of(origin)[1],
        )
        # The first on the path is the one that an import finds.
        found.setdefault(re.sub(r"[-_.]+", "-", name).lower(), package)  # as PEP 503 writes it
    return dict(sorted(found.items()))


def native() -> dict[str, dict[str, str]]:
    """Return the native libraries that this process has loaded: loader → library → version."""
    found: dict[str, dict[str, str]] = {}
    for loader, libraries in _NATIVE.items():
        for library, name in libraries.items():
            version = getattr(sys.modules.get(loader), name, None) or ""
            text = ".".join(map(str, version)) if isinstance(version, tuple) else str(version)
            if text:
                found.setdefault(loader.partition(".")[0], {})[library] = text
    return found


def peak_memory_bytes() -> int | None:
    """Return the most memory that this process held so far, in bytes (None on Windows)."""
    # Linux's ru_maxrss starts with the size of the process that started this one; VmHWM does not.
    peak = re.search(r"^VmHWM:\s+(\d+) kB$", _read("/proc/self/status"), re.MULTILINE)
    if peak is not None:
        return int(peak.group(1)) * 1024
    if sys.platform == "win32":
        return None
    import resource  # noqa: PLC0415  (Windows has none)

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _os() -> str:
    """Return the system's own name and version, such as ``Debian GNU/Linux 12 (bookworm)``."""
    if platform.system() == "Darwin":
        return f"macOS {platform.mac_ver()[0]}".strip()
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return f"{platform.system()} {platform.release()}".strip()


def _cpu() -> str | None:
    model = re.search(r"^model name\s*:\s*(.+)$", _read("/proc/cpuinfo"), re.MULTILINE)
    return model.group(1).strip() if model else platform.processor() or None


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
