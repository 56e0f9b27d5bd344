"""What is on an HTML page."""

from html.parser import HTMLParser
from pathlib import Path

VOID = {"img", "input", "meta"}


class Page(HTMLParser):
    """The elements of a page with their attributes, its words, and the cells of its tables, by row."""

    def __init__(self, path):
        super().__init__()
        self.elements, self.words, self.heads, self.rows, self._open = [], [], [], [], []
        self.source = Path(path).read_text(encoding="utf-8")
        self.feed(self.source)
        self.close()
        assert not self._open

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag == "tr":
            self._rows.append([])
        if tag in {"td", "th"}:
            self._rows[-1].append("")
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert tag == self._open.pop()

    def handle_data(self, data):
        if self._open and self._open[-1] in {"script", "style"}:
            return
        self.words.append(data)
        if {"td", "th"} & {*self._open}:
            self._rows[-1][-1] += data.strip()

    @property
    def _rows(self):
        return self.heads if "thead" in self._open else self.rows

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())

    @property
    def tags(self):
        return {tag for tag, _ in self.elements}

    def of(self, tag):
        return [attrs for name, attrs in self.elements if name == tag]

    def row(self, name):
        """Return the only row of all tables that begins with a cell."""
        (found,) = (row for row in self.rows if row[0] == name)
        return found
