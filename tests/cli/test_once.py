"""An option that takes one value is refused where it is given twice: none of them would be told apart."""

import pytest
import typer

from dissmodel.cli.app import app
from dissmodel.cli.commands import Once


def commands(command, path=()):
    below = getattr(command, "commands", None)
    if below is None:
        yield path, command
        return
    for name in below:
        yield from commands(command.get_command(None, name), (*path, name))


COMMANDS = dict(commands(typer.main.get_command(app)))
SINGLE = [
    (*path, max(one.opts, key=len))
    for path, command in COMMANDS.items()
    for one in command.params
    if one.param_type_name == "option" and not one.multiple and not one.is_flag
]


@pytest.mark.parametrize("words", SINGLE, ids=" ".join)
def test_an_option_with_one_value_is_refused_where_it_is_given_twice(dissmodel, words):
    *path, option = words

    said = dissmodel(*path, f"{option}=1", option, "2")

    assert 2 == said.code
    message, hint = said.err.splitlines()
    assert f"error: {option} is given twice: 1 and 2." == message
    assert hint.strip()


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_does_so(path):
    assert isinstance(COMMANDS[path], Once)


def test_a_list_may_be_given_twice_and_a_flag_too(dissmodel, make_coast):
    make_coast.main(["--output", "grid.zip"])
    said = dissmodel(
        *("run", "coastal_raster", "-i", "grid.zip", "-o", "r.tif", "-q", "-q"),
        *("-p", "end_time=2", "-p", "tide_height=1"),
    )

    assert (0, "r.tif\nr.record.json\n", "") == (said.code, said.out, said.err)


def test_a_script_of_a_model_refuses_them_too(dissmodel, executor_file, monkeypatch, capsys):
    from dissmodel.executor.cli import run_cli
    from dissmodel.registry import plugins

    model = plugins.find(str(executor_file())).executor
    monkeypatch.setattr("sys.argv", ["mine.py", "run", "-i", "a", "-i", "b"])
    with pytest.raises(SystemExit) as ended:
        run_cli(model)

    assert 2 == ended.value.code
    assert "--input is given twice: a and b." in capsys.readouterr().err
