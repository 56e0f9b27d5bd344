"""What ``dissmodel sweep`` and ``dissmodel sweep status`` print."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING

from dissmodel.cli.render import print_json, print_line, print_places, size
from dissmodel.printable import count

if TYPE_CHECKING:
    from dissmodel.sweeping.status import SweepStatus
    from dissmodel.sweeping.swept import Estimate, Sweep


def sweep(made: Sweep, *, as_json: bool, quiet: bool) -> None:
    """Print how a sweep ended, and where what it made is; or what it would take."""
    folder = made.folder
    table, record = (
        f"{made.place}{one.name}" if made.place else one for one in (folder.table_path, folder.record_path)
    )
    if as_json:
        counts = {name: getattr(made, name) for name in ("rows", "runs", "completed", "failed", "missing")}
        more = {"began": made.began, "old_code": made.old_code, "seconds": made.seconds}
        estimate = {} if made.estimate is None else {"estimate": asdict(made.estimate)}
        print_json(
            {"folder": made.place or folder.path, "record_path": record, "table": table}
            | counts
            | more
            | estimate
        )
    elif not quiet:
        _print_counts(made)
        if made.estimate is not None:
            _print_estimate(made.estimate)
        elif folder.record_path.exists():
            print_places({"table": table, "record": record})


def _print_counts(made: Sweep) -> None:
    same = f" ({made.rows} rows; equal rows share a run)" if made.rows != made.runs else ""
    failed = f", {made.failed} failed" if made.failed else ""
    missing = f", {made.missing} to run" if made.missing else ""
    old = f", {made.old_code} by an earlier state of the model's code" if made.old_code else ""
    runs = count(made.runs, "run")
    print_line(f"{runs}{same}: {made.completed} completed{failed}{missing}{old}")
    if made.began:
        print_line(f"  {made.began} of them now, in {made.seconds:.1f} s")


def _print_estimate(found: Estimate) -> None:
    print_line(
        f"  time    about {_span(found.seconds)}: {found.run_seconds:.2f} s a run, {found.at_once} at once"
    )
    print_line(f"  memory  about {size(found.memory_bytes)}: {size(found.run_memory_bytes)} a run")
    print_line(f"  disk    about {size(found.disk_bytes)}: {size(found.run_disk_bytes)} a run")


def status(found: SweepStatus, *, as_json: bool) -> None:
    """Print how a sweep stands."""
    if as_json:
        print_json({**asdict(found), "missing": found.missing})
        return
    doing = "running" if found.running else "not running"
    whole = "" if found.runs is None else f" of {found.runs}"
    left = "" if found.missing is None else f", {found.missing} left"
    print_line(f"{doing}: {found.completed}{whole} runs completed, {found.failed} failed{left}")
    if found.rate is not None:
        rest = "" if found.seconds_left is None else f", about {_span(found.seconds_left)} left"
        print_line(f"  {found.rate:.1f} runs/s{rest}")


def _span(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))
