"""Several inputs, as the model gets them."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from dissmodel import temporary
from dissmodel.errors import UsageError, did_you_mean
from dissmodel.executor.host import ModelInfo
from dissmodel.experiment.at_hand import AtHand
from dissmodel.record import ExperimentRecord
from dissmodel.running.model import DataRequest
from dissmodel.running.others import INPUT

if TYPE_CHECKING:
    from dissmodel.running.joined import Joined


def joined(
    request: DataRequest,
    info: ModelInfo,
    record: ExperimentRecord,
    found: Sequence[AtHand],
    stack: contextlib.ExitStack,
) -> Joined | None:
    """Make one dataset of several inputs, which are `found`, the first one first; None for a single one.

    What was read from each is noted in the record. A model that opens several inputs itself gets them as they
    are. `stack` keeps the dataset.

    Raises
    ------
    DissmodelError
        As `dissmodel.running.joined.join`.
    """
    first, *others = found
    if info.inputs:
        given = _names(request)
        left = [name for name in info.inputs if name not in given]
        record.source.name = next(iter(request.fields or left), "")
        return None
    if not (request.fields or request.others):
        return None
    from dissmodel.running.joined import First, join  # noqa: PLC0415  (most runs have one input)

    space = First(first, request.format, request.layer, record.band_map, record.column_map, request.fields)
    made = join(
        space,
        list(zip(request.others, others, strict=True)),
        info,
        stack.enter_context(temporary.new_folder()),
    )
    names = record.band_map if made.format == "raster" else record.column_map
    names |= made.names
    sources = [one for one in record.sources if one.role == INPUT]
    for source, reads in zip(sources, made.reads, strict=True):
        source.fields = reads
    return made


def check_names(request: DataRequest, info: ModelInfo) -> None:
    """Check the names of inputs, before they are fetched.

    Raises
    ------
    UsageError
        If a name is of no field of the model, or of no input that the model opens itself.
    """
    known = info.inputs or info.fields
    others = _names(request) if info.inputs else [name for one in request.others for name in one.fields]
    for name in (*request.fields, *others) if known else ():
        if name not in known:
            what = "input" if info.inputs else "field"
            raise UsageError(
                f"--input {name}=…: {info.name} has no {what} {name!r}."
                if name
                else f"An input without a name: {info.name} opens {', '.join(known)} itself.",
                did_you_mean(name, known) if name else f"--input {known[0]}=FILE",
            )


def _names(request: DataRequest) -> list[str]:
    return [one.name or next(iter(one.fields), "") for one in request.others]
