"""Build the site of the documentation: ``python docs/site/build_site.py`` writes it to ``build/site/html``.

The pages of the project are copied, with links that fit the site, and what the project says of itself (its
commands, models, exit codes, the schema of its record) is written into them. Then Zensical builds the site: a
link or an anchor that leads nowhere, or a docstring that cannot be rendered, fails. Nothing is fetched.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from posixpath import normpath, relpath

import site_gallery
import site_reference as reference

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = Path(__file__).with_name("zensical.toml")
MARK = re.compile(r"^<!-- generated: (\w+) ?(.*?) -->$", re.MULTILINE)
LINK = re.compile(r"(\[[^\]]*\]\()([^)\s]+)(\))")
# Code in fences and in backticks, which has no links.
CODE = re.compile(r"(^( *)(?:```|~~~).*?^\2(?:```|~~~)$|`[^`\n]*`)", re.MULTILINE | re.DOTALL)


def pages() -> dict[PurePosixPath, PurePosixPath]:
    """Return the pages by their path in the project: their path in the site."""
    found = {}
    for path in sorted(ROOT.glob("docs/**/*.md")):
        here = path.relative_to(ROOT / "docs")
        found[PurePosixPath("docs", here)] = PurePosixPath(here if here.name != "README.md" else "index.md")
    for path in sorted(ROOT.glob("examples/*/README.md")):
        name = path.parent.name
        found[PurePosixPath("examples", name, "README.md")] = PurePosixPath("examples", f"{name}.md")
    for name in ("CHANGELOG.md", "CONTRIBUTING.md"):
        found[PurePosixPath(name)] = PurePosixPath(name.lower())
    return found


def listed(entry: object) -> Iterator[str]:
    """Yield the pages of a navigation, or of a part of one."""
    if isinstance(entry, str):
        yield entry
    elif isinstance(entry, Mapping):
        for part in entry.values():
            yield from listed(part)
    elif isinstance(entry, list):
        for part in entry:
            yield from listed(part)


def navigation() -> list[str]:
    """Return the pages of the site's navigation, in its order."""
    settings = tomllib.loads(SETTINGS.read_text(encoding="utf-8"))
    return [*listed(settings["project"]["nav"])]


def with_links_of_the_site(text: str, page: PurePosixPath, folder: Path) -> str:
    """Return a page's text with links that fit the site; copy the files that are no pages into `folder`."""
    known = pages()
    here = known[page]

    def rewritten(link: re.Match[str]) -> str:
        name, _, anchor = link[2].partition("#")
        if not name or "://" in name or name.startswith("mailto:"):
            return link[0]
        target = PurePosixPath(normpath(page.parent / name))
        if target == PurePosixPath("README.md"):
            target = PurePosixPath("docs/README.md")
        there = known.get(target) or known.get(target / "README.md")
        if there is None:
            inside = target.relative_to("docs") if target.is_relative_to("docs") else "files" / target
            there = PurePosixPath(inside)
            (folder / there).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / target, folder / there)
        found = relpath(there, here.parent)
        return f"{link[1]}{found}{'#' if anchor else ''}{anchor}{link[3]}"

    parts = CODE.split(text)[::3]
    # Git hosts need a backslash before a | in the code of a table, and Zensical would show it.
    kept = [match[0].replace(r"\|", "|") if match[2] is None else match[0] for match in CODE.finditer(text)]
    prose = [LINK.sub(rewritten, part) for part in parts]
    return "".join(one + code for one, code in zip(prose, [*kept, ""], strict=True))


def generators(*, with_gallery: bool) -> Mapping[str, Callable[[str], str]]:
    """Return what a page's mark ``<!-- generated: NAME WORDS -->`` stands for, by its name."""
    return {
        "command_line": lambda _: reference.command_line(),
        "exit_codes": lambda _: reference.exit_codes(),
        "gallery": lambda _: site_gallery.gallery() if with_gallery else site_gallery.LEFT_OUT,
        "models": lambda _: reference.models(),
        "python_names": reference.python_names,
        "python_places": reference.python_places,
        "record_fields": lambda _: reference.record_fields(),
    }


def write_pages(folder: Path, *, with_gallery: bool) -> None:
    """Write the pages of the site, with what is generated into them."""
    known = generators(with_gallery=with_gallery)
    for page, place in pages().items():
        text = with_links_of_the_site((ROOT / page).read_text(encoding="utf-8"), page, folder)
        path = folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(MARK.sub(lambda mark: known[mark[1]](mark[2]), text), encoding="utf-8")
    shutil.copyfile(Path(__file__).with_name("site.css"), folder / "site.css")
    (folder / "record.schema.json").write_text(reference.record_schema(), encoding="utf-8")


def shown_names(folder: Path) -> list[str]:
    """Return the Python names that the pages below a folder show."""
    return [
        name
        for path in sorted(folder.rglob("*.md"))
        for name in re.findall(r"^::: (\S+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    ]


def build(folder: Path, *, with_gallery: bool) -> Path:
    """Build the site below a folder, and return the folder of its HTML; an earlier site there is replaced."""
    if folder.exists() and any(folder.iterdir()) and not (folder / SETTINGS.name).is_file():
        raise SystemExit(f"{folder} holds something else than a site. Give another --folder, or empty it.")
    shutil.rmtree(folder, ignore_errors=True)
    pages_folder = folder / "pages"
    pages_folder.mkdir(parents=True)
    shutil.copyfile(SETTINGS, folder / SETTINGS.name)
    write_pages(pages_folder, with_gallery=with_gallery)
    reference.check_docstrings(shown_names(pages_folder))
    if with_gallery:
        site_gallery.draw(pages_folder / "gallery")
    words = [sys.executable, "-m", "zensical", "build", "--strict", "--config-file", SETTINGS.name]
    subprocess.run(words, cwd=folder, check=True)
    return folder / "html"


def main() -> None:
    """Build the site that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "site", help="default: build/site")
    parser.add_argument("--without-gallery", action="store_true", help="leave the examples' pictures out")
    given = parser.parse_args()
    print(build(given.folder.resolve(), with_gallery=not given.without_gallery) / "index.html")


if __name__ == "__main__":
    main()
