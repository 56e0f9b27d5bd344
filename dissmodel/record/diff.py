"""What differs around two runs: code, libraries, machine; and whether it could change a bit of the result."""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Iterator
from dataclasses import dataclass

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from dissmodel.record.schema import (
    ORDER_OF_THE_FILE,
    ORDER_OF_THE_MAP,
    Code,
    ExperimentRecord,
    Grid,
    Package,
    Runtime,
)

NOT_INSTALLED = "not installed"

# What follows dissmodel's version where an environment has it as a wheel: a digest of its files.
_PACKED = re.compile(r"[+.]build\.[0-9a-f]{12}$")
_DIGITS = 12
# Nobody requires them, and a library that finds one computes its sums another way.
_USED_IF_THERE = ("bottleneck", "numba", "numexpr", "pyarrow", "scipy")
# What a run knows of itself only at its end.
_BEFORE_ITS_END = frozenset({"pending", "running"})


@dataclass(frozen=True)
class Difference:
    """A difference between two runs.

    `recorded` and `now` are what the earlier and the later run have (None: nothing). `matters`: it could
    change a bit of the result, which is not to say that it did.
    """

    what: str
    recorded: str | None
    now: str | None
    matters: bool


class CodeDifference(Difference):
    """A difference in the code of the model, or of dissmodel itself."""


def runtime_differences(old: ExperimentRecord, new: ExperimentRecord) -> tuple[Difference, ...]:
    """Return what differs between the code, the libraries and the machines of two runs.

    What matters comes first; within that code, dissmodel, Python, libraries, machine.

    It could change a bit of the result and so matters: the code of the model and of dissmodel; Python (its
    mathematics and its hashes); GDAL, PROJ, GEOS and LLVM (reading, projecting, compiling); a package that
    the model's package requires, directly or not, or that is used wherever it is there; the processor and its
    family (vector instructions round otherwise); threads (the order of sums); the kernel; the order in which
    cells are visited; the C library, or the system where that is unknown (``exp``, ``pow``); the locale (how
    text is read). It can't, and doesn't: a package that nothing of the model requires, the release of the
    operating system's kernel, where code was fetched from, and how many processors there are if the threads
    are known.

    - `old`, `new`: the records. A run that has not ended (status ``pending`` or ``running``) does not know
      its threads, its kernel and its native libraries yet, and no difference is made of that.

    Returns
    -------
    tuple of Difference
        What only one of them recorded is among them if it matters. A native library is compared where both
        runs loaded it from the same package.

    Examples
    --------
    >>> old, new = (ExperimentRecord(code=Code(package="coast", version=one)) for one in ("1.0", "1.1"))
    >>> [f"{one.what}: {one.recorded} -> {one.now}" for one in runtime_differences(old, new)]
    ['model version: 1.0 -> 1.1']
    """
    code = [CodeDifference(one.what, one.recorded, one.now, one.matters) for one in _code(old, new)]
    found = [*code, *_runtime(old, new), *_order(old, new)]
    return tuple(sorted(found, key=lambda one: not one.matters))


def _code(old: ExperimentRecord, new: ExperimentRecord) -> Iterator[Difference]:
    if old.code is not None and new.code is not None:
        yield from _code_differences("model", old.code, new.code)
    elif old.code is not None or new.code is not None:
        yield from _pair("model code", _named(old.code), _named(new.code), matters=True)
    if _is_ours(old.code) and _is_ours(new.code):
        return
    ours, theirs = _dissmodel_of(old), _dissmodel_of(new)
    if ours.source_digest is None or theirs.source_digest is None:
        yield from _pair("dissmodel version", ours.version, theirs.version, matters=True)
    else:
        yield from _code_differences("dissmodel", ours, theirs)


def _code_differences(whose: str, old: Code, new: Code) -> Iterator[Difference]:
    equal_source = old.source_digest is not None and old.source_digest == new.source_digest
    found = [
        *_pair(f"{whose} package", old.package, new.package, matters=True),
        *(_pair("model module", old.module, new.module, matters=True) if whose == "model" else ()),
        *_pair(f"{whose} version", *(_version(one, equal_source) for one in (old, new)), matters=True),
        *_pair(f"{whose} commit", old.commit, new.commit, matters=True),
        *_pair(f"{whose} changes", _changes(old), _changes(new), matters=True),
    ]
    if equal_source:  # the same code; that one of them did not say its commit adds nothing
        found = [one for one in found if one.recorded is not None and one.now is not None]
    yield from found
    if not found:
        yield from _pair(
            f"{whose} source", _short(old.source_digest), _short(new.source_digest), matters=True
        )
    yield from _pair(f"{whose} repository", old.repository, new.repository, matters=False)


def _version(code: Code, is_same_source: bool) -> str | None:  # noqa: FBT001  (each of both is passed on)
    """Return a version as it is compared; of the same source, how it was packed makes no difference."""
    if code.version is None or not is_same_source:
        return code.version
    return _PACKED.sub("", code.version)


