"""The examples' pages, as a reader follows them."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

EXAMPLES = Path(__file__).parents[2] / "examples"


def page(name: str) -> str:
    """Return the text of an example's page."""
    return (EXAMPLES / name / "README.md").read_text(encoding="utf-8")


def typed(name: str) -> list[list[str]]:
    """Return the commands of an example's page, each as its words."""
    return [shlex.split(line[2:]) for line in page(name).splitlines() if line.startswith("$ ")]


def complete_fitted(words: list[str]) -> None:
    """Do what the page of land use says after a fit: complete the table that was fitted."""
    if "fit" not in words:
        return
    settings = dict(re.findall(r"In `(\w+)\.toml` .*?```toml\n(.*?)```", page("land_use"), re.DOTALL))
    fitted = Path(words[-1])
    text = fitted.read_text(encoding="utf-8").replace("[model]\n", settings[fitted.stem])
    if fitted.stem == "classes":
        text = re.sub(r"^lu = .*$", r"\g<0>\nelasticity = 1.0", text, flags=re.MULTILINE)
    fitted.write_text(text, encoding="utf-8")
