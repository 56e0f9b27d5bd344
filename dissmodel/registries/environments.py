"""The environments of models' packages, and what the user agreed to install."""

from __future__ import annotations

from datetime import timedelta

from dissmodel import environments
from dissmodel.config import load_settings
from dissmodel.environments import trust
from dissmodel.environments.tidy import EnvironmentUse, Removed
from dissmodel.environments.trust import Approval

__all__ = [
    "Approval",
    "EnvironmentUse",
    "Removed",
    "list_environments",
    "prune",
    "remove",
    "revoke",
    "trusted",
]


def list_environments() -> tuple[EnvironmentUse, ...]:
    """Return the environments on this machine, the last used first."""
    return environments.list_environments(load_settings().data_dir)


def remove(names: tuple[str, ...], *, everything: bool = False) -> Removed:
    """Remove environments by key or by their package's name; all of them on demand.

    Raises UsageError if there is nothing of such a name, or if a model is running in one.
    """
    data_dir = load_settings().data_dir
    if everything:
        names = tuple(entry.environment.key for entry in environments.list_environments(data_dir))
    gone = [environments.remove(name, data_dir) for name in dict.fromkeys(names)]
    return Removed(tuple(key for one in gone for key in one.keys), sum(one.freed for one in gone))


def prune(unused_for: timedelta) -> Removed:
    """Remove the environments that no model has used for this long, and the remains of killed processes."""
    return environments.prune(load_settings().data_dir, unused_for)


def trusted() -> tuple[tuple[str, ...], tuple[Approval, ...]]:
    """Return the patterns that the settings trust, and what the user agreed to, one by one."""
    settings = load_settings()
    return settings.trust, trust.approvals(settings.data_dir)


def revoke(names: tuple[str, ...]) -> tuple[Approval, ...]:
    """Take back what was agreed to: a package, a repository, or one exact version or commit.

    Raises UsageError if nothing of such a name was agreed to.
    """
    data_dir = load_settings().data_dir
    return tuple(one for name in dict.fromkeys(names) for one in trust.revoke(name, data_dir))
