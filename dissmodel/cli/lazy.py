"""Commands that are imported when they are used: each start of the program pays for one."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import typer
from typer.core import TyperGroup
from typer.main import get_command, get_group

from dissmodel.cli.once import App


class Commands(Mapping[str, Any]):
    """Commands by name, in the order in which the help lists them.

    Parameters
    ----------
    places : Mapping of str to str
        A command's name → ``module:function``, or ``module:app`` for a group.

    Examples
    --------
    >>> commands = Commands({"show": "dissmodel.cli.show:show"})
    >>> list(commands), commands["show"].name
    (['show'], 'show')
    """

    def __init__(self, places: Mapping[str, str]) -> None:
        self._places = places
        self._loaded: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        """Import a command."""
        if name not in self._loaded:
            module, _, attribute = self._places[name].partition(":")
            self._loaded[name] = _command(getattr(importlib.import_module(module), attribute), name)
        return self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        """Yield the names."""
        return iter(self._places)

    def __len__(self) -> int:
        """Count the names."""
        return len(self._places)


class LazyGroup(TyperGroup):
    """A group whose commands are those of `places`."""

    places: ClassVar[Mapping[str, str]] = {}

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = Commands(self.places)  # type: ignore[assignment]  # it is only read

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002  (the parser's own signature)
        """Return the names; no command is imported for it."""
        return list(self.commands)


def lazy_group(text: str, places: Mapping[str, str]) -> App:
    """Return a group of commands below the program, with its help."""
    group = type("Group", (LazyGroup,), {"places": places})
    return App(cls=group, no_args_is_help=True, rich_markup_mode=None, help=text)


def _command(found: Any, name: str) -> Any:
    if isinstance(found, typer.Typer):
        command: Any = get_group(found)
    else:
        alone = App(add_completion=False, rich_markup_mode=None)
        alone.command(name)(found)
        command = get_command(alone)
    command.name = name
    return command
