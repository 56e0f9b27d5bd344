"""What CONTRIBUTING.md says of the layers is what import-linter checks."""

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
