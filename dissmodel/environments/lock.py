"""The exact versions of an environment: what the resolver found, kept as requirements with hashes."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import InvalidRequirement
from packaging.requirements import Requirement as Pep508
from packaging.utils import canonicalize_name

from dissmodel import temporary
from dissmodel.environments import uv, wheel
from dissmodel.errors import disk_errors

ALWAYS = ("pysal",)
"""The optional parts of dissmodel that every model's environment has: the public package brings them too."""

_HASH = re.compile(r"--hash=(sha256:[0-9a-f]{64})")


@dataclass(frozen=True)
class Locked:
    """One package of a lock: its version, or the URL it comes from; ``hashes`` are those of its files."""

    name: str
    version: str | None
    url: str | None
    hashes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Installer:
    """The installer, for one installation.

    - `data_dir`: the user's data folder, where the wheel of the running dissmodel is kept.
    - `doing`: what it is for, in an error.
    - `built`: the packages that may be built; all others have to be wheels, unless `allow_build`.
    - `offline`, `allow_build`: whether to use nothing but the cache; whether anything may be built.
    """

    data_dir: Path
    doing: str
    built: tuple[str, ...] = ()
    offline: bool = False
    allow_build: bool = False

    def lock(
        self,
        lines: Sequence[str],
        *,
        extras: Sequence[str] = (),
        overrides: Sequence[str] = (),
        alone: bool = False,
    ) -> str:
        """Return the exact versions of `lines` and of all that they need, with the hashes of the index.

        `extras` are dissmodel's own; `overrides` win over the requirements of packages; with `alone`, their
        requirements are ignored, dissmodel too.

        Raises
        ------
        RunFailed, StorageError
            As `dissmodel.environments.uv.run`.
        """
        with temporary.new_folder() as folder:
            part = f"[{','.join(extras)}]" if extras else ""
            our_line = f"dissmodel{part} @ {_our_wheel(self.data_dir).as_uri()}"
            wanted = _file(folder / "requirements.in", [*lines, *([] if alone else [our_line])])
            override = _file(folder / "override.txt", [our_line, *overrides])
            out = folder / "lock.txt"
            words = ["pip", "compile", str(wanted), "-o", str(out), "--override", str(override)]
            words += ["--generate-hashes", "--no-header", "--no-annotate", "--python", sys.executable]
            words += ["--no-deps"] if alone else []
            self.run([*words, *self._build_options(folder)], folder)
            return out.read_text(encoding="utf-8")

    def install(self, lock: str, python: Path) -> None:
        """Install exactly what a lock says into the environment of `python`, byte-compiled."""
        with temporary.new_folder() as folder:
            listed = _file(folder / "lock.txt", lock.splitlines())
            words = ["pip", "sync", str(listed), "--python", str(python), "--compile-bytecode"]
            self.run([*words, *self._build_options(folder)], folder, patience=1800.0)

    def run(self, words: Sequence[str], folder: Path, *, patience: float = 600.0) -> None:
        """Run uv, as `dissmodel.environments.uv.run` does."""
        uv.run(words, doing=self.doing, folder=folder, offline=self.offline, patience=patience)

    def _build_options(self, folder: Path) -> list[str]:
        """Return what says which packages may be built, and that a build gets our dissmodel too, if it asks.

        A package's ``[tool.uv]`` can't change where its dependencies come from.
        """
        constraint = _file(folder / "build.txt", [f"dissmodel @ {_our_wheel(self.data_dir).as_uri()}"])
        options = ["--no-sources", "--build-constraint", str(constraint)]
        if not self.allow_build:
            options += ["--only-binary", ":all:"]
            options += [word for name in self.built for word in ("--no-binary", name)]
        return options


def with_hashes(lock: str, pins: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """Return a lock that admits only files with the hashes of `pins`, and the pins without such a file.

    `pins` are lines ``name==version --hash=sha256:...``; one without a hash changes nothing.
    """
    wanted = {pin.name: set(pin.hashes) for pin in parse("\n".join(pins)) if pin.hashes}
    if not wanted:
        return lock, ()
    lines: list[str] = []
    others: list[str] = []
    for line in lock.replace("\\\n", " ").splitlines():
        locked = next(parse(line), None)
        hashes = wanted.get(locked.name) if locked is not None else None
        if locked is None or hashes is None:
            lines.append(line)
            continue
        if locked.hashes and not hashes & set(locked.hashes):
            others.append(f"{locked.name}=={locked.version}: the index has other files under this version")
        text = _HASH.sub("", line).strip()
        lines.append(" ".join([text, *(f"--hash={each}" for each in sorted(hashes))]))
    return "\n".join([*lines, ""]), tuple(others)


def parse(lock: str) -> Iterator[Locked]:
    """Yield the packages of a lock.

    >>> [(one.name, one.version) for one in parse("coast==1.0 --hash=sha256:" + 64 * "0")]
    [('coast', '1.0')]
    """
    for line in lock.replace("\\\n", " ").splitlines():
        text = _HASH.sub("", line).strip()
        if not text or text.startswith(("#", "-")):
            continue
        try:
            requirement = Pep508(text)
        except InvalidRequirement:
            continue
        version = next((each.version for each in requirement.specifier if each.operator == "=="), None)
        yield Locked(
            canonicalize_name(requirement.name), version, requirement.url, tuple(_HASH.findall(line))
        )


def wheels_folder(data_dir: Path) -> Path:
    """Return the folder of dissmodel's own wheels."""
    return data_dir / "environments" / ".wheels"


def _our_wheel(data_dir: Path) -> Path:
    folder = wheels_folder(data_dir)
    with disk_errors(f"{folder}: can't be made", "Choose another data folder: DISSMODEL_DATA"):
        folder.mkdir(parents=True, exist_ok=True)
    return wheel.write_wheel(folder)


def _file(path: Path, lines: Sequence[str]) -> Path:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path