def _runtime(old: ExperimentRecord, new: ExperimentRecord) -> Iterator[Difference]:
    a, b = old.runtime, new.runtime
    if a is None or b is None:
        yield from _pair("runtime", _machine_of(a), _machine_of(b), matters=True)
        return
    yield from _pair("Python", a.python, b.python, matters=True)
    yield from _pair("Python implementation", a.implementation, b.implementation, matters=True)
    for loader in sorted(a.native.keys() & b.native.keys()):
        for library in sorted(a.native[loader].keys() | b.native[loader].keys()):
            versions = (a.native[loader].get(library), b.native[loader].get(library))
            yield from _pair(f"{library} ({loader})", *versions, matters=True)
    yield from _packages(old, new)
    yield from _machine(a, b)
    if not {old.status, new.status} & _BEFORE_ITS_END:
        threads = (_text(a.threads), _text(b.threads))
        yield from _pair("threads", *threads, matters=True)
        yield from _pair("kernel", a.kernel, b.kernel, matters=True)
    known = a.threads is not None and b.threads is not None
    yield from _pair("processors", _text(a.cpu_count), _text(b.cpu_count), matters=not known)


def _machine(a: Runtime, b: Runtime) -> Iterator[Difference]:
    (release_a, libc_a), (release_b, libc_b) = _platform(a), _platform(b)
    yield from _pair("machine", a.machine, b.machine, matters=True)
    yield from _pair("CPU", a.cpu, b.cpu, matters=True)
    one_libc = libc_a is not None and libc_b is not None
    if one_libc:
        yield from _pair("C library", libc_a, libc_b, matters=True)
    yield from _pair("locale", a.locale, b.locale, matters=True)
    if a.os != b.os:
        yield from _pair("OS", a.os, b.os, matters=not one_libc)
    elif a.machine == b.machine:
        yield from _pair("OS release", release_a, release_b, matters=False)


def _packages(old: ExperimentRecord, new: ExperimentRecord) -> Iterator[Difference]:
    a = old.runtime.packages if old.runtime else {}
    b = new.runtime.packages if new.runtime else {}
    if not a or not b:
        counts = (f"{len(one)} packages" if one else None for one in (a, b))
        yield from _pair("packages", *counts, matters=True)
        return
    both = old.code is not None and new.code is not None
    told = {
        canonicalize_name(code.package) for code in (old.code, new.code) if both and code and code.package
    }
    names = sorted((a.keys() | b.keys()) - told - {"dissmodel"}, key=lambda name: (name != "numpy", name))
    changed = [name for name in names if _installed(a.get(name)) != _installed(b.get(name))]
    used = _required_by(old.code, new.code) if changed else None
    for name in changed:
        matters = used is None or name in used
        yield Difference(f"package {name}", _installed(a.get(name)), _installed(b.get(name)), matters)


def _required_by(*codes: Code | None) -> frozenset[str] | None:
    """Return the packages that a model may use, as far as they say; None: any."""
    models = {code.package for code in codes if code is not None}
    if len(models) != 1 or None in models:  # a loose file may import whatever there is
        return None
    waiting = [*_USED_IF_THERE, "dissmodel", *(name for name in models if name)]
    found: set[str] = set()
    while waiting:
        name = canonicalize_name(waiting.pop())
        if name in found:
            continue
        found.add(name)
        try:
            required = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:
            if name in map(canonicalize_name, filter(None, models)):  # it lives in another environment
                return None
            continue
        waiting += [one for text in required if (one := _unconditional(text))]
    return frozenset(found)


def _unconditional(text: str) -> str | None:
    try:
        requirement = Requirement(text)
    except InvalidRequirement:
        return None
    marker = requirement.marker
    return requirement.name if marker is None or marker.evaluate({"extra": ""}) else None


def _pair(what: str, recorded: str | None, now: str | None, *, matters: bool) -> Iterator[Difference]:
    if recorded != now and (matters or (recorded is not None and now is not None)):
        yield Difference(what, recorded, now, matters)


def _dissmodel_of(record: ExperimentRecord) -> Code:
    code = record.runtime.dissmodel if record.runtime is not None else Code()
    return code if code.version else Code(version=record.code_version or None)


def _is_ours(code: Code | None) -> bool:
    return code is not None and code.package == "dissmodel"


def _named(code: Code | None) -> str | None:
    if code is None:
        return None
    return f"{code.package} {code.version}" if code.package else code.module


def _order(old: ExperimentRecord, new: ExperimentRecord) -> Iterator[Difference]:
    """Yield the order in which cells were visited, where the later run tells it.

    A run that did not note it took the rows of the file from its top. That is the order of the map where the
    file is stored from north to south and from west to east.
    """
    if old.grid is None or new.grid is None or new.grid.order is None:
        return
    recorded = old.grid.order
    if recorded is None:
        if new.grid.order != ORDER_OF_THE_MAP or not _is_flipped(old.grid):
            return
        recorded = ORDER_OF_THE_FILE
    yield from _pair("visiting order", recorded, new.grid.order, matters=True)


def _is_flipped(grid: Grid) -> bool:
    if grid.transform is None:
        return False
    a, b, _, d, e, _ = grid.transform
    return not b and not d and (a < 0 or e > 0)


def _machine_of(runtime: Runtime | None) -> str | None:
    return f"{runtime.implementation} {runtime.python}, {runtime.platform}" if runtime else None


def _changes(code: Code) -> str | None:
    if code.dirty is None:
        return None
    return f"uncommitted ({_short(code.diff_digest) or 'not hashed'})" if code.dirty else "none"


def _platform(runtime: Runtime) -> tuple[str, str | None]:
    """Return the system's release, and the C library where its name tells that too."""
    release, _, libc = runtime.platform.partition("-with-")
    return release, libc or None


def _installed(package: Package | None) -> str:
    if package is None:
        return NOT_INSTALLED
    return f"{package.version} ({_short(package.commit)})" if package.commit else package.version


def _short(digest: str | None) -> str | None:
    return digest[:_DIGITS] if digest else None


def _text(value: int | None) -> str | None:
    return None if value is None else str(value)
