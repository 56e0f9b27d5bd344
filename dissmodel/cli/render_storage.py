"""What was pushed and pulled, for a person or a program."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dissmodel.cli.render import (
    error_document,
    print_error,
    print_json,
    print_line,
    print_places,
    print_table,
    short_path,
    size,
)
from dissmodel.printable import count

if TYPE_CHECKING:
    from dissmodel.errors import DissmodelError
    from dissmodel.sharing.pull import Pulled
    from dissmodel.sharing.push import Pushed, PushedObject


def pushed(result: Pushed, *, dry_run: bool, as_json: bool, quiet: bool) -> None:
    """Print a line per object, or, for several experiments that were sent, a line per experiment."""
    if as_json:
        failed = _failed("record", result.failures, result.untried)
        print_json({"dry_run": dry_run, "experiments": result.experiments, **failed})
    elif not quiet:
        objects = [one for experiment in result.experiments for one in experiment.objects]
        if dry_run or len(result.experiments) == 1:
            if objects:
                rows = [(one.state, size(one.size), one.uri) for one in objects]
                print_table(("state", "size", "object"), rows)
        else:
            for experiment in result.experiments:
                print_line(f"{_summary(experiment.objects)}  {experiment.uri}")
        counted = count(len(result.experiments), "experiment")
        print_line(f"{counted}, {'dry run: ' if dry_run else ''}{_summary(objects)}")
    _print_failures(result.failures, result.untried)


def pulled(result: Pulled, *, as_json: bool, quiet: bool) -> None:
    """Print where each experiment is now, and how many bytes of it came."""
    if as_json:
        experiments = [
            {
                "experiment_id": one.experiment_id,
                "uri": one.uri,
                "record_path": one.record,
                "files": one.files,
                "received": one.received,
            }
            for one in result.experiments
        ]
        print_json({"experiments": experiments, **_failed("uri", result.failures, result.untried)})
    elif not quiet:
        for one in result.experiments:
            came = f"{size(one.received)} received" if one.received else "it was here already"
            print_line(f"{short_path(one.record)}  ({came})")
            if len(result.experiments) == 1:
                print_places(one.files)
    _print_failures(result.failures, result.untried)


def _print_failures(found: Mapping[Any, DissmodelError], untried: Sequence[object]) -> None:
    """Print on standard error what failed, and how many experiments were left."""
    for error in found.values():
        print_error(error)
    if untried:
        sys.stderr.write(f"{count(len(untried), 'experiment')} not tried\n")


def _failed(named: str, found: Mapping[Any, DissmodelError], untried: Sequence[object]) -> dict[str, Any]:
    failures = [{named: str(one), **error_document(error)} for one, error in found.items()]
    return {"failures": failures, "untried": untried}


def _summary(objects: Iterable[PushedObject]) -> str:
    numbers, sizes = Counter[str](), Counter[str]()
    for one in objects:
        numbers[one.state] += 1
        sizes[one.state] += one.size
    parts = [
        f"{count(numbers[state], 'object')} {state} ({size(sizes[state])})"
        for state in ("sent", "to send", "there")
        if numbers[state]
    ]
    return ", ".join(parts) or "nothing"
