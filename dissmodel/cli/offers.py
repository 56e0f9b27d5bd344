"""The words that a shell offers for an argument or the value of an option; no model is imported for them.

A name in ``FILE`` stands for what is there; a word that can't be found out is not offered, without an error.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

import typer

from dissmodel.errors import DissmodelError

Word: TypeAlias = str | tuple[str, str]

STATUSES = ("completed", "failed", "interrupted", "pending", "replacing", "running", "tainted")
_RECORDS = (".record.json", ".zip")
_FLAGS = ("true", "false")
_MOST = 1000


class File(str):
    """The name of a file, or of a folder with a slash at its end."""

    __slots__ = ()


def models(ctx: typer.Context, incomplete: str) -> list[Word]:
    """Return the names of models, each with what it is, files of models, and a command's second word."""
    from dissmodel.known_models import models as known

    commands = getattr(ctx.parent and ctx.parent.command, "commands", {})
    second = [name.partition(" ")[2] for name in commands if name.startswith(f"{ctx.command.name} ")]
    found = [*second, *_files(incomplete, (".py",))]
    with contextlib.suppress(DissmodelError):  # settings that can't be read
        return [*known().items(), *found]
    return found


def parameters(ctx: typer.Context, incomplete: str) -> list[Word]:
    """Return ``NAME=`` for the parameters of the command's model, or ``NAME=VALUE`` for what it may be."""
    from dissmodel.known_models import parameters as known

    toml = ctx.params.get("toml")
    with contextlib.suppress(DissmodelError):  # as above
        found = known(ctx.params.get("model"), Path(toml) if toml is not None else None)
        name, is_value, _ = incomplete.partition("=")
        if is_value:
            return [f"{name}={one}" for known in found if known.name == name for one in known.choices]
        return [(f"{one.name}=", one.description) for one in found]
    return []


def settings(incomplete: str) -> list[Word]:  # noqa: ARG001  (Typer looks at it)
    """Return the settings, each with what it is."""
    from dissmodel.config.keys import KEYS

    return [(name, key.summary) for name, key in KEYS.items()]


def setting_values(ctx: typer.Context) -> list[Word]:
    """Return the values of a setting that is true or false."""
    from dissmodel.config.keys import KEYS

    key = KEYS.get(ctx.params.get("key") or "")
    return [*_FLAGS] if key is not None and key.kind == "flag" else []


def statuses() -> list[Word]:
    """Return how a run can stand."""
    return [*STATUSES]


def orders() -> list[Word]:
    """Return the columns that every list of records can be sorted by."""
    from dissmodel.experiment.columns import SORTED

    return [*SORTED]


def columns(incomplete: str) -> list[Word]:
    """Return the columns that every list of records has, after those that were typed."""
    from dissmodel.experiment.columns import FIXED

    typed, comma, _ = incomplete.rpartition(",")
    return [f"{typed}{comma}{name}" for name in FIXED]


def records(incomplete: str) -> list[Word]:
    """Return records and bundles, and folders that may have some."""
    return [*_files(incomplete, _RECORDS)]


def _files(incomplete: str, suffixes: tuple[str, ...]) -> Iterator[File]:
    """Yield the files of these kinds, and the folders, that begin so; hidden files only after a dot."""
    folder, start = incomplete[: incomplete.rfind("/") + 1], incomplete[incomplete.rfind("/") + 1 :]
    with contextlib.suppress(OSError, ValueError), os.scandir(folder or ".") as entries:
        wanted = [one for one in entries if one.name.startswith(start) and (start or one.name[0] != ".")]
        for entry in sorted(wanted, key=lambda one: one.name)[:_MOST]:
            path = f"{folder}{entry.name}"
            if entry.is_dir():
                yield File(f"{path}/")
            elif entry.name.endswith(suffixes):
                yield File(path)
