"""An input that a user named, as a local file."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from dissmodel.config import load_settings
from dissmodel.errors import UsageError
from dissmodel.experiment.naming import naming, renamed
from dissmodel.io.locate import existing
from dissmodel.storage.local_copy import Fetched
from dissmodel.storage.uri import is_remote, parse


@dataclass(frozen=True)
class AtHand:
    """An input on this machine.

    Attributes
    ----------
    path : Path
        The file, absolute.
    fetched : Fetched or None
        Where it was fetched from, if it was remote.
    is_word : bool
        Whether it is not a file but a word that means something to the model, such as ``synthetic``.
    """

    path: Path
    fetched: Fetched | None = None
    is_word: bool = False

    @property
    def sha256(self) -> str | None:
        """Its digest, where fetching it told."""
        return self.fetched.sha256 if self.fetched is not None else None

    @property
    def shown(self) -> str:
        """What a user calls it."""
        return self.fetched.uri if self.fetched is not None else str(self.path)

    @property
    def names(self) -> dict[str, str]:
        """What it is called here, and what the user calls it, where that differs."""
        return {str(self.path): self.shown} if self.fetched is not None else {}

    def named(self, text: str) -> str:
        """Return a text with what the user calls it, not where it was brought."""
        return renamed(text, self.names)


@contextlib.contextmanager
def at_hand(
    uri: str,
    *,
    offline: bool = False,
    words: bool = False,
    sidecars: Sequence[str] = (),
    limit: int | None = None,
) -> Iterator[AtHand]:
    """Give an input as a file, for the block; a remote input is fetched into the cache.

    An error that leaves the block calls it what the user does.

    `words` hands a name that no file has, without a suffix or a folder, over as a word; `sidecars` and
    `limit` are as `dissmodel.storage.fetch.fetched` takes them.

    Raises
    ------
    UsageError
        If it is remote, and no server may be asked.
    DissmodelError
        If no readable input was found.
    """
    if not is_remote(uri):
        word = words and re.fullmatch(r"[^./\\]+", uri) is not None and not os.path.lexists(uri)
        yield AtHand(Path(uri), is_word=True) if word else AtHand(existing(uri))
        return
    refuse_offline(uri, offline=offline)
    from dissmodel.storage.cache import Cache  # noqa: PLC0415  (a local file needs none of it)
    from dissmodel.storage.fetch import fetched  # noqa: PLC0415  (as above)
    from dissmodel.storage.settings import StorageSettings  # noqa: PLC0415  (as above)

    settings = load_settings()
    cache, storage = Cache.of(settings), StorageSettings.of(settings)
    with fetched(uri, cache, storage, sidecars=sidecars, limit=limit) as found:
        here = AtHand(found.path, found)
        with naming(here.names):
            yield here


def refuse_offline(uri: str, *, offline: bool) -> None:
    """Refuse a remote input if no server may be asked.

    Raises
    ------
    UsageError
        If it is remote.
    """
    if offline and is_remote(uri):
        raise UsageError(
            f"{parse(uri).shown}: with --offline nothing is fetched.", "Leave it out, or give a local file."
        )
