"""What is known of a remote dataset that was fetched."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True)
class Fetched:
    """The local copy of a remote dataset, under its own name; its sidecars are beside it.

    `uri` is without credentials; `version` is its ETag, empty if the server has none.
    """

    path: Path
    type: Literal["s3", "http"]
    uri: str
    version: str
    sha256: str
    size: int

    def named(self, text: str) -> str:
        """Return a text with the URI in place of the path in the cache."""
        return text.replace(str(self.path), self.uri)
