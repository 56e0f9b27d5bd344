"""``dissmodel config``."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from dissmodel.cli import offers, options
from dissmodel.cli.commands import App
from dissmodel.errors import UsageError, did_you_mean

app = App(
    help="Look at the settings and change your own.\n\nExample: dissmodel config show",
)


@app.command("show")
def show(
    key: Annotated[
        str | None,
        typer.Argument(autocompletion=offers.settings, metavar="KEY", help="One setting; without, all."),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Show each setting and its origin.

    Your file overrides the default, a project's dissmodel.toml your file, the environment both.

    Example: dissmodel config show
    """
    from dissmodel.cli import render
    from dissmodel.settings import show_settings

    rows = [row for row in show_settings() if key in {None, row.name}]
    if not rows:
        from dissmodel.config.keys import KEYS, key_of

        key_of(key or "")  # raises for a name that is none
        raise UsageError(f"{key} is not set.", did_you_mean(key or "", KEYS))
    if as_json:
        settings = {
            row.name: {"value": row.value, "origin": row.origin, "where": row.where or None} for row in rows
        }
        render.print_json({"settings": settings})
        return
    lines = [(row.name, _value(row.value), row.origin, row.where) for row in rows]
    render.print_table(("setting", "value", "from", "where"), lines)


@app.command("set")
def set_(
    key: Annotated[
        str,
        typer.Argument(
            autocompletion=offers.settings, metavar="KEY", help="A setting, such as storage.bucket."
        ),
    ],
    value: Annotated[
        str | None,
        typer.Argument(
            autocompletion=offers.setting_values,
            metavar="VALUE",
            help="Its value; commas separate the items of a list.",
        ),
    ] = None,
    unset: Annotated[bool, typer.Option("--unset", help="Remove the setting.")] = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Write a setting into your own settings file; its comments stay.

    Example: dissmodel config set storage.bucket results
    """
    from dissmodel.cli import render
    from dissmodel.settings import set_setting, unset_setting

    if (value is None) != unset:
        raise UsageError(
            "Give a value, or --unset, not both." if unset else f"Which value is {key} to have?",
            f"Type: dissmodel config set {key} VALUE, or: dissmodel config set --unset {key}",
        )
    if value is None:
        path = unset_setting(key)
        document: dict[str, object] = {"key": key, "value": None, "path": str(path)}
        said = f"{key} is no longer set in {path}"
    else:
        row = set_setting(key, value)
        document = {"key": key, "value": row.value, "path": row.where}
        said = f"{key} = {_value(row.value)} in {row.where}"
    render.tell(document, said, as_json=as_json, quiet=quiet)


@app.command("path")
def path(as_json: options.Json = False) -> None:
    """Print the path of your own settings file; it need not exist yet.

    Example: dissmodel config path
    """
    from dissmodel.cli import render
    from dissmodel.settings import config_files

    files = config_files()
    if as_json:
        render.print_json({"user": files.user, "project": files.project})
    else:
        sys.stdout.write(f"{files.user}\n")  # as it is, for a script


def _value(value: object) -> str:
    from dissmodel.cli.render import value_text

    if value is None:
        return "-"
    return value if isinstance(value, str) else value_text(value)
