"""Pages for a browser, below ``/ui``: they work without script, and show what the HTTP API answers."""

from dissmodel.service.pages import base, experiments, listing, modelling, sweeping, uploading

ROUTERS = (
    *base.ROUTERS,
    *experiments.ROUTERS,
    *listing.ROUTERS,
    *modelling.ROUTERS,
    *sweeping.ROUTERS,
    *uploading.ROUTERS,
)
