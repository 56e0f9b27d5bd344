"""What a notebook shows of a run: its maps, files, parameters and metrics, and how to repeat it."""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dissmodel import markup
from dissmodel.errors import DissmodelError, shell_word
from dissmodel.experiment.recorded_input import recorded_input
from dissmodel.experiment.source import open_source
from dissmodel.record import store
from dissmodel.storage.uri import is_remote
from dissmodel.warn import keeping_warnings

if TYPE_CHECKING:
    from dissmodel.preview.panels import ResultMaps
    from dissmodel.record import ExperimentRecord

_WIDTH = 320
_SHOWN = 240  # pixels of the page, at least


def run_html(record: ExperimentRecord, place: Path | str, files: Mapping[str, Path | str]) -> str:
    """Return HTML of a run whose record is at `place`, a path or a URL; nothing is written, or fetched."""
    document = store.written(record)  # without secrets
    took = record.metrics.get("time_total_sec")
    after = f" in {took:.2f} s" if isinstance(took, float) else ""
    values, origin = document["parameters"], document.get("parameter_origin", {})
    parts = [
        f"<p><strong>{markup.text(record.model_name)}</strong> {markup.text(record.status)}{after}</p>",
        _maps(place) if files else "",
        markup.table(
            ("file", "path", "bytes"),
            [(name, _from_here(path), _size(record, name)) for name, path in files.items()],
        ),
        _folded("Parameters", ("parameter", "value", "from"), values, lambda name: (origin.get(name, ""),)),
        _folded("Metrics", ("metric", "value"), document["metrics"]),
        *(markup.paragraph(f"{one.severity}: {one.message}") for one in record.findings),
        f"<p>Check it: <code>dissmodel record verify {_word(place)}</code></p>",
        f"<p>Repeat it: <code>dissmodel reproduce {_word(place)}</code></p>",
    ]
    return "".join(parts)


def _word(place: Path | str) -> str:
    return markup.text(shell_word(_from_here(place)))


def _from_here(place: Path | str) -> str:
    """Return a path as it is typed here, where it is below the current folder."""
    with contextlib.suppress(OSError, ValueError):  # the current folder is gone, or this is no path below it
        return str(Path(place).relative_to(Path.cwd())) if isinstance(place, Path) else place
    return str(place)


def _size(record: ExperimentRecord, name: str) -> int | None:
    return record.files[name].size if name in record.files else None


def _folded(title: str, head: tuple[str, ...], values: Mapping[str, Any], more: Any = lambda _: ()) -> str:
    rows = [(name, value, *more(name)) for name, value in values.items()]
    return markup.folded(f"{title} ({len(rows)})", markup.table(head, rows)) if rows else ""


def _maps(place: Path | str) -> str:
    if is_remote(str(place)):
        return markup.paragraph("The maps are not drawn here: open() fetches the result.")
    told: list[str] = []
    try:
        with keeping_warnings(told), open_source(place) as opened, contextlib.ExitStack() as stack:
            from dissmodel.preview.panels import result_maps  # noqa: PLC0415  (it loads what reads the data)

            opened.bring()
            source = None
            try:
                here = recorded_input(opened, None, offline=True, agree=lambda _place: None)
                source = stack.enter_context(here).path
            except DissmodelError as error:
                told.append(f"The state before can't be drawn: {error.message}")
            maps = result_maps(opened, source, width=_WIDTH, steps=False)
    except Exception as error:  # noqa: BLE001  (the result is good; a picture that can't be drawn says why)
        said = error.message if isinstance(error, DissmodelError) else f"{type(error).__name__}: {error}"
        return markup.paragraph(f"No map: {said}")
    return "".join([*_figures(maps), *map(markup.paragraph, dict.fromkeys(told))])


def _figures(maps: ResultMaps) -> Iterator[str]:
    yield '<div style="display: flex; flex-wrap: wrap; gap: 1em">'
    for panel in maps.panels:
        picture = base64.b64encode(panel.image).decode()
        title = markup.text(f"{maps.band} {panel.title}")
        yield (
            f'<figure style="margin: 0"><img alt="{title}" src="data:image/png;base64,{picture}" '
            f'style="width: {_SHOWN}px; height: {_SHOWN * maps.aspect:.0f}px; image-rendering: pixelated">'
            f"<figcaption>{title}</figcaption></figure>"
        )
    yield "</div>"
    if maps.legend is not None:
        drawn = {one.code for one in maps.amounts}
        colours = [(one.colour, one.name) for one in maps.legend if one.code in drawn]
        yield f"<p>{' '.join(_swatch(colour, name) for colour, name in colours)}</p>"
    elif maps.ramp is not None:
        low, high, name = maps.ramp
        yield markup.paragraph(f"from {low:g} to {high:g} ({name})")


def _swatch(colour: str, name: str) -> str:
    return f'<span style="color: {markup.text(colour)}">■</span> {markup.text(name)}'
