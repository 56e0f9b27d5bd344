"""Exactly what would be installed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

LOCAL = "file:"
"""How the URL of a repository on this machine begins."""


@dataclass(frozen=True)
class Resolved:
    """Exactly what would be installed.

    - `kind`: where it comes from; "record" is the set of packages that a record names.
    - `name`: the package's normalised name; empty where only git can read the name, and there is no consent
      yet.
    - `version`: for an index package, always; for any other, if ``pyproject.toml`` has the version.
    - `commit`: for a git package, always (before consent maybe the id of a tag); for a folder, the HEAD of
      its checkout.
    - `source`: the repository's URL, the folder's, or the indexes; without credentials.
    - `requirement`: as the spec has it.
    - `extras`: the optional parts that it asks for.
    - `subdirectory`: the package's folder in the repository.
    - `pins`: the requirements of a record's set, one a line, with the hashes that the record has.
    """

    kind: Literal["index", "git", "path", "record"]
    name: str
    version: str | None
    commit: str | None
    source: str
    requirement: str
    extras: tuple[str, ...] = ()
    subdirectory: str | None = None
    pins: tuple[str, ...] = ()

    @property
    def identity(self) -> str:
        """What consent is given for: this version, this commit, this folder.

        >>> Resolved("index", "coast", "1.0", None, "https://pypi.org/simple", "coast>=1").identity
        'coast==1.0'
        """
        match self.kind:
            case "index":
                return f"{self.name}=={self.version}"
            case "git":
                return f"git+{self.source}@{self.commit}{self._fragment}"
            case "path":
                return self.source
        return f"record:{self.version}"

    @property
    def is_local(self) -> bool:
        """Whether it is in a git repository on this machine, in which git may not run before consent."""
        return self.kind == "git" and self.source.startswith(LOCAL)

    @property
    def lines(self) -> tuple[str, ...]:
        """The lines that ask an installer for it."""
        extras = f"[{','.join(self.extras)}]" if self.extras else ""
        match self.kind:
            case "index":
                return (f"{self.name}{extras}=={self.version}",)
            case "git":
                return (f"{self.name}{extras} @ {self.identity}",)
            case "path":
                return (f"-e {self.source}",)
        return tuple(pin.partition(" --hash=")[0] for pin in self.pins)

    @property
    def built(self) -> tuple[str, ...]:
        """The packages in it that have to be built, which runs their code: all others are wheels."""
        if self.kind == "record":
            return tuple(pin.partition(" @ ")[0] for pin in self.pins if " @ git+" in pin)
        return (self.name,) if self.kind in {"git", "path"} else ()

    @property
    def _fragment(self) -> str:
        return f"#subdirectory={self.subdirectory}" if self.subdirectory else ""

    @staticmethod
    def from_document(document: dict[str, Any]) -> Resolved:
        """Return the object from its document (`dataclasses.asdict`, as JSON)."""
        lists = {name: tuple(document.get(name, ())) for name in ("extras", "pins")}
        return Resolved(**{**document, **lists})
