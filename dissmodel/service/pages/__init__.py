"""Pages for a browser, below ``/ui``: they work without script, and show what the HTTP API answers."""

from dissmodel.service.pages import base, experiments

ROUTERS = (*base.ROUTERS, *experiments.ROUTERS)
