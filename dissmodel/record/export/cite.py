"""A citation of a result: as a line of text, for BibTeX, as CSL-JSON for reference managers."""

from __future__ import annotations

import re
from typing import Any

from dissmodel.record.about import Creator
from dissmodel.record.export.described import Described, filled

_LATEX = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"} | {
    letter: f"\\{letter}" for letter in "&%$#_{}"
}


def text(run: Described) -> str:
    """Return a citation in the form that DataCite recommends.

    Creator (Year): Title. Publisher. Dataset. Identifier. What is not known is left out.
    """
    about = run.about
    names = "; ".join(one.name for one in about.creators)
    year = f"({run.ended.year})"
    begin = f"{names} {year}: {run.title}" if names else f"{run.title} {year}"
    parts = [begin, about.publisher.name if about.publisher else "", "Dataset"]
    return f"{'. '.join(part.rstrip('.') for part in parts if part)}. {_made_with(run)}."


def bibtex(run: Described) -> str:
    """Return an entry for BibTeX; the class ``@misc`` is known to every style."""
    about = run.about
    fields = filled(
        author=" and ".join(_bibtex_name(one) for one in about.creators),
        title=f"{{{_latex(run.title)}}}",
        year=str(run.ended.year),
        publisher=_latex(about.publisher.name) if about.publisher else "",
        howpublished="Dataset",
        keywords=_latex(", ".join(about.keywords)),
        note=_latex(_made_with(run)),
    )
    lines = "".join(f",\n  {name} = {{{value}}}" for name, value in fields.items())
    return f"@misc{{{_key(run)}{lines}\n}}\n"


def csl(run: Described) -> list[dict[str, Any]]:
    """Return the result as an item of CSL-JSON."""
    about = run.about
    item = filled(
        id=_key(run),
        type="dataset",
        title=run.title,
        abstract=about.description,
        publisher=about.publisher.name if about.publisher else "",
        keyword=", ".join(about.keywords),
        note=_made_with(run),
    )
    item["issued"] = {"date-parts": [[run.ended.year, run.ended.month, run.ended.day]]}
    if about.creators:
        item["author"] = [_csl_name(one) for one in about.creators]
    return [item]


def _made_with(run: Described) -> str:
    model, ours = run.model, run.dissmodel
    return f"Model {model.name} {model.version}, dissmodel {ours.version}, record {run.digest}"


def _key(run: Described) -> str:
    creator = run.about.creators[0] if run.about.creators else None
    family = creator.family_and_given[0] if creator and creator.family_and_given else run.record.model_name
    word = re.sub(r"[^a-z0-9]", "", family.lower())[:40] or "result"
    return f"{word}{run.ended.year}{re.sub(r'[^0-9a-zA-Z]', '', run.record.experiment_id)[:8]}"


def _csl_name(creator: Creator) -> dict[str, str]:
    parts = creator.family_and_given
    return {"family": parts[0], "given": parts[1]} if parts else {"literal": creator.name}


def _bibtex_name(creator: Creator) -> str:
    return _latex(creator.name) if creator.family_and_given else f"{{{_latex(creator.name)}}}"


def _latex(words: str) -> str:
    return "".join(_LATEX.get(letter, letter) for letter in words)
