"""Typer's commands as they are here: imported when they are used, and no option is given twice.

Of an option that is given twice the last value would win, and the first be lost.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from types import FunctionType
from typing import Any, ClassVar, TypeVar

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command, get_group

from dissmodel.errors import UsageError

_SHOWN = 60
# The last are refused later, with a sentence that helps.
_PICTURES = (".png", ".svg", ".pdf", ".eps", ".gif", ".jpeg", ".jpg", ".webp")
Function = TypeVar("Function", bound=Callable[..., Any])


class Once(TyperCommand):
    """A command whose options take a value once, unless they are lists; ``--preview`` may take one."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Take the name of a picture that follows ``--preview`` for where it is drawn.

        No parser of Typer has options with and without a value.
        """
        takes_place = any("--preview-to" in getattr(one, "opts", ()) for one in self.params)
        return super().parse_args(ctx, _with_places(args) if takes_place else args)

    def make_parser(self, ctx: Any) -> Any:
        """Let the parser collect what an option would keep the last of."""
        return _Collecting(super().make_parser(ctx), ctx)


def _with_places(args: list[str]) -> list[str]:
    """Return arguments with ``--preview-to FILE`` for ``--preview FILE``, where that is a picture.

    >>> _with_places(["--preview", "r.json", "--preview=a.svg", "--preview", "b.pdf"])
    ['--preview', 'r.json', '--preview-to', 'a.svg', '--preview-to', 'b.pdf']
    """
    found: list[str] = []
    ours = args[: args.index("--")] if "--" in args else args
    for word in ours:
        if word.startswith("--preview="):
            found += ["--preview-to", word.partition("=")[2]]
        elif found[-1:] == ["--preview"] and word.lower().endswith(_PICTURES):
            found[-1:] = ["--preview-to", word]
        else:
            found.append(word)
    return found + args[len(ours) :]


class App(typer.Typer):
    """A program, or a group, of such commands; its help is plain text."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**{"no_args_is_help": True, "rich_markup_mode": None, **settings})

    def command(self, name: str | None = None, **settings: Any) -> Callable[[Function], Function]:
        """See `typer.Typer.command`."""
        return super().command(name, **{"cls": Once, **settings})


class LazyGroup(TyperGroup):
    """A group whose commands are those of `places`, in the order in which its help lists them.

    A place is ``module:function``, ``module:app`` for a group, or the function itself.
    """

    places: ClassVar[Mapping[str, Any]] = {}

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = dict(self.places)  # by name: its place, or, once it was asked for, the command

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002  (the parser's own signature)
        """Return a command, which is made when it is first asked for; None if there is none."""
        found: Any = self.commands.get(cmd_name)
        if isinstance(found, str):
            module, _, attribute = found.partition(":")
            found = getattr(importlib.import_module(module), attribute)
        if isinstance(found, FunctionType | typer.Typer):
            found = self.commands[cmd_name] = _command(found, cmd_name)
        return found


def _command(found: Any, name: str) -> Any:
    if isinstance(found, typer.Typer):
        places = {one.name: one.callback for one in found.registered_commands}
        group = type("Group", (LazyGroup,), {"places": places})
        command: Any = get_group(App(cls=group, help=found.info.help))
    else:
        alone = App(add_completion=False)
        alone.command(name)(found)
        command = get_command(alone)
    command.name = name
    return command


class _Collecting:
    """The parser of a command; an option that was given more than once is an error.

    - `parser`: the command's own.
    - `ctx`: the command's context, which gets the values as they were typed, by the name of their parameter.
    """

    def __init__(self, parser: Any, ctx: Any) -> None:
        self._parser = parser
        self._ctx = ctx
        known = {**parser._short_opt, **parser._long_opt}  # noqa: SLF001  (it offers no other way)
        self._taking = {name for name, option in known.items() if option.takes_value}
        self._single = {option.dest: option for option in known.values() if option.action == "store"}
        for option in self._single.values():
            option.action = "append"

    def __getattr__(self, name: str) -> Any:
        return getattr(self._parser, name)

    def parse_args(self, args: list[str]) -> tuple[dict[str, Any], list[str], list[Any]]:
        """Return the values by the name of their parameter, the other words, and the order of all.

        Raises UsageError if an option that takes one value was given several.
        """
        if self._ctx.resilient_parsing and args and args[-1] in self._taking:
            args = args[:-1]  # its value is asked for; without one the parser would forget the other words
        values, words, order = self._parser.parse_args(args=args)
        for name, option in self._single.items():
            given = values.get(name)
            if not isinstance(given, list):
                continue
            if len(given) > 1 and not self._ctx.resilient_parsing:  # else a shell asks what may come next
                raise _given_twice(max(option.obj.opts, key=len), [str(one) for one in given])
            values[name] = given[-1]
        self._ctx.meta["given"] = dict(values)
        return values, words, order


def _given_twice(option: str, values: list[str]) -> UsageError:
    times = "twice" if len(values) == 2 else f"{len(values)} times"  # noqa: PLR2004  (two has a word of its own)
    told = ", ".join(one[:_SHOWN] for one in values[:-1])
    message = f"{option} is given {times}: {told} and {values[-1][:_SHOWN]}."
    return UsageError(message, "Give one of them.", code="given_twice")
