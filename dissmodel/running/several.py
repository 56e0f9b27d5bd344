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
        _name_own(request, info, record)
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


def _name_own(request: DataRequest, info: ModelInfo, record: ExperimentRecord) -> None:
    """Check the names of inputs that the model opens itself, and note that of the first one."""
    listed = ", ".join(info.inputs)
    names = [one.name or next(iter(one.fields), "") for one in request.others]
    left = [name for name in info.inputs if name not in names]
    record.source.name = next(iter(request.fields or left), "")
    for name in (*request.fields, *names):
        if name not in info.inputs:
            given = f"--input {name}=…" if name else "An input without a name"
            raise UsageError(
                f"{given}: the inputs of {info.name} are {listed}.",
                did_you_mean(name, info.inputs) if name else f"--input {info.inputs[0]}=FILE",
            )
