"""Pages for a browser, below ``/ui``: they work without script, and show what the HTTP API answers."""

from dissmodel.service.pages import base, experiments, listing

ROUTERS = (*base.ROUTERS, *experiments.ROUTERS, *listing.ROUTERS)
