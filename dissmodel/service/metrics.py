"""What is counted, in the text format of Prometheus."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

_BOUNDS = (0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0)
Sample = tuple[Mapping[str, Any], float]


class Metrics:
    """Counts of this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: Counter[tuple[str, int]] = Counter()
        self._buckets: Counter[float] = Counter()
        self._seconds = 0.0
        self._storage_errors: Counter[str] = Counter()

    def answered(self, path: str, status: int, seconds: float) -> None:
        """Count a request; `path` is that of its route."""
        with self._lock:
            self._requests[path, status] += 1
            self._seconds += seconds
            for bound in _BOUNDS:
                self._buckets[bound] += seconds <= bound

    def storage_failed(self, code: str) -> None:
        """Count an error of the place, by its code."""
        with self._lock:
            self._storage_errors[code] += 1

    def text(self, jobs: Mapping[str, Any], waiting: Mapping[str, int], streams: int) -> str:
        """Return all as text; `jobs` are the numbers of the list of jobs, `waiting` those of the queue."""
        with self._lock:
            requests = [
                ({"path": path, "status": status}, count) for (path, status), count in self._requests.items()
            ]
            total = float(sum(self._requests.values()))
            buckets: list[Sample] = [({"le": bound}, self._buckets[bound]) for bound in _BOUNDS]
            seconds, errors = self._seconds, _by("code", self._storage_errors)
        count, run_seconds = jobs["seconds"]
        return "".join(
            (
                _family("dissmodel_queue_jobs", "gauge", "Jobs that wait.", _by("priority", waiting)),
                _family("dissmodel_jobs", "gauge", "Jobs by state.", _by("state", jobs["states"])),
                _family("dissmodel_jobs_failed", "gauge", "Failed jobs by code.", _by("code", jobs["codes"])),
                _family("dissmodel_run_seconds", "summary", "How long runs took.", (), (run_seconds, count)),
                _family("dissmodel_event_streams", "gauge", "Open streams of events.", [({}, streams)]),
                _family("dissmodel_storage_errors_total", "counter", "Errors of the place.", errors),
                _family("dissmodel_http_requests_total", "counter", "Answered requests.", requests),
                _family(
                    "dissmodel_http_request_seconds",
                    "histogram",
                    "How long answers took.",
                    [*buckets, ({"le": "+Inf"}, total)],
                    (seconds, total),
                ),
            )
        )


def _by(label: str, counts: Mapping[str, int]) -> list[Sample]:
    return [({label: name}, count) for name, count in sorted(counts.items())]


def _family(
    name: str, kind: str, text: str, samples: Iterable[Sample], of_all: tuple[float, float] | None = None
) -> str:
    suffix = "_bucket" if kind == "histogram" else ""
    lines = [f"# HELP {name} {text}", f"# TYPE {name} {kind}"]
    lines += [f"{name}{suffix}{_labels(labels)} {value}" for labels, value in samples]
    if of_all is not None:
        lines += [f"{name}_sum {of_all[0]:.6g}", f"{name}_count {of_all[1]}"]
    return "\n".join(lines) + "\n"


def _labels(labels: Mapping[str, Any]) -> str:
    if not labels:
        return ""
    escaped = {name: str(value).translate(_ESCAPES) for name, value in labels.items()}
    return "{" + ",".join(f'{name}="{value}"' for name, value in escaped.items()) + "}"


_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})
