"""What is told of a run: where it is, and its last lines."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import replace

from dissmodel.record.redact import redact
from dissmodel.service.documents import LINE_LENGTH, LOG_LINES, storable
from dissmodel.service.queue import Progress

_MOST = 1 << 53  # a larger number is no number in JSON for most readers


class Told:
    """What the process of a run tells; several threads may tell and ask at once.

    Attributes
    ----------
    is_new : bool
        Whether something was told since `news` was asked for.
    """

    def __init__(self) -> None:
        self.is_new = False
        self._progress = Progress()
        self._lines: deque[str] = deque(maxlen=LOG_LINES)
        self._logged = 0
        self._lock = threading.Lock()

    @property
    def log(self) -> tuple[str, ...]:
        """The last lines of the run."""
        with self._lock:
            return tuple(self._lines)

    @property
    def logged(self) -> int:
        """How many lines the run has had in all."""
        return self._logged

    def news(self, lines: int = LOG_LINES) -> Progress:
        """Return where the run is, with its last lines, at most so many."""
        with self._lock:
            self.is_new = False
            return replace(self._progress, lines=tuple(self._lines)[-lines:], logged=self._logged)

    def hear(self, news: Progress, known: int) -> None:
        """Take over what is told elsewhere; of its lines the first `known` were taken over before."""
        fresh = _bounded(news.logged - known)
        lines = news.lines[-min(fresh, LOG_LINES) :] if fresh else ()
        for line in lines:
            self.output(line)
        with self._lock:
            self._logged += fresh - len(lines)
        self.tell(news.phase or None, news.step, news.steps)

    def tell(self, phase: str | None, done: int = 0, total: int = 0) -> None:
        """Tell a phase, None: the same, and how far it is."""
        with self._lock:
            said = self._progress.phase if phase is None else storable(phase[:LINE_LENGTH])
            self._progress = Progress(said, _bounded(done), _bounded(total))
            self.is_new = True

    def warn(self, message: str) -> None:
        """Keep a warning in the log of the run."""
        self.output(f"warning: {message}")

    def output(self, line: str) -> None:
        """Keep a line in the log of the run."""
        with self._lock:
            self._lines.append(storable(redact(line[: 2 * LINE_LENGTH])[:LINE_LENGTH]))
            self._logged += 1
            self.is_new = True


def _bounded(number: int) -> int:
    """Return a number that a model may have told, with which can be computed."""
    return min(max(0, number), _MOST)
