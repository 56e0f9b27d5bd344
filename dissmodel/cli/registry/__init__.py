"""``dissmodel registry``: the models that others published."""

from __future__ import annotations

from dissmodel.cli.lazy import lazy_group

app = lazy_group(
    "Fetch registries of models and look into them. All but sync works offline.\n\n"
    "Example: dissmodel registry list",
    {
        "sync": "dissmodel.cli.registry.sync:sync",
        "list": "dissmodel.cli.registry.models:list_models",
        "show": "dissmodel.cli.registry.models:show",
        "path": "dissmodel.cli.registry.models:path",
        "add": "dissmodel.cli.registry.sources:add",
        "remove": "dissmodel.cli.registry.sources:remove",
        "trust": "dissmodel.cli.trust:trust",
        "check": "dissmodel.cli.registry.check:check",
    },
)
