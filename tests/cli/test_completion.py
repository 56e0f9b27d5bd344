"""What bash, zsh and fish offer where Tab is pressed, with the scripts that dissmodel gives them."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import get_args

import pytest

from cli.test_startup import COMMAND, loaded
from dissmodel import known_models
from dissmodel.cli import offers
from dissmodel.record.schema import Status
from support.terminal import open_terminal

HOSTILE = "\\$(touch pwned)`touch pwned`.record.json"
MODEL = """
from typing import Literal
from dissmodel.executor import ModelExecutor
from pydantic import BaseModel, Field
class Mine(ModelExecutor):
    '''Mine alone.'''
    name = "mine"
    class Parameters(BaseModel):
        tide: Literal["high", "low"] | None = Field("high", description="When it is")
        {further}
    def load(self, record): return 1
    def run(self, data, record): return data
    def save(self, result, record): return record
"""


@pytest.fixture(autouse=True)
def nothing_is_known(monkeypatch):
    monkeypatch.setattr(known_models, "_seen", ("", None, {}))


@pytest.fixture
def ask(dissmodel, monkeypatch):
    """Return a function that gives what is offered for a line, as the scripts get it."""

    def answer(line, shell="zsh", breaks=""):
        with monkeypatch.context() as set_:
            set_.setenv("_DISSMODEL_LINE", line)
            if shell == "bash":
                set_.setenv("_DISSMODEL_BREAKS", breaks)
            set_.setenv("_DISSMODEL_COMPLETE", f"complete_{shell}")
            said = dissmodel()
        assert (0, "") == (said.code, said.err)
        return dict(one.split("\t") if "\t" in one else (one, "") for one in said.out.splitlines()[1:])

    return answer


def test_a_question_loads_no_model_and_nothing_heavy(dissmodel):
    dissmodel("show", "coastal_raster")

    line = "dissmodel run coastal_raster -p sea"
    said, heavy = loaded(COMMAND, _DISSMODEL_LINE=line, _DISSMODEL_COMPLETE="complete_zsh")

    assert (0, "") == (said.returncode, said.stderr)
    assert "sea_level_rise_rate=" in said.stdout
    assert set() == {name for name in heavy if not name.startswith("dissmodel.cli.")}
    modules = json.loads(Path("loaded.json").read_text())
    assert not {"dissmodel.executor", "dissmodel.models", "dissmodel.registry"} & set(modules)


def test_names_of_models_are_offered_before_and_after_any_command_has_seen_them(dissmodel, ask):
    before = ask("dissmodel run coastal_")
    dissmodel("show")
    after = ask("dissmodel run coastal_")

    names = ["coastal_raster", "coastal_validation", "coastal_vector"]
    assert (names, names) == (sorted(before), sorted(after))
    assert "Sea-level rise" in after["coastal_raster"]


def test_what_show_saw_of_a_model_completes_its_parameters_and_their_values(dissmodel, ask):
    assert {} == ask("dissmodel run coastal_raster -p sea")
    dissmodel("show", "coastal_raster")

    (known,) = ask("dissmodel run coastal_raster --input grid.tif -p sea").items()
    assert "sea_level_rise_rate=" == known[0]
    assert "Rise of the sea level" in known[1]
    assert ["taxa_elevacao="] == list(ask("dissmodel validate coastal_raster --param taxa"))
    assert ["sea_level_rise_rate="] == list(ask("dissmodel sweep coastal_raster --vary sea"))
    line = "dissmodel run coastal_raster -p accretion_enabled="
    assert ["accretion_enabled=true", "accretion_enabled=false"] == list(ask(line))
    assert ["accretion_enabled=true"] == list(ask(f"{line}t"))
    # bash takes what follows = as a word of its own.
    assert ["true"] == list(ask(f"{line}t", "bash", " =:"))
    assert ["accretion_enabled=true"] == list(ask(f"{line}t", "bash", " "))
    assert ["--param=tide_height="] == list(ask("dissmodel run coastal_raster --param=tide"))


def test_a_model_that_changed_is_not_completed_until_a_command_has_seen_it_again(dissmodel, ask):
    Path("mine.py").write_text(MODEL.format(further=""))
    assert 0 == dissmodel("show", "mine.py").code
    assert ["tide="] == list(ask("dissmodel run mine.py -p "))
    assert ["tide=high", "tide=low"] == list(ask("dissmodel run mine.py -p tide="))

    Path("mine.py").write_text(MODEL.format(further="wind: float = 1.0"))

    assert [] == list(ask("dissmodel run mine.py -p "))
    assert 0 == dissmodel("show", "mine.py").code
    assert ["tide=", "wind="] == list(ask("dissmodel run mine.py -p "))
    Path("mine.py").unlink()
    assert [] == list(ask("dissmodel run mine.py -p "))


def test_a_file_of_a_model_is_quoted_where_names_stand_beside_it(dissmodel, ask):
    Path("coastal_$(touch pwned).py").touch()

    assert "coastal_\\$\\(touch\\ pwned\\).py" in ask("dissmodel run coastal_", "bash", " =:")
    assert "coastal_$(touch pwned).py" in ask("dissmodel run coastal_")


def test_what_a_toml_names_is_completed_too(dissmodel, ask):
    Path("m.toml").write_text("[model]\nclass = 'game_of_life'\n")
    dissmodel("show", "--toml", "m.toml")

    assert ["rule="] == list(ask("dissmodel run --toml m.toml -p ru"))


def test_names_of_a_registry_go_with_it(dissmodel, ask):
    Path("registry/models").mkdir(parents=True)
    Path("registry/models/tides.toml").write_text("[model]\nclass = 'coastal_raster'\ndescription = 'Ours'\n")
    dissmodel("registry", "add", "coast", Path("registry").absolute())
    dissmodel("registry", "sync")

    assert ["coast/tides"] == list(ask("dissmodel run coast/"))
    Path("registry/models/tides.toml").unlink()
    assert [] == list(ask("dissmodel run coast/"))


def test_a_broken_file_of_the_cache_is_as_none(dissmodel, ask, tmp_path):
    dissmodel("show")
    (file,) = (tmp_path / "user" / "cache" / "completion").iterdir()
    for text in ("{", "[]", json.dumps({"models": 1, "parameters": {"coastal_raster": {"files": 1}}})):
        file.write_text(text)

        assert "coastal_raster" in ask("dissmodel run ")
        assert {} == ask("dissmodel run coastal_raster -p ")
    assert 0 == dissmodel("show", "coastal_raster").code
    assert "tide_height=" in ask("dissmodel run coastal_raster -p ")


def test_settings_statuses_columns_and_records(dissmodel, ask):
    assert set(get_args(Status)) == set(offers.STATUSES) == ask("dissmodel record list --status ").keys()
    assert {"storage.profile": "a profile of ~/.aws/credentials"} == ask("dissmodel config set storage.p")
    assert ["true", "false"] == list(ask("dissmodel config set storage.secure "))
    assert ["seed"] == list(ask("dissmodel record list --sort se"))
    assert ["model,seed", "model,status"] == sorted(ask("dissmodel record list --columns model,s"))
    assert ["status", "summary"] == sorted(ask("dissmodel sweep s"))
    for name in ("a b.record.json", HOSTILE, "b.zip", "c.tif", ".hidden.record.json"):
        Path(name).touch()
    Path("runs").mkdir()
    Path("runs/one.record.json").touch()
    Path("two\nlines.record.json").touch()

    assert sorted(["a b.record.json", HOSTILE, "b.zip", "runs/"]) == sorted(ask("dissmodel reproduce "))
    assert ["runs/one.record.json"] == list(ask("dissmodel record verify runs/"))
    assert [".hidden.record.json"] == list(ask("dissmodel record verify ."))


def test_settings_that_cannot_be_read_are_no_error_of_a_shell(dissmodel, ask, tmp_path):
    (tmp_path / "user" / "config").mkdir(parents=True)
    for place in (tmp_path / "user" / "config" / "config.toml", Path("dissmodel.toml")):
        place.write_text("= no TOML")

    assert {} == ask("dissmodel run coast")
    assert {} == ask("dissmodel run coastal_raster -p ")


def test_an_older_script_for_zsh_gets_nothing_that_it_would_run(dissmodel, monkeypatch):
    Path(HOSTILE).touch()
    Path("good.record.json").touch()

    monkeypatch.setenv("_DISSMODEL_COMPLETE", "complete_zsh")
    monkeypatch.setenv("_TYPER_COMPLETE_ARGS", "dissmodel record show ")

    assert "_arguments '*: :((\"good.record.json\"))'\n" == dissmodel().out


def typed(shell, folder, *keys):
    """Type keys into a shell that has our script, on a terminal; each time wait for what it has to show."""
    import fcntl
    import termios

    words = {"bash": ["--norc", "--noprofile"], "zsh": ["-f"], "fish": ["--no-config"]}[shell]
    first = "autoload -U compinit; compinit -u -D; " if shell == "zsh" else ""
    program = folder / "bin" / "dissmodel"
    program.parent.mkdir()
    program.write_text(f"#!{sys.executable}\n{COMMAND}\n")
    program.chmod(0o755)
    environ = {**os.environ, "TERM": "xterm", "PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}"}
    environ |= {"HOME": str(folder), "LC_ALL": "C.UTF-8", "PS1": "> "}
    script = subprocess.check_output([program], env={**environ, "_DISSMODEL_COMPLETE": f"source_{shell}"})
    (folder / "script").write_bytes(script)
    ours, theirs = open_terminal(200)
    running = subprocess.Popen(
        [shell, *words, "-i"],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=environ,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509  (it only calls the system)
    )
    os.close(theirs)
    shown = b""
    try:
        os.set_blocking(ours, False)
        for key, until in ((f"{first}source {folder}/script; echo re''ady\n", "ready"), *keys):
            os.write(ours, key.encode())
            ends = time.monotonic() + 60
            while until.encode() not in (plain := re.sub(rb"\x1b\[[0-9;?]*[a-zA-Z]|\x07", b"", shown)):
                assert time.monotonic() < ends, (key, plain)
                time.sleep(0.05)
                try:
                    shown += os.read(ours, 100_000)
                except BlockingIOError:
                    continue
                if b"\x1b[c" in shown or b"\x1b[0c" in shown:  # fish asks what terminal this is
                    os.write(ours, b"\x1b[?1;2c")
                    shown = shown.replace(b"\x1b[c", b"").replace(b"\x1b[0c", b"")
            shown = b""
    finally:
        running.kill()
        running.wait()
        os.close(ours)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals")
@pytest.mark.parametrize(
    "shell", ["bash", *(pytest.param(one, marks=pytest.mark.slow) for one in ("zsh", "fish"))]
)
def test_a_real_shell(dissmodel, tmp_path, shell):
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    dissmodel("show", "coastal_raster")
    Path("a b.record.json").touch()
    Path(f"z{HOSTILE}").touch()

    typed(
        shell,
        tmp_path,
        ("dissmodel run coastal_r\t", "coastal_raster "),
        ("-p sea\t", "sea_level_rise_rate="),
        ("3 -p accr\t", "accretion_enabled="),
        ("f\t", "false "),
        ("\x15dissmodel record show a\t", "a\\ b.record.json "),
        ("\x15dissmodel record show z\t", ".record.json "),
    )

    assert not Path("pwned").exists()
