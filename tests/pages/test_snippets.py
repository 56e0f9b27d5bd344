"""The blocks of the documentation run, in the order of their page, in a folder with what they read."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pages.how_pages_run import BEFORE, BEFORE_BLOCK, EXITS, NOT_RUN
from support.pages import PAGES, ROOT, blocks

RUNNER = Path(__file__).parents[1] / "support" / "page_runner.py"


def is_of(key, block):
    return key[0] == block.page and block.text.startswith(key[1])


def steps(page):
    """Return what is to be done on a page: where it stands, its kind, its text, and how it ends."""
    found = [(page, "command", BEFORE[page], 0)] if page in BEFORE else []
    for block in blocks(page):
        if not block.runs or any(is_of(key, block) for key in NOT_RUN):
            continue
        where = f"{page}:{block.line}"
        found += [(where, "python", text, 0) for key, text in BEFORE_BLOCK.items() if is_of(key, block)]
        if block.file:
            found.append((where, "file", f"{block.file}\n{block.text}", 0))
        elif block.kind == "python":
            found.append((where, "python", block.text, 0))
        found += [(where, "command", command, EXITS.get(command, 0)) for command in block.commands]
    return found


RUN = [page for page in PAGES if any(kind != "file" for _, kind, *_ in steps(page)[page in BEFORE :])]


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.mark.slow
@pytest.mark.parametrize("page", RUN)
def test_the_blocks_of_a_page_run(page, tmp_path, cache):
    here = tmp_path / "here"
    here.mkdir()
    for name in ("examples", ".venv"):
        (here / name).symlink_to(ROOT / name)
    environment = {
        **os.environ,
        "HOME": str(tmp_path / "home"),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT / "tests"),
        "DISSMODEL_CONFIG": str(tmp_path / "config"),
        "DISSMODEL_DATA": str(tmp_path / "data"),
        "DISSMODEL_CACHE": str(cache),
    }

    said = subprocess.run(
        [sys.executable, RUNNER],
        input=json.dumps(steps(page)),
        cwd=here,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert 0 == said.returncode, f"{said.stdout[-3000:]}\n{said.stderr[-3000:]}"
