"""Each command, snippet and table of the documentation is of this version, without running it."""

import ast
import doctest
import re
import shlex
import tomllib
from typing import Any

import pytest
import typer
from ruamel.yaml import YAML

from dissmodel.cli.app import app
from pages.how_pages_run import BEFORE, BEFORE_BLOCK, EXITS, NOT_RUN
from pages.test_snippets import is_of, steps
from support.pages import INLINE, KINDS, PAGES, ROOT, Block, blocks, prose, read

ALL = [block for page in PAGES for block in blocks(page)]
NO_COMMANDS = {"dissmodel content 1"}  # what a content digest begins with
TREE = typer.main.get_command(app)


def problem(line):
    """Return what is wrong with a command of dissmodel as a text, without running it; else ''."""
    words = shlex.split(line.replace("…", "").replace("...", ""), comments=True)
    ends = [at for at, word in enumerate(words) if word in {"|", "||", "&&", ">", ">>"}]
    words = words[1 : ends[0] if ends else None]
    command: Any = TREE
    while hasattr(command, "commands"):
        found = [name for name in command.commands if words[: len(name.split())] == name.split()]
        if not found:
            break
        name = max(found, key=len)
        command = command.get_command(None, name)
        words = words[len(name.split()) :]
    context = command.context_class(command)
    if hasattr(command, "commands") and words and words[0][0] != "-" and not words[0].isupper():
        return f"no command {words[0]}"
    try:
        options, _, given = command.make_parser(context).parse_args(words)
        for parameter in given:
            value = options.get(parameter.name)
            if hasattr(parameter.type, "choices") and value is not None:
                parameter.type_cast_value(context, value)
    except Exception as error:  # noqa: BLE001  (the parser's own errors, whose class is Typer's)
        return str(error) or type(error).__name__
    return ""


@pytest.mark.parametrize("page", PAGES)
def test_commands_have_the_words_and_options_that_exist(page):
    lines = [line for block in blocks(page) for line in block.commands if line.startswith("dissmodel ")]
    inline = {" ".join(line.split()) for line in INLINE.findall(prose(page))} - NO_COMMANDS

    assert [] == [(line, problem(line)) for line in lines if problem(line)]
    assert [] == [line for line in inline if problem(line) and problem(f"{line} VALUE")]


@pytest.mark.parametrize(
    "line",
    [
        "dissmodel run m --input a.tif --outptu b.tif",
        "dissmodel runs m",
        "dissmodel record shwo r.json",
        "dissmodel run m -i a.tif --format teapot",
        "dissmodel run m --output",
    ],
)
def test_a_command_that_does_not_exist_is_found(line):
    assert problem(line)
    assert not problem("dissmodel run m -i a.tif -p x=1 --format raster | head")
    assert not problem("dissmodel sweep status fires")


@pytest.mark.parametrize("page", PAGES)
def test_python_compiles_and_settings_parse(page):
    for block in blocks(page):
        if block.text.startswith(">>>"):
            parts = [one.source for one in doctest.DocTestParser().get_examples(block.text)]
            ast.parse("".join(parts))
        elif block.kind == "python":
            ast.parse(block.text, f"{page}:{block.line}")
        elif block.kind == "toml" and block.text.count("\ndemand = ") < 2:  # else ways to say the same
            tomllib.loads(block.text)
        elif block.kind == "yaml":
            YAML(typ="safe").load(block.text)


def test_each_block_runs_or_says_why_not():
    runs = {where for page in PAGES for where, *_ in steps(page)}
    excused = [block for block in ALL if any(is_of(key, block) for key in NOT_RUN)]

    assert len(runs) > 80
    assert {block.kind for block in ALL} <= KINDS
    assert [] == [
        f"{block.page}:{block.line}"
        for block in ALL
        if block.runs and block not in excused and f"{block.page}:{block.line}" not in runs
    ]
    assert [] == [key for key in NOT_RUN if not any(is_of(key, block) and block.runs for block in ALL)]
    assert [] == [key for key in BEFORE_BLOCK if not any(is_of(key, block) for block in ALL)]
    assert [] == [page for page in BEFORE if not steps(page)[1:]]
    assert set(EXITS) <= {line for block in ALL for line in block.commands}


def test_no_command_hides_outside_of_a_block():
    """Such as in an indented block, which no test would find."""
    typed = re.compile(r"^(?: *\$ | {4,}dissmodel )", re.MULTILINE)

    assert [] == [page for page in PAGES if typed.search(prose(page))]


def test_what_a_block_says_of_itself():
    console = Block("p", 1, "console", "$ dissmodel run m \\\n    -i a.tif\n3 runs\n$ ls\n")
    file = Block("p", 1, "python", "# mine.py\nx = 1\n")
    output = Block("p", 1, "console", "needs the whole space\n")

    assert ["dissmodel run m      -i a.tif", "ls"] == console.commands
    assert ("mine.py", True) == (file.file, file.runs)
    assert (["dissmodel serve"], True) == (
        Block("p", 1, "text", "dissmodel serve\n").commands,
        Block("p", 1, "text", "dissmodel serve\n").runs,
    )
    assert not output.runs


def test_the_exit_codes_of_the_page_are_those_of_the_program():
    from dissmodel import errors
    from dissmodel.cli.app import EXIT_BUG, EXIT_SIGINT

    page = read("docs/reference/exit-codes.md")
    listed = {int(code) for code in re.findall(r"^\| (\d+) \|", page, re.MULTILINE)}
    codes = {one.exit_code for one in vars(errors).values() if hasattr(one, "exit_code")}

    assert codes | {0, EXIT_BUG, EXIT_SIGINT, 143} == listed


def test_each_model_has_a_source():
    names = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["entry-points"]
    made_here = {"lucc_demand", "lucc_fit", "lucc_validation"}  # methods, with their sources on their pages

    assert [] == [
        name
        for name in names["dissmodel.executors"]
        if name not in made_here and f"`{name}`" not in read("docs/sources.md")
    ]
