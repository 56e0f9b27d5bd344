"""A model in an environment of its own: resolved, agreed to, installed and opened."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from dissmodel import environments, progress, temporary
from dissmodel.config import load_settings
from dissmodel.consent import Consent
from dissmodel.environments import Requirement, Resolved, trust
from dissmodel.executor.isolated import Isolated
from dissmodel.warn import keeping_warnings


@dataclass(frozen=True)
class Isolation:
    """Which model of a package, and where the user sees that it is from.

    `name` is the executor's; `module` is what to import (None: what the package offers); `origin` is where
    the model is from, for people.
    """

    name: str
    module: str | None
    origin: str


@contextlib.contextmanager
def isolated(
    wanted: Requirement | Resolved, model: Isolation, consent: Consent, *, distribution: str | None = None
) -> Iterator[tuple[Isolated, str]]:
    """Open a model in the environment of its package, which is made if it is not there yet.

    `distribution` is the package that the model is in, where that is not what was asked for.

    Yields the host that runs the model, and the lock: the exact packages.
    """
    settings = load_settings()

    def agree(resolved: Resolved) -> None:
        ask = (lambda _text: True) if consent.yes or resolved.identity in consent.agreed else None
        trust.check(resolved, settings.data_dir, registry=model.origin, patterns=settings.trust, ask=ask)

    told: list[str] = []
    reporter = progress.current()
    reporter.phase("install")
    flags = {"offline": consent.offline, "allow_build": consent.allow_build}
    with keeping_warnings(told):
        if isinstance(wanted, Requirement):
            wanted = environments.resolve(wanted, data_dir=settings.data_dir, **flags)
        environment = environments.obtain(wanted, settings.data_dir, consent=agree, **flags)
    for message in told:
        reporter.warn(message)
    with (
        environments.using(environment, model.origin),
        temporary.new_folder() as scratch,
        contextlib.closing(
            Isolated(
                environment.python,
                name=model.name,
                module=model.module,
                distribution=distribution or environment.resolved.name,
                origin=model.origin,
                scratch=scratch,
            )
        ) as host,
    ):
        yield host, environment.lock
