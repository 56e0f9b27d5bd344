"""The maps of a summary: of which runs, with which classes, in which folders."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from dissmodel.cells.style import style_legend
from dissmodel.errors import disk_errors
from dissmodel.geo.legend import Legend
from dissmodel.preview.draw import legends_of
from dissmodel.record import store
from dissmodel.sweeping.folder import SweepFolder, SweptRun
from dissmodel.sweeping.maps import MappedRun, file_name, is_map, map_runs
from dissmodel.warn import keeping_warnings


def write_maps(
    folder: SweepFolder,
    groups: Mapping[str, Sequence[SweptRun]],
    parts: Mapping[str, Mapping[str, str]],
    target: Path,
    notes: list[str],
    *,
    quantiles: bool,
) -> list[Path]:
    """Write maps over the completed runs of each group; return the files. What is left out is noted.

    Parameters
    ----------
    groups : mapping of str to sequence of SweptRun
        By what a group is called; empty for all runs, whose maps are in `target` itself.
    parts : mapping of str to mapping
        By the key of a run the digests of its bands or columns.
    """
    places = {run.key: folder.output_path(run) for runs in groups.values() for run in runs}
    there = {key: path for key, path in places.items() if path is not None}
    if len(there) < len(places):
        notes.append(
            f"the results of {len(places) - len(there)} of {len(places)} completed runs were not kept"
            + ("" if there else ": there are no maps")
        )
    if not all(map(is_map, there.values())):
        notes.append("the results are no maps, so there are none over runs")
        there = {}
    if not there:
        return []
    written = []
    legends, bands = _legends(folder, there, notes), _differing(parts[key] for key in there)
    for number, (called, runs) in enumerate(groups.items(), start=1):
        mapped = [MappedRun(run.key, there[run.key]) for run in runs if run.key in there]
        if mapped:
            place = target / f"{number:02d}_{file_name(called, set())}" if called else target
            with disk_errors(f"{place}: can't be made"):
                place.mkdir(parents=True)
            written += map_runs(mapped, place, legends, names=bands, quantiles=quantiles)
    return written


def _legends(folder: SweepFolder, there: Mapping[str, Path], notes: list[str]) -> dict[str, Legend]:
    """Return the classes of bands and columns, under the names that they have in the results.

    Where the model is unknown here, those of the style beside a result.
    """
    key, result = next(iter(there.items()))
    path = folder.run_record_path(key)
    record = store.read(path)
    told: list[str] = []
    with keeping_warnings(told):
        known = dict(legends_of(path, record))
    if told:
        known = style_legend(result)
        of = "those of the style beside a result" if known else "unknown"
        notes.append(f"the model is not known here, so its classes are {of}; other maps are of numbers")
    return known | {str(record.column_map[one]): known[one] for one in known if one in record.column_map}


def _differing(parts: Iterable[Mapping[str, str]]) -> tuple[str, ...] | None:
    """Return the bands or columns that differ between results; None for all: none differs, or unknown."""
    seen: dict[str, set[str]] = {}
    for one in parts:
        for name, digest in one.items():
            seen.setdefault(name, set()).add(digest)
    return tuple(name for name, digests in seen.items() if len(digests) > 1) or None
