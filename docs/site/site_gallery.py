"""The gallery: pictures that the commands of the examples' pages make."""

from __future__ import annotations

import contextlib
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from example_pages import EXAMPLES, complete_fitted, page, typed

SHOWN = ("coast", "fire", "town", "land_use", "life")
LEFT_OUT = "The pictures were left out of this build.\n"


def pictures(name: str) -> Iterator[tuple[str, list[str]]]:
    """Yield the name of each picture that an example makes, and the command that makes it."""
    for words in typed(name):
        if "--preview" in words and "run" in words:
            output = Path(words[words.index("--output") + 1])
            yield f"{output.stem}.preview.png", words


def gallery() -> str:
    """Return the gallery's page: each picture with the command that made it."""
    parts = []
    for name in SHOWN:
        title = page(name).partition("\n")[0].removeprefix("# ")
        parts.append(f"## {title}\n")
        for picture, words in pictures(name):
            parts.append(f"![{title}: before, after and what changed](gallery/{name}/{picture})\n")
            parts.append(f"```sh\n{shlex.join(words)}\n```\n")
        parts.append(f"[How it was made](examples/{name}.md)\n")
    return "\n".join(parts)


def draw(folder: Path) -> None:
    """Follow each example's page in a folder of its own, and copy its pictures into `folder`."""
    for name in SHOWN:
        with tempfile.TemporaryDirectory() as here, contextlib.chdir(here):
            for words in typed(name):
                _run(words)
                complete_fitted(words)
            (folder / name).mkdir(parents=True)
            for picture, _ in pictures(name):
                shutil.copyfile(picture, folder / name / picture)


def _run(words: list[str]) -> None:
    program, *rest = words
    if program == "python":
        rest[0] = str(EXAMPLES.parent / rest[0])
        words = [sys.executable, *rest]
    else:
        words = [sys.executable, "-m", program, *rest]
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
