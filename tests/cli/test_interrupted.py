"""A pair that a run began to replace, here or elsewhere: what each command does with it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dissmodel import materialize
from dissmodel.record import Artifact, ExperimentRecord, Replacement, store
from dissmodel.record.digest import sha256_file
from support.cases import mostly_slow

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")

DIES = """
import os, signal
from dissmodel import materialize
def die(source, finals, promote=materialize.promote):
    promote(source, finals)
    os.kill(os.getpid(), signal.SIGKILL)
materialize.promote = die
"""


@pytest.fixture
def data(dissmodel):
    assert dissmodel  # it goes into the folder of the test
    Path("data.bin").write_bytes(b"some bytes")
    return Path("data.bin").absolute()


@pytest.fixture
def interrupted(dissmodel, data, executor_file):
    """A pair of which the new files have their names when the run is killed."""
    assert 0 == dissmodel("run", executor_file(run="return b'old'"), "-i", data, "-o", "r.bin").code
    words = ["run", executor_file("dies", head=DIES), "-i", data, "-o", "r.bin", "--overwrite"]
    ended = subprocess.run([sys.executable, "-m", "dissmodel", *map(str, words)], check=False)
    assert -9 == ended.returncode
    assert "replacing" == store.read(Path("r.record.json")).status
    return Path.cwd()


def tree(folder="."):
    return {
        path.relative_to(folder).as_posix(): (
            str(path.readlink()) if path.is_symlink() else path.read_bytes() if path.is_file() else None
        )
        for path in Path(folder).rglob("*")
        if not path.name.endswith(".lock")  # an empty file, and every run may take it
    }


LOOKING = {
    "show": (["record", "show", "r.record.json"], 0),
    "show --json": (["record", "show", "r.record.json", "--json"], 0),
    "verify": (["record", "verify", "r.record.json"], 4),
    "list": (["record", "list", "."], 0),
    "list --verify": (["record", "list", ".", "--verify"], 4),
    "diff": (["record", "diff", "r.record.json", "r.record.json"], 0),
}
TAKING = {
    "reproduce": (["reproduce", "r.record.json"], 3),
    "push": (["push", "r.record.json", "--to", "there"], 2),
    "bundle": (["record", "bundle", "r.record.json", "--output", "b.zip"], 3),
    "sign": (["record", "sign", "r.record.json", "--key", "none"], 4),
}


def test_looking_changes_nothing(dissmodel, interrupted):
    before = tree()

    for name, (words, code) in (LOOKING | TAKING).items():
        said = dissmodel(*words)

        assert code == said.code, (name, said.err)
        assert before == tree(), name
        if name in LOOKING:
            assert "a run began to replace this result and did not finish" in said.err
            assert f"{interrupted / '.dissmodel-r' / 'old'}" in said.err
            assert f"--output {interrupted / 'r.bin'}" in said.err


@pytest.mark.slow
def test_a_list_as_json_tells_too(dissmodel, interrupted):
    said = dissmodel("record", "list", ".", "--json")

    (told,) = said.json["interrupted"]
    assert str(interrupted / "r.record.json") in told


def test_the_next_run_to_the_output_restores_and_then_goes_on(dissmodel, data, executor_file, interrupted):
    refused = dissmodel("run", executor_file(), "-i", data, "-o", "r.bin")

    assert (2, b"old") == (refused.code, Path("r.bin").read_bytes())
    assert {"data.bin", "r.bin", "r.record.json"} == set(tree())
    assert 0 == dissmodel("record", "verify", "r.record.json").code
    assert 0 == dissmodel("run", executor_file(), "-i", data, "-o", "r.bin", "--overwrite").code
    assert interrupted == Path.cwd()


@pytest.mark.slow
def test_a_run_to_another_output_leaves_it(dissmodel, data, executor_file, interrupted):
    before = tree()

    assert 0 == dissmodel("run", executor_file(), "-i", data, "-o", "s.bin").code

    assert before.items() <= tree().items()
    assert {"s.bin", "s.record.json"} == set(tree()) - set(before)
    assert interrupted == Path.cwd()


SIDED = (
    "Path(record.output_path).write_bytes(result); "
    "Path(record.output_path).with_name('side.csv').write_bytes(result); return record"
)


def test_a_run_to_another_output_takes_no_name_that_is_to_come_back(dissmodel, data, executor_file):
    sided = executor_file(save=SIDED)
    assert 0 == dissmodel("run", sided, "-i", data, "-o", "r.bin").code
    words = ["run", executor_file("dies", head=DIES), "-i", data, "-o", "r.bin", "--overwrite"]
    subprocess.run([sys.executable, "-m", "dissmodel", *map(str, words)], check=False)
    assert not Path("side.csv").exists()

    assert 0 == dissmodel("run", sided, "-i", data, "-o", "s.bin").code

    assert not Path("side.csv").exists()
    assert 2 == dissmodel("run", sided, "-i", data, "-o", "r.bin").code
    assert 0 == dissmodel("record", "verify", "r.record.json", "s.record.json").code


def brought(way, interrupted, tmp_path):
    """Bring the folder to another place as others may; return that place."""
    there = tmp_path / "there"
    if way == "cp -r":
        shutil.copytree(interrupted, there, symlinks=True)
    elif way == "tar":
        shutil.make_archive(str(tmp_path / "it"), "tar", interrupted)
        shutil.unpack_archive(tmp_path / "it.tar", there, filter="data")
    elif way == "git clone":
        for words in (
            ["init", "-q"],
            ["add", "-A"],
            ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "x"],
        ):
            subprocess.run(["git", "-C", interrupted, *words], check=True)
        subprocess.run(["git", "clone", "-q", interrupted, there], check=True)
    else:
        interrupted.rename(there)
        interrupted.mkdir()
    return there


@pytest.mark.fast_cases("cp -r")
@pytest.mark.parametrize("way", mostly_slow(["cp -r", "tar", "git clone", "mv"], "cp -r", "mv"))
def test_elsewhere_nothing_moves(dissmodel, data, executor_file, interrupted, tmp_path, monkeypatch, way):
    content = data.read_bytes()
    there = brought(way, interrupted, tmp_path)
    monkeypatch.chdir(there)
    data.write_bytes(content)
    before = tree()

    commands = [words for words, _ in LOOKING.values()]
    commands += [["run", executor_file(), "-i", data, "-o", "r.bin", *more] for more in ([], ["--overwrite"])]
    for words in commands:
        said = dissmodel(*words)

        assert before == tree(), words
        assert str(there / ".dissmodel-r" / "old" / "0") in said.err
        assert str(there / "r.bin") in said.err
        assert "mv ./.dissmodel-r/old/0 ./r.bin" in said.err
    assert 3 == said.code


def test_what_the_message_tells_to_type_settles_it(
    dissmodel, data, executor_file, interrupted, tmp_path, monkeypatch
):
    there = brought("cp -r", interrupted, tmp_path)
    monkeypatch.chdir(there)
    hint = dissmodel("run", executor_file(), "-i", "data.bin", "-o", "r.bin").err
    typed = hint.partition("earlier result back: ")[2].partition(". To keep")[0]

    subprocess.run(typed, shell=True, check=True)

    assert 0 == dissmodel("record", "verify", "r.record.json").code
    assert b"old" == Path("r.bin").read_bytes()


@pytest.mark.fast_cases(
    "a linked scratch folder-.git/hooks/post-checkout",
    "files-.bashrc",
    "files-/etc/x",
    "a linked old-maps/keys",
)
@pytest.mark.parametrize(
    "name", [".git/hooks/post-checkout", "maps/keys", "/etc/x", "../x", ".bashrc", "r.bin"]
)
@pytest.mark.parametrize("kept", ["files", "a linked scratch folder", "a linked old"])
def test_a_hostile_record_moves_nothing(dissmodel, data, executor_file, tmp_path, name, kept):
    outside = tmp_path / "outside"
    for folder in (outside / "old", Path(".git/hooks")):
        folder.mkdir(parents=True)
    for path in (outside / "0", outside / "old" / "0"):
        path.write_text("evil")
    Path("maps").symlink_to(outside)
    Path("thesis.bin").write_text("mine")
    scratch = Path(".dissmodel-r")
    if kept == "files":
        shutil.copytree(outside, scratch)
    elif kept == "a linked scratch folder":
        scratch.symlink_to(outside)
    else:
        scratch.mkdir()
        (scratch / "old").symlink_to(outside)
    new = {"thesis.bin": sha256_file("thesis.bin")}
    plan = Replacement(scratch=".dissmodel-r", old={"0": name}, new=new)
    store.write(
        ExperimentRecord(status="replacing", replacing=plan, output_path="r.bin"), Path("r.record.json")
    )
    before = (tree(), tree(outside))

    commands = [words for words, _ in LOOKING.values()]
    commands += [["run", executor_file(), "-i", data, "-o", "r.bin", *more] for more in ([], ["--overwrite"])]
    commands += [["run", executor_file(), "-i", data, "-o", "s.bin"]]
    for words in commands:
        dissmodel(*words)
    for made in ("s.bin", "s.record.json"):
        Path(made).unlink()

    assert before == (tree(), tree(outside))


@pytest.mark.parametrize("name", ["maps/mine.bin", ".git/config", "thesis/mine.bin"])
def test_a_hostile_record_of_a_run_that_completed_takes_no_neighbour_along(
    dissmodel, data, executor_file, tmp_path, name
):
    (tmp_path / "outside").mkdir()
    Path("maps").symlink_to(tmp_path / "outside")
    Path(name).parent.mkdir(exist_ok=True)
    Path(name).write_text("mine")
    record = ExperimentRecord(status="completed", output_path="r.bin")
    record.files = {"x": Artifact(path=name, size=4, sha256=sha256_file(name))}
    store.write(record, Path("r.record.json"))

    said = dissmodel("run", executor_file(), "-i", data, "-o", "r.bin", "--overwrite")

    assert (0, "mine") == (said.code, Path(name).read_text())


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="other systems don't look at the variable")
@pytest.mark.parametrize("state", mostly_slow(["a file", "read-only"], "a file"))
def test_a_home_that_can_not_be_written(data, executor_file, tmp_path, dissmodel, state):
    home = tmp_path / "home"
    if state == "a file":
        home.write_text("")
    else:
        if os.geteuid() == 0:
            pytest.skip("root writes everywhere")
        home.mkdir(mode=0o500)
    environ = os.environ | {"XDG_STATE_HOME": str(home)}

    def command(name, *more, **steps):
        words = ["run", executor_file(name, **steps), "-i", data, "-o", "r.bin", *more]
        done = [sys.executable, "-m", "dissmodel", *map(str, words)]
        return subprocess.run(done, check=False, env=environ, capture_output=True, text=True)

    made = [
        command("m", run="return b'old'"),
        command("m", "--overwrite"),
        command("m", "--overwrite", run="1 / 0"),
    ]
    assert [0, 0, 1] == [one.returncode for one in made], made
    assert 0 == dissmodel("record", "verify", "r.record.json").code
    assert -9 == command("dies", "--overwrite", head=DIES).returncode
    before = tree()
    said = command("m", "--overwrite")

    assert (3, before) == (said.returncode, tree())
    assert "your key for journals can't be kept or read" in said.stderr
    assert "mv ./.dissmodel-r/old/0 ./r.bin" in said.stderr


def test_a_run_leaves_the_folder_of_a_cut_pull(dissmodel, data, executor_file):
    scratch = materialize.make(Path.cwd() / f"{'ab' * 16}.record.json", "pull")
    materialize.work(scratch).mkdir()
    (materialize.work(scratch) / "output.bin").write_bytes(b"came before the pull was cut")
    before = tree()

    assert 0 == dissmodel("run", executor_file(), "-i", data, "-o", "r.bin").code

    assert before.items() <= tree().items()


def test_a_scratch_folder_of_someone_else_is_told_and_left(dissmodel, data, executor_file):
    Path(".dissmodel-r/new").mkdir(parents=True)
    Path(".dissmodel-r/new/r.bin").write_text("of 0.7.0")

    said = dissmodel("run", executor_file(), "-i", data, "-o", "r.bin")

    assert 0 == said.code
    assert f"{Path('.dissmodel-r').absolute()} was not made by this user on this machine" in said.err
    assert {
        ".dissmodel-r",
        ".dissmodel-r/new",
        ".dissmodel-r/new/r.bin",
        "data.bin",
        "r.bin",
        "r.record.json",
    } == set(tree())
