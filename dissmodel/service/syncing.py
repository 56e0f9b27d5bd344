"""The registries of the service: fetched before it is ready, and then again and again."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from dissmodel.config.keys import DEFAULT
from dissmodel.errors import DissmodelError, StorageError
from dissmodel.progress import Heard, reporting
from dissmodel.registries.sources import SyncRequest, sync
from dissmodel.registry import index
from dissmodel.registry.state import State
from dissmodel.registry.sync import Synced
from dissmodel.service.repeated import repeated
from dissmodel.service.settings import ServiceSettings

SOON_S = 10.0
"""After how many seconds a service that is not ready tries again."""

_SHORT = 12
_LOG = logging.getLogger(__name__)


@dataclass
class _Done:
    """What one sync of all registries found."""

    outcomes: list[Synced] = field(default_factory=list)
    failures: dict[str, DissmodelError] = field(default_factory=dict)


class Syncing:
    """Syncs all registries that are set, and the one that ``CONFIGS_REPO`` names; two syncs never at once.

    A registry that can't be fetched stays as the last sync left it.
    """

    def __init__(self, settings: ServiceSettings) -> None:
        self._settings = settings
        self._one = threading.Lock()
        self._is_ready = False

    @property
    def is_ready(self) -> bool:
        """Whether each registry was fetched, now or by a service before this one."""
        return self._is_ready

    def running(self) -> AbstractContextManager[None]:
        """Sync now and every `sync_s` for the block; a fetch that hangs at its end is ended by git."""
        soon_s = min(SOON_S, self._settings.sync_s)
        return repeated(
            self._keep,
            lambda _took_s: self._settings.sync_s if self._is_ready else soon_s,
            bug="the sync of registries failed",
        )

    def once(self) -> Mapping[str, Any]:
        """Sync now, and return what really happened.

        Returns
        -------
        Mapping
            ``message`` and ``git_output`` for people; ``registries``, each with its ``name``, its ``commit``
            and the one ``before``, how many ``models`` it has, which were ``added``, ``changed`` and
            ``removed``, the files that were ``refused`` and why, and its ``problem`` if it was not fetched.

        Raises
        ------
        StorageError
            If nothing could be fetched (code ``"sync_failed"``).
        """
        done = self._sync()
        if done.failures and not done.outcomes:
            lines = [f"{name}: {error.message} {error.hint}".strip() for name, error in done.failures.items()]
            raise StorageError(
                f"No registry was synced; the last sync is used. {' '.join(lines)}", code="sync_failed"
            )
        total = len(done.outcomes) + len(done.failures)
        message = f"{len(done.outcomes)} of {total} registries synced." if total else "There is no registry."
        return {
            "message": message,
            "git_output": "\n".join(_lines(done)),
            "registries": list(_rows(done)),
        }

    def _keep(self) -> None:
        done = self._sync()
        for name, error in done.failures.items():
            _LOG.error("%s: %s", name, error.message, extra={"code": error.code})
        for outcome in done.outcomes:
            if outcome.before is None or outcome.before.commit != outcome.after.commit:
                _LOG.info("%s", "; ".join(_said(outcome)))

    def _sync(self) -> _Done:
        done = _Done()
        with self._one, reporting(Heard()) as heard:
            for name, request in self._requests():
                try:
                    done.outcomes += sync(request).outcomes
                except DissmodelError as error:
                    done.failures[name] = error
            known = {registry.name: registry for registry in index.registries()}
            missing = [name for name in done.failures if name not in known or known[name].folder is None]
            self._is_ready = self._is_ready or not missing
        for warning in heard.warnings:
            _LOG.warning("%s", warning)
        return done

    def _requests(self) -> Iterator[tuple[str, SyncRequest]]:
        if self._settings.registry:
            yield DEFAULT, SyncRequest(repo=self._settings.registry, branch=self._settings.branch or None)
        for registry in index.registries():
            if not (self._settings.registry and registry.name == DEFAULT):
                yield registry.name, SyncRequest(registry.name)


def _row(
    name: str, before: State | None, after: State | None, outcome: Synced | None, problem: str | None
) -> Mapping[str, Any]:
    return {
        "name": name,
        "commit": after.commit if after is not None else None,
        "before": before.commit if before is not None else None,
        "models": len(after.models) if after is not None else 0,
        "added": outcome.added if outcome is not None else (),
        "changed": outcome.changed if outcome is not None else (),
        "removed": outcome.removed if outcome is not None else (),
        "refused": dict(after.refused) if after is not None else {},
        "problem": problem,
    }


def _rows(done: _Done) -> Iterator[Mapping[str, Any]]:
    for outcome in done.outcomes:
        yield _row(outcome.registry, outcome.before, outcome.after, outcome, None)
    states = {registry.name: registry.state for registry in index.registries()}
    for name, error in done.failures.items():
        yield _row(name, states.get(name), states.get(name), None, error.message)


def _lines(done: _Done) -> Iterator[str]:
    for outcome in done.outcomes:
        yield from _said(outcome)
    for name, error in done.failures.items():
        yield f"{name}: {error.message}"


def _said(outcome: Synced) -> Iterator[str]:
    before = outcome.before.commit if outcome.before is not None else None
    old, new = (before or "none")[:_SHORT], (outcome.after.commit or "a folder")[:_SHORT]
    yield f"{outcome.registry}: {old} → {new}, {len(outcome.after.models)} models"
    for what, names in (("added", outcome.added), ("changed", outcome.changed), ("removed", outcome.removed)):
        if names:
            yield f"  {what}: {', '.join(names)}"
    for file, why in outcome.after.refused.items():
        yield f"  refused: {file}: {why}"
