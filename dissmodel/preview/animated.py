"""The states of a run as an animation: before, those that were kept, after."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from dissmodel.experiment.source import Source
from dissmodel.preview.maps import Maps, read_steps
from dissmodel.record import ExperimentRecord
from dissmodel.visualization.animation import Animation, gif
from dissmodel.visualization.paletted import Paletted


def animated(opened: Source, result: Path, maps: Maps) -> tuple[bytes, tuple[int, ...]]:
    """Return the states as a GIF, and the steps of those that were kept.

    Raises
    ------
    InvalidInput
        If there are more classes than a GIF has colours.
    """
    first, last = maps.steps
    kept: list[int] = []

    def frames() -> Iterator[tuple[str, Paletted]]:
        if maps.before is not None:
            yield f"step {first - 1}" if first else "before", maps.before
        for step, picture in read_steps(opened, result, maps):
            kept.append(step)
            if not first or first - 1 < step < last or (step == first - 1 and maps.before is None):
                yield f"step {step}", picture
        yield f"step {last}" if last else "after", maps.after

    return gif(_animation(opened.record, maps), frames()), tuple(kept)


def _animation(record: ExperimentRecord, maps: Maps) -> Animation:
    shown = {one.code for one in maps.amounts}
    return Animation(
        title=f"{record.model_name or 'a model'}: {maps.band}",
        legend=tuple(one for one in maps.legend or () if one.code in shown),
        ramp=maps.ramp,
        what=maps.band,
        is_beyond=maps.is_beyond[0],
        aspect=maps.canvas.aspect,
        metres=maps.canvas.metres,
    )
