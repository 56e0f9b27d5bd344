"""What is counted, in the text format of Prometheus."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from typing import Any

_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


class Metrics:
    """Counts of this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: Counter[tuple[str, ...]] = Counter()
        self._seconds: Counter[tuple[str, ...]] = Counter()
        self._errors: Counter[tuple[str, ...]] = Counter()

    def answered(self, path: str, status: int, seconds: float) -> None:
        """Count a request; `path` is that of its route."""
        with self._lock:
            self._requests[path, str(status)] += 1
            self._seconds[path, str(status)] += seconds  # type: ignore[assignment]  # a Counter adds any number

    def storage_failed(self, code: str) -> None:
        """Count an error of the place, by its code."""
        with self._lock:
            self._errors[(code,)] += 1

    def text(self, jobs: Mapping[str, Any], waiting: Mapping[str, int], streams: int) -> str:
        """Return all as text; `jobs` are the numbers of the list of jobs, `waiting` those of the queue."""
        runs, run_seconds = jobs["seconds"]
        with self._lock:
            requests, seconds, errors = dict(self._requests), dict(self._seconds), dict(self._errors)
        families = (
            ("queue_jobs", "gauge", "Jobs that wait", ("priority",), _keyed(waiting)),
            ("jobs", "gauge", "Jobs by state", ("state",), _keyed(jobs["states"])),
            ("jobs_failed", "gauge", "Failed jobs by code", ("code",), _keyed(jobs["codes"])),
            ("runs", "gauge", "Runs that completed", (), {(): runs}),
            ("run_seconds", "gauge", "How long they took in all", (), {(): run_seconds}),
            ("event_streams", "gauge", "Open streams of events", (), {(): streams}),
            ("storage_errors_total", "counter", "Errors of the place", ("code",), errors),
            ("http_requests_total", "counter", "Answered requests", ("path", "status"), requests),
            ("http_seconds_total", "counter", "How long answers took", ("path", "status"), seconds),
        )
        return "".join(_family(*family) for family in families)


def _keyed(counts: Mapping[str, int]) -> dict[tuple[str, ...], float]:
    return {(name,): count for name, count in counts.items()}


def _family(
    name: str, kind: str, text: str, labels: tuple[str, ...], samples: Mapping[tuple[str, ...], float]
) -> str:
    lines = [f"# HELP dissmodel_{name} {text}.", f"# TYPE dissmodel_{name} {kind}"]
    for values, number in sorted(samples.items()):
        pairs = (
            f'{label}="{value.translate(_ESCAPES)}"' for label, value in zip(labels, values, strict=True)
        )
        shown = f"{{{','.join(pairs)}}}" if labels else ""
        lines.append(f"dissmodel_{name}{shown} {number}")
    return "\n".join(lines) + "\n"
