"""What CONTRIBUTING.md and the README say of the checks is what the checks are."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_layers_are_those_that_are_checked():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    (layers,) = [contract["layers"] for contract in contracts if contract["id"] == "layers"]
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")

    assert layers == text.partition("```text\n")[2].partition("\n```")[0].splitlines()


def test_each_room_of_a_command_is_there():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    table = text.partition("| command | room |")[2].partition("\n\n")[0]
    rooms = [part.rstrip("/") for part in table.split("`") if part.endswith(("/", ".py"))]

    assert len(rooms) > 8
    assert [] == [room for room in rooms if not (ROOT / "dissmodel" / room).exists()]


def test_the_slow_parts_are_those_of_the_script():
    (parts,) = re.findall(
        r"^PARTS=\((.*)\)$", (ROOT / ".ci" / "slow").read_text(encoding="utf-8"), re.MULTILINE
    )
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")

    assert parts.split() == re.findall(r"^    bash \.ci/slow (\w+)", text, re.MULTILINE)


def test_each_folder_with_slow_tests_is_in_a_slow_part():
    script = (ROOT / ".ci" / "slow").read_text(encoding="utf-8")
    parts = set(re.findall(r"\btests/(\w+)", script))
    marks = re.compile(r"mark\.(slow|fast_cases)|mostly_slow\(")
    files = (ROOT / "tests").glob("*/**/test_*.py")
    folders = {
        path.relative_to(ROOT / "tests").parts[0]
        for path in files
        if marks.search(path.read_text(encoding="utf-8"))
    }

    assert {"api", "client", "unit"} < folders
    assert set() == folders - parts


def test_the_second_command_of_the_readme_is_run_as_it_stands():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    section = text.partition("## Two commands\n")[2].partition("\n## ")[0]
    commands = re.findall(r"^```sh\n(.*?)\n```$", section, re.MULTILINE | re.DOTALL)

    assert 2 == len(commands)
    assert commands[1] in (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
