"""What differs between the run contexts of a run and of the recorded run that it repeats."""

from __future__ import annotations

from collections.abc import Sequence

from dissmodel.errors import Differs
from dissmodel.progress import Reporter, Silent, reporting
from dissmodel.record import ExperimentRecord
from dissmodel.record.diff import CodeDifference, Difference, runtime_differences
from dissmodel.running.repeat import Repeat

# What a run loads sooner or later, and where the versions of GDAL, PROJ and GEOS are learned from.
_LOADERS = ("rasterio", "pyproj", "shapely", "pyogrio")
_LONGEST = 200


def before(repeat: Repeat, threads: int | None) -> tuple[Difference, ...]:
    """Return what differs from the recorded run, as far as it is known before the new one."""
    runtime = repeat.record.runtime
    load = [loader for loader in _LOADERS if runtime is not None and loader in runtime.native]
    host = repeat.model.host
    with reporting(Silent()):  # the run itself tells what is unknown of it
        code = host.code()
    now = ExperimentRecord(
        model_name=host.info.name,
        status="running",
        code=code,
        runtime=host.runtime(code, load),
        thread_limit=threads,
    )
    return differences(repeat.record, now)


def differences(old: ExperimentRecord, new: ExperimentRecord) -> tuple[Difference, ...]:
    """Return what differs between two runs' contexts: code first, then what matters."""
    found = [*runtime_differences(old, new)]
    if old.model_name != new.model_name:
        found.append(CodeDifference("model name", old.model_name, new.model_name, matters=True))
    was, limit = (str(thread_limit(one) or "none") for one in (old, new))
    if was != limit:
        found.append(Difference("thread limit", was, limit, matters=True))
    code = other_code(found)
    return (*code, *sorted((one for one in found if one not in code), key=lambda one: not one.matters))


def other_code(changed: Sequence[Difference]) -> tuple[Difference, ...]:
    """Return the differences in code that could change the result."""
    return tuple(one for one in changed if one.matters and isinstance(one, CodeDifference))


def tell(changed: tuple[Difference, ...], reporter: Reporter, *, strict: bool) -> None:
    """Warn of what could change the result; with `strict` refuse code that is not the recorded code."""
    code = other_code(changed)
    if code and strict:
        raise Differs(
            f"This is not the recorded code: {'; '.join(map(told, code))}.",
            "Install the recorded code, or leave --strict out.",
            code="code_differs",
        )
    for one in changed:
        if one.matters:
            kind = "other code than recorded" if one in code else "changed since"
            reporter.warn(f"{kind}: {told(one)}")


def told(one: Difference) -> str:
    """Return a difference as a phrase.

    >>> told(Difference("package numpy", "2.1", None, matters=True))
    'package numpy 2.1 → not known'
    """
    recorded, now = one.recorded or "not recorded", one.now or "not known"
    return f"{one.what[:_LONGEST]} {recorded[:_LONGEST]} → {now[:_LONGEST]}"


def thread_limit(record: ExperimentRecord) -> int | None:
    """Return how many threads the user let a run have; None: all there are, or it is not recorded."""
    limit = record.thread_limit
    return limit if limit is not None and limit > 0 else None
