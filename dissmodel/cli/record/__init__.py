"""``dissmodel record``: show and check records; one file a command."""

from __future__ import annotations

from dissmodel.cli.lazy import lazy_group

app = lazy_group(
    "Look at records and check results against them.\n\nExample: dissmodel record verify result.record.json",
    {
        "bundle": "dissmodel.cli.record.bundle:bundle",
        "diff": "dissmodel.cli.record.diff:diff",
        "list": "dissmodel.cli.record.list_:list_records",
        "prune": "dissmodel.cli.record.prune:prune",
        "show": "dissmodel.cli.record.show:show",
        "sign": "dissmodel.cli.record.sign:sign",
        "verify": "dissmodel.cli.record.verify:verify",
    },
)
