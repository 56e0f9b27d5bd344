"""From values to a page: tables, facts and charts, and the templates that show them as text.

Everything in a record is another person's text: it is escaped wherever it stands, and what can't be seen is
written as an escape.
"""

from __future__ import annotations

import base64
import functools
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib import resources
from typing import TYPE_CHECKING, Any

from dissmodel import __version__
from dissmodel.markup import number, shown

if TYPE_CHECKING:
    from jinja2 import Environment

MOST_ROWS = 500
"""Tables of records have so many rows at most."""


@dataclass(frozen=True)
class Bar:
    """A number that is drawn as a bar, from `low` to `high` (parts of the width, zero at `zero`)."""

    text: str
    left: float
    width: float
    colour: str


@dataclass(frozen=True)
class Swatch:
    """A name beside a colour, ``#rrggbb``."""

    text: str
    colour: str


@dataclass(frozen=True)
class Code:
    """A text that is typed or compared, such as a digest."""

    text: str


@dataclass(frozen=True)
class Link:
    """A text that leads to `url`."""

    text: str
    url: str


Cell = str | Bar | Swatch | Code | Link


@dataclass(frozen=True)
class Table:
    """Rows under a head; the first cell of a row names it.

    `texts`: so many columns are texts, and those after them numbers; 0 where all are texts. `more` counts the
    rows that are left out.
    """

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    texts: int = 0
    more: int = 0


@dataclass(frozen=True)
class Chart:
    """An ``svg`` element of ours, and what it shows, in words; a wide one has small letters."""

    svg: str
    caption: str
    alt: str
    legend: tuple[Swatch, ...] = ()
    wide: bool = False


@dataclass
class Page:
    """What stands on a page beside its own sections: what could not be shown, and a number for each chart."""

    told: list[str] = field(default_factory=list)
    charts: int = 0

    def number(self) -> int:
        """Return the number of the next chart."""
        self.charts += 1
        return self.charts


def table(
    caption: str, head: Iterable[str], rows: Iterable[Iterable[Cell]], *, most: int = MOST_ROWS, **more: Any
) -> Table:
    """Return a table of at most so many rows."""
    found = [tuple(row) for row in rows]
    return Table(caption, tuple(head), tuple(found[:most]), more=max(0, len(found) - most), **more)


def rendered(template: str, page: Page, **content: Any) -> bytes:
    """Return the page; the same content gives the same bytes."""
    script = _source("page.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    told = tuple(dict.fromkeys(page.told))
    text = (
        _environment()
        .get_template(template)
        .render(told=told, script_digest=digest, version=__version__, **content)
    )
    return text.encode()


@functools.cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415  (a run needs none)
    from markupsafe import Markup  # noqa: PLC0415  (as above)

    environment = Environment(
        loader=PackageLoader("dissmodel.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {"style": Markup(_source("page.css")), "script": Markup(_source("page.js"))}  # noqa: S704  (ours)

    def svg(chart: Chart) -> Markup:
        return Markup(chart.svg)  # noqa: S704  (its texts are escaped already)

    def png(image: bytes) -> Markup:
        return Markup(f"data:image/png;base64,{base64.b64encode(image).decode()}")  # noqa: S704  (no text is in it)

    environment.filters |= {"number": number, "svg": svg, "png": png}
    environment.tests |= {kind.__name__.lower(): _is(kind) for kind in (Bar, Swatch, Code, Link)}
    return environment


def _is(kind: type) -> Any:
    return lambda value: isinstance(value, kind)


@functools.cache
def _source(name: str) -> str:
    text = resources.files("dissmodel.reporting").joinpath("templates", name).read_text(encoding="utf-8")
    return "\n".join(text.splitlines())


def facts(rows: Mapping[str, object]) -> dict[str, object]:
    """Return the rows that say something."""
    return {name: value for name, value in rows.items() if value not in (None, "", (), [])}
