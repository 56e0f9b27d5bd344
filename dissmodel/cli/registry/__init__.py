"""``dissmodel registry``: the models that others published."""

from __future__ import annotations

from dissmodel.cli import trust
from dissmodel.cli.once import App
from dissmodel.cli.registry import check, models, sources, sync

app = App(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Fetch registries of models and look into them. All but sync works offline.\n\n"
    "Example: dissmodel registry list",
)
app.command("sync")(sync.sync)
app.command("list")(models.list_models)
app.command("show")(models.show)
app.command("path")(models.path)
app.command("add")(sources.add)
app.command("remove")(sources.remove)
app.command("trust")(trust.trust)
app.command("check")(check.check)
