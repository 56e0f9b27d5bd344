"""What was pushed and pulled, for a person or a program."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dissmodel.cli import render
from dissmodel.cli.render import print_json, print_line, print_table, printable, short_path

if TYPE_CHECKING:
    from dissmodel.errors import DissmodelError
    from dissmodel.sharing.pull import Pulled, PulledExperiment
    from dissmodel.sharing.push import Pushed, PushedObject


def pushed(result: Pushed, *, dry_run: bool) -> None:
    """Print a line per object, or, for several experiments that were sent, a line per experiment."""
    if dry_run or len(result.experiments) == 1:
        rows = [
            (one.state, render.size(one.size), printable(one.uri))
            for experiment in result.experiments
            for one in experiment.objects
        ]
        if rows:
            print_table(("state", "size", "object"), rows)
    else:
        for experiment in result.experiments:
            print_line(printable(f"{_summary(experiment.objects)}  {experiment.uri}"))
    objects = [one for experiment in result.experiments for one in experiment.objects]
    counted = _number(len(result.experiments), "experiment")
    print_line(f"{counted}, {'dry run: ' if dry_run else ''}{_summary(objects)}")


def pushed_json(result: Pushed, *, dry_run: bool) -> None:
    """Print every object."""
    print_json(
        {
            "dry_run": dry_run,
            "experiments": [
                {
                    "record": str(one.record),
                    "experiment_id": one.experiment_id,
                    "uri": one.uri,
                    "objects": [
                        {"uri": each.uri, "size": each.size, "state": each.state} for each in one.objects
                    ],
                }
                for one in result.experiments
            ],
            **_failed("record", result.failures.items(), result.untried),
        }
    )


def pulled(result: Pulled) -> None:
    """Print where each experiment lies now, and how much of it came."""
    for one in result.experiments:
        print_line(printable(f"{short_path(str(one.record))}  ({_received(one)})"))
        if len(result.experiments) == 1:
            for name, path in one.files.items():
                print_line(printable(f"  {name:8} {short_path(str(path))}"))


def pulled_json(result: Pulled) -> None:
    """Print where everything lies now."""
    print_json(
        {
            "experiments": [
                {
                    "experiment_id": one.experiment_id,
                    "uri": one.uri,
                    "record_path": str(one.record),
                    "files": {name: str(path) for name, path in one.files.items()},
                    "received": one.received,
                }
                for one in result.experiments
            ],
            **_failed("uri", result.failures.items(), result.untried),
        }
    )


def failures(found: Mapping[str, DissmodelError], untried: Sequence[object]) -> None:
    """Say on standard error what failed, and how many were left."""
    from dissmodel.record.redact import redact

    for error in found.values():
        sys.stderr.write(printable(f"error: {redact(error.message)}") + "\n")
        if error.hint:
            sys.stderr.write(printable(f"  {redact(error.hint)}") + "\n")
    if untried:
        sys.stderr.write(f"{_number(len(untried), 'experiment')} not tried\n")


def _failed(
    named: str, found: Iterable[tuple[object, DissmodelError]], untried: Sequence[object]
) -> dict[str, Any]:
    from dissmodel.record.redact import redact

    told = [
        {named: str(one), "code": error.code, "message": redact(error.message), "hint": redact(error.hint)}
        for one, error in found
    ]
    return {"failures": told, "untried": [str(one) for one in untried]}


def _summary(objects: Iterable[PushedObject]) -> str:
    numbers, sizes = Counter[str](), Counter[str]()
    for one in objects:
        numbers[one.state] += 1
        sizes[one.state] += one.size
    parts = [
        f"{_number(numbers[state], 'object')} {state} ({render.size(sizes[state])})"
        for state in ("sent", "to send", "there")
        if numbers[state]
    ]
    return ", ".join(parts) or "nothing"


def _received(one: PulledExperiment) -> str:
    return f"{render.size(one.received)} received" if one.received else "it was here already"


def _number(count: int, what: str) -> str:
    return f"{count} {what}{'s' * (count != 1)}"
