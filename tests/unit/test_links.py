"""Each link of a page to a file or a heading of the project leads there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "examples/**/*.md")
    for path in ROOT.glob(pattern)
    if ".venv" not in path.parts
)
FENCE = re.compile(r"^( *)(```|~~~).*?^\1\2$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`[^`\n]*`")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HOST = re.compile(r"https?://[a-z0-9-]+(\.[a-z0-9-]+)+(/[\w./~%#?&=:+-]*)?")
HEADING = re.compile(r"^#+ +(.+?) *#*$", re.MULTILINE)


def prose(path):
    return FENCE.sub("", path.read_text(encoding="utf-8"))


def anchors(path):
    """Return the anchors of a page's headings, as GitHub makes them."""
    found = []
    for heading in HEADING.findall(prose(path)):
        text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        anchor = re.sub(r"[^\w\- ]", "", text).replace(" ", "-")
        found.append(f"{anchor}-{found.count(anchor)}" if anchor in found else anchor)
    return found


def dead_links(path):
    dead = []
    for link in LINK.findall(CODE.sub("", prose(path))):
        name, _, anchor = link.partition("#")
        target = (path.parent / name) if name else path
        is_outside = "://" in link or link.startswith("mailto:")
        if not is_outside and (not target.exists() or (anchor and anchor not in anchors(target))):
            dead.append(link)
    return dead


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_each_link_leads_somewhere(path):
    assert [] == dead_links(path)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_each_link_to_a_host_is_well_formed(path):
    links = [link for link in LINK.findall(CODE.sub("", prose(path))) if "://" in link]

    assert [] == [link for link in links if not HOST.fullmatch(link)]


def test_dead_links_are_found(tmp_path):
    page = tmp_path / "page.md"
    (tmp_path / "other.md").write_text("# A title: `code` and more\n", encoding="utf-8")
    page.write_text(
        "# Here\n[a](other.md#a-title-code-and-more) [b](#here) [c](https://example.org/x) `[d](e)`\n"
        "[f](gone.md) [g](other.md#gone) [h](#gone)\n```\n[i](j)\n# there\n```\n",
        encoding="utf-8",
    )

    assert ["gone.md", "other.md#gone", "#gone"] == dead_links(page)


def test_each_page_of_the_documentation_can_be_reached_from_the_readme():
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop().resolve()
        if page not in reached and page.suffix == ".md":
            reached.add(page)
            links = LINK.findall(CODE.sub("", prose(page)))
            waiting += [page.parent / link.partition("#")[0] for link in links if "://" not in link]

    assert [] == [page.name for page in PAGES if page.parent == ROOT / "docs" and page not in reached]
