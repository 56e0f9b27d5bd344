"""The index of the service's experiments: brought up to date again and again, and searched."""

from __future__ import annotations

import logging
from contextlib import AbstractContextManager
from typing import Any

from dissmodel.errors import DissmodelError
from dissmodel.experiment.index import IndexUnusable, Page, search
from dissmodel.experiment.ingest import default_index, ingest_place, scope_of
from dissmodel.experiment.layout import FOLDER
from dissmodel.service.repeated import repeated
from dissmodel.service.truth import Truth

EVERY_S, NOTE_S = 600.0, 5.0
_LOG = logging.getLogger(__name__)


class Indexing:
    """The experiments of a place in the user's index; other places that are in it are left out."""

    def __init__(self, truth: Truth) -> None:
        self._place = truth.place.below(FOLDER)
        self._index = default_index()
        self._scope = scope_of(self._place)

    def running(self) -> AbstractContextManager[None]:
        """Ingest all experiments now and every ten minutes for the block; the next ingest ends a cut one."""
        return repeated(self._ingest, lambda _took_s: EVERY_S, bug="the ingest failed")

    def note(self, job: str) -> None:
        """Ingest the experiment of a job that was delivered; what fails is done by the next ingest of all."""
        try:
            ingest_place(self._index, self._place.below(job), patience=NOTE_S)
        except DissmodelError as error:
            _LOG.info("%s", error.message, extra={"code": error.code})

    def search(self, **filters: Any) -> Page:
        """Return the experiments that `dissmodel.experiment.index.search` finds in the place.

        An index that is not there, or can't be used, is made first.
        """
        try:
            return search(self._index, scope=self._scope, **filters)
        except IndexUnusable:
            ingest_place(self._index, self._place)
            return search(self._index, scope=self._scope, **filters)

    def _ingest(self) -> None:
        done = ingest_place(self._index, self._place)
        for problem in done.problems:
            _LOG.warning("%s", problem)
        for one in done.shared_ids:
            _LOG.warning("several records with different content have the id %s", one)
