"""``dissmodel record``: what a record says, and whether it is true; one file a command."""

from __future__ import annotations

from dissmodel.cli.once import App
from dissmodel.cli.record import bundle, diff, list_, prune, show, sign, verify

app = App(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Look at records and check results against them.\n\n"
    "Example: dissmodel record verify result.record.json",
)
app.command("bundle")(bundle.bundle)
app.command("diff")(diff.diff)
app.command("list")(list_.list_records)
app.command("prune")(prune.prune)
app.command("show")(show.show)
app.command("sign")(sign.sign)
app.command("verify")(verify.verify)
