"""How a run ended, as its record says."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from dissmodel.executor.runner import PHASES
from dissmodel.record import MAIN
from dissmodel.sweeping.runs import EndedRun

_TIMES = frozenset(f"time_{phase}_sec" for phase in (*PHASES, "total"))
_NUMBERS = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}


def ended_of(document: Mapping[str, Any], key: str) -> EndedRun:
    """Return how a run ended, as the document of its record says; raises TypeError, KeyError and so on."""
    main = document["files"].get(MAIN) or {}
    content = main.get("content_digest") or {}
    began, ended = document.get("created_at"), document.get("finished_at")
    seconds = _time(ended) - _time(began) if began and ended else timedelta()
    return EndedRun(
        key=key,
        status=document["status"],
        record_digest=document.get("record_digest") or "",
        output="" if document.get("not_kept") else main.get("path", ""),
        sha256=main.get("sha256", ""),
        content_digest=content.get("digest", ""),
        seed=document.get("seed"),
        metrics=metrics_of(document),
        seconds=round(seconds.total_seconds(), 3),
        cpu_seconds=document.get("cpu_seconds") or 0.0,
        peak_memory_bytes=document.get("peak_memory_bytes") or 0,
        error=(document.get("error") or {}).get("message", ""),
    )


def metrics_of(document: Mapping[str, Any]) -> dict[str, float]:
    """Return the numbers among a record's metrics, and what the model measured after its last step.

    The times of the phases are no metrics here.

    >>> metrics = {"time_run_sec": 0.1, "kappa": "NaN"}
    >>> metrics_of({"metrics": metrics, "step_metrics": {"step": [1, 2], "built": [3, 5]}})
    {'built': 5, 'kappa': nan}
    """
    steps = {
        name: row[-1] for name, row in document.get("step_metrics", {}).items() if row and name != "step"
    }
    found = steps | {name: one for name, one in document["metrics"].items() if name not in _TIMES}
    numbers = ((name, _NUMBERS.get(one, one) if isinstance(one, str) else one) for name, one in found.items())
    return {name: one for name, one in numbers if isinstance(one, int | float) and not isinstance(one, bool)}


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
