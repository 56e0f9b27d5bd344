"""Commands that are imported when they are used: each start of the program pays for one."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any, ClassVar

import typer
from typer.core import TyperGroup
from typer.main import get_command, get_group

from dissmodel.cli.once import App


class LazyGroup(TyperGroup):
    """A group whose commands are those of `places`, in the order in which its help lists them.

    A place is ``module:function``, or ``module:app`` for a group.
    """

    places: ClassVar[Mapping[str, str]] = {}

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = dict(self.places)  # type: ignore[arg-type]  # by name: its place, or the command itself

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002  (the parser's own signature)
        """Return a command, which is imported when it is first asked for; None if there is none."""
        found: Any = self.commands.get(cmd_name)
        if isinstance(found, str):
            module, _, attribute = found.partition(":")
            found = _command(getattr(importlib.import_module(module), attribute), cmd_name)
            self.commands[cmd_name] = found
        return found


def _command(found: Any, name: str) -> Any:
    if isinstance(found, typer.Typer):
        command: Any = get_group(found)
    else:
        alone = App(add_completion=False, rich_markup_mode=None)
        alone.command(name)(found)
        command = get_command(alone)
    command.name = name
    return command
