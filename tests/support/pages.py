"""The pages of the documentation: their blocks, their commands, and the prose around them."""

import re
import textwrap
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for pattern in ("README.md", "docs/**/*.md", "examples/*/README.md")
    for path in ROOT.glob(pattern)
)
FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`(dissmodel [^`]+)`")
KINDS = {"", "console", "python", "sh", "text", "toml", "yaml"}
PROGRAMS = ("dissmodel ", "python ", ".venv/bin/python ", "curl ", "docker ", "dask ", "check-jsonschema ")
FILE = re.compile(r"# ([\w.-]+\.(?:py|toml))\n")


@dataclass(frozen=True)
class Block:
    """A block of code: its page, its line there, its language and its text."""

    page: str
    line: int
    kind: str
    text: str

    @property
    def first(self):
        return self.text.partition("\n")[0]

    @property
    def file(self):
        """The file that the reader is to make of it, if its first line is a comment with a name; else ''."""
        named = FILE.match(self.text) if self.kind in {"python", "toml"} else None
        return named[1] if named else ""

    @property
    def commands(self):
        """The commands that a reader types, each in one line."""
        lines = self.text.replace("\\\n", " ").splitlines()
        if any(line.startswith("$ ") for line in lines):
            return [line[2:] for line in lines if line.startswith("$ ")]
        if self.kind == "sh":
            return [line for line in lines if line.strip()]
        return [line for line in lines if line.startswith(PROGRAMS)] if self.kind in {"", "text"} else []

    @property
    def runs(self):
        """Whether there is something to run, or a file to make for it."""
        return bool(self.commands or self.file or self.kind == "python")


def read(page):
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(page):
    """Return the blocks of a page, in order."""
    text = read(page)
    return [
        Block(page, text.count("\n", 0, found.start()) + 1, found[2], textwrap.dedent(found[3]))
        for found in FENCE.finditer(text)
    ]


def prose(page):
    """Return the text of a page without its blocks."""
    return FENCE.sub("", read(page))
