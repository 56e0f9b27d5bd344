"""From a record and its maps to a sheet: the titles, and the numbers below."""

from __future__ import annotations

import json
import re
from typing import Any

from dissmodel.geo.legend import Legend
from dissmodel.preview.amounts import CellCounts, class_table, measure_table
from dissmodel.preview.maps import Maps
from dissmodel.record import ExperimentRecord
from dissmodel.visualization.preview import Picture, Sheet

_PLAIN_ID = re.compile(r"[0-9A-Za-z-]{1,64}")


def sheet_of(record: ExperimentRecord, maps: Maps) -> Sheet:
    """Return what is to be drawn of a result."""
    _, last = maps.steps
    steps = f", steps {maps.steps[0]} to {last}" if last else ""
    states, change = maps.is_beyond
    ramps = ((maps.ramp, maps.band, states),) * 2 + ((maps.change_ramp, f"change of {maps.band}", change),)
    own = {(one.name, one.colour) for one in maps.legend or ()}
    images = (maps.before, maps.after, maps.change)
    return Sheet(
        title=f"{record.model_name or 'a model'}: {maps.band}{steps}",
        subtitle=_parameters(record),
        pictures=tuple(
            Picture(image, title, *ramp)
            for image, title, ramp in zip(images, maps.titles, ramps, strict=True)
            if image is not None
        ),
        key=tuple((label, colour) for label, colour in maps.changes if (label, colour) not in own),
        table=(
            measure_table(*maps.counts) if maps.legend is None else class_table(maps.legend, maps.amounts)
        ),
        notes=_notes(record, maps.legend, *maps.counts),
        aspect=maps.canvas.aspect,
        metres=maps.canvas.metres,
        mark=record.experiment_id if _PLAIN_ID.fullmatch(record.experiment_id) else "-",
    )


def _parameters(record: ExperimentRecord) -> str:
    """Return the parameters that the user set, then the defaults that are neither None nor False."""
    chosen = [name for name, origin in record.parameter_origin.items() if origin != "default"]
    values = {
        name: value for name, value in record.parameters.items() if value is not None and value is not False
    }
    ordered = [*(name for name in chosen if name in values), *(name for name in values if name not in chosen)]
    return "  ·  ".join(f"{name} = {_value(values[name])}" for name in ordered)


def _value(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _notes(
    record: ExperimentRecord, legend: Legend | None, before: CellCounts | None, after: CellCounts
) -> tuple[str, ...]:
    codes = () if legend is None else tuple(one.code for one in legend)
    counts = {} if before is None else {"before": before.outside(codes)}
    counts["after"] = after.outside(codes)
    said = ", ".join(f"{count:,} {when}" for when, count in counts.items() if count)
    notes = (
        [] if legend is None or not said else [f"Not drawn: cells with a value that no class has ({said})."]
    )
    if before is None:
        notes.append("The state before the run is not drawn.")
    notes.append(f"record {record.experiment_id[:8]}  ·  {record.created_at.date().isoformat()}")
    return tuple(notes)
